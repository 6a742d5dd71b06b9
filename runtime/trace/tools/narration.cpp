#include <stepwise/runtime/trace/shapes.hpp>
#include <stepwise/runtime/trace/tools/narration.hpp>
#include <stepwise/runtime/trace/tools/sentences.hpp>

#include <fmt/args.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace stepwise::trace {

namespace {

// The object that an event names besides its own, by its kind's shape.
std::uint32_t target_of(const Record& event) noexcept {
    const Shape& shape = shape_of(event.kind);
    if (shape.a.meaning == Meaning::object) return static_cast<std::uint32_t>(event.a);
    if (shape.b.meaning == Meaning::object) return static_cast<std::uint32_t>(event.b);
    return 0;
}

bool fits(const Sentence& sentence, const Record& event) noexcept {
    switch (sentence.when) {
        case If::always:
            return true;
        case If::detail:
            return event.detail == sentence.value;
        case If::a_is:
            return event.a == sentence.value;
        case If::a_is_negative:
            return event.a < 0;
        case If::other_is:
            return event.other == sentence.value;
        case If::by_own_thread:
            return event.thread == 0;
        case If::target_is_known:
            return target_of(event) != 0;
    }
    return false;
}

struct Word {
    std::string_view of_the_trace;
    std::string_view english;
    std::string_view chinese;
};

constexpr auto words = std::to_array<Word>({
    {"sleep", "a sleep", "一次 sleep"},
    {"future", "a Future", "一个 Future"},
    {"gather", "all that it gathers", "它 gather 的全部"},
    {"wait", "some of several", "几个中的一些"},
    {"task group", "the tasks of its group", "它那组任务"},
    {"io", "the kernel", "内核"},
    {"send", "room to send", "发送的地方"},
    {"receive", "a message", "一条消息"},
});

std::string word_for(std::string_view text, Language language) {
    for (const Word& word : words) {
        if (word.of_the_trace == text) return std::string(language == Language::english ? word.english : word.chinese);
    }
    return std::string(text);
}

constexpr auto opcodes = std::to_array<std::string_view>({"continuation", "text", "binary"});
constexpr auto control_opcodes = std::to_array<std::string_view>({"close", "ping", "pong"});

std::string opcode_text(std::uint32_t opcode) {
    if (opcode < opcodes.size()) return std::string(opcodes[opcode]);
    if (opcode >= 8 && opcode - 8 < control_opcodes.size()) return std::string(control_opcodes[opcode - 8]);
    return std::to_string(opcode);
}

// The bits of poll(2).
std::string mask_text(std::int64_t mask, Language language) {
    constexpr auto names = std::to_array<Word>({{"\x01", "readable", "可读"},
                                                {"\x04", "writable", "可写"},
                                                {"\x08", "error", "出错"},
                                                {"\x10", "hang-up", "挂断"}});
    std::string text;
    for (const Word& name : names) {
        if ((mask & name.of_the_trace[0]) == 0) continue;
        text += (text.empty() ? "" : ", ");
        text += language == Language::english ? name.english : name.chinese;
    }
    return text.empty() ? std::to_string(mask) : text;
}

// What an event is as the reason of another, in half a sentence.
std::string reason_half(const Recording& recording, const Record& cause, Language language) {
    bool english = language == Language::english;
    std::string name = recording.cast().name(cause.id);
    switch (cause.kind) {
        case Kind::timer_fire:
            return english ? "its timer is due" : "它的定时器到时了";
        case Kind::task_done:
        case Kind::future_done:
            return english ? name + " is done" : name + " 完成了";
        case Kind::cancel_request:
            return english ? "it is asked to end" : "它被要求结束";
        case Kind::cqe:
        case Kind::ready:
            return english ? fmt::format("the kernel has news of descriptor {}", cause.other)
                           : fmt::format("内核有描述符 {} 的消息", cause.other);
        case Kind::resume:
            return english ? "there is room to send again" : "又有地方发送了";
        case Kind::ws_frame:
            return english ? "a frame has come" : "来了一个帧";
        case Kind::ws_close:
            return english ? "the WebSocket is closed" : "WebSocket 关闭了";
        case Kind::bytes:
            return english ? "bytes have moved" : "字节有了进展";
        case Kind::select_enter:
        case Kind::select_exit:
            return english ? "the kernel has news" : "内核有消息";
        default:
            return {};
    }
}

// Up the causes to one that says something by itself.
std::string reason(const Recording& recording, const Record& event, Language language) {
    const Record* cause = recording.find(event.by);
    for (int far = 0; cause != nullptr && far < 8; ++far, cause = recording.find(cause->by)) {
        if (std::string half = reason_half(recording, *cause, language); !half.empty()) {
            return (language == Language::english ? ": " : "：") + half;
        }
        if (cause->kind == Kind::step_begin) {
            std::string name = recording.cast().name(cause->id);
            return language == Language::english ? fmt::format(" by {}", name) : fmt::format("：是 {} 做的", name);
        }
    }
    return {};
}

std::string place_text(const Recording& recording, const Record& event, Language language) {
    std::uint32_t at = event.at != 0 ? event.at : recording.cast().of(event.id).at;
    bool own = event.at != 0 || event.kind == Kind::run_begin || event.kind == Kind::ready_push;
    std::string place = own ? place_of(recording.reader(), at) : std::string();
    if (place.empty()) return {};
    return language == Language::english ? fmt::format(" at {}", place) : fmt::format("（{}）", place);
}

std::string own_string(const Recording& recording, const Record& event) {
    const Shape& shape = shape_of(event.kind);
    const Reader& reader = recording.reader();
    if (shape.other.meaning == Meaning::string) return std::string(reader.string(event.other));
    std::string text;
    if (shape.a.meaning == Meaning::string) text = reader.string(static_cast<std::uint64_t>(event.a));
    if (shape.b.meaning == Meaning::string && event.b != 0) {
        text += fmt::format(": {}", reader.string(static_cast<std::uint64_t>(event.b)));
    }
    return text;
}

}  // namespace

std::optional<Language> language_of(std::string_view word) noexcept {
    if (word == "en") return Language::english;
    if (word == "zh") return Language::chinese;
    return std::nullopt;
}

std::string duration_text(std::int64_t nanoseconds) {
    double value = static_cast<double>(nanoseconds);
    if (nanoseconds < 0) return "0 s";
    if (nanoseconds < 1'000) return fmt::format("{} ns", nanoseconds);
    // What would be rounded to 1000 of a unit is told in the next one.
    if (nanoseconds < 999'500) return fmt::format("{:.3g} us", value / 1e3);
    if (nanoseconds < 999'500'000) return fmt::format("{:.3g} ms", value / 1e6);
    return value < 1e12 ? fmt::format("{:.4g} s", value / 1e9) : fmt::format("{:.0f} s", value / 1e9);
}

bool is_worth_telling(const Record& event) noexcept {
    switch (event.kind) {
        case Kind::turn_begin:
        case Kind::turn_end:
        case Kind::phase:
        case Kind::select_exit:
        case Kind::run_end:
        case Kind::step_end:
        case Kind::future_drop:
        case Kind::callback_add:
        case Kind::snap:
        case Kind::keyframe_begin:
        case Kind::keyframe_end:
        case Kind::held:
            return false;
        case Kind::select_enter:
            return event.a != 0;
        case Kind::ready_push:
            return event.detail != static_cast<std::uint8_t>(HandleOf::before_poll);
        default:
            return true;
    }
}

std::string narrate(const Recording& recording, const Record& event, Language language) {
    const Sentence* found = nullptr;
    for (const Sentence& sentence : sentences()) {
        if (sentence.kind == event.kind && fits(sentence, event)) {
            found = &sentence;
            break;
        }
    }
    if (found == nullptr) return std::string(name_of(event.kind));
    fmt::dynamic_format_arg_store<fmt::format_context> blanks;
    auto fill = [&](const char* name, auto value) { blanks.push_back(fmt::arg(name, value)); };
    fill("it", recording.cast().name(event.id));
    fill("target", recording.cast().name(target_of(event)));
    std::string what = own_string(recording, event);
    fill("what", event.kind == Kind::await ? word_for(what, language) : what);
    fill("place", place_text(recording, event, language));
    fill("why", event.kind == Kind::wakeup ? reason(recording, event, language) : std::string());
    fill("n", event.a);
    fill("m", event.other);
    fill("fd", static_cast<std::int32_t>(event.other));
    fill("thread", event.thread);
    fill("time", duration_text(event.a));
    fill("left", duration_text(event.a - event.t));
    fill("op", opcode_text(event.other));
    fill("mask", mask_text(event.a, language));
    fill("hash", fmt::format("{:016x}", static_cast<std::uint64_t>(event.a)));
    fill("error", std::string(event.a < 0 && event.a > -4096 ? std::strerror(static_cast<int>(-event.a)) : "?"));
    std::string_view text = language == Language::english ? found->english : found->chinese;
    return fmt::vformat(text, blanks);
}

std::string told_line(const Recording& recording, const Record& event, Language language) {
    return fmt::format("{:6}  {:10.4f} s  {}", event.seq, recording.seconds(event),
                       narrate(recording, event, language));
}

}  // namespace stepwise::trace
