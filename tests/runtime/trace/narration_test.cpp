// What people are told of an event.
#include <stepwise/tests/runtime/trace/hand_made.hpp>

#include <stepwise/runtime/trace/tools/narration.hpp>
#include <stepwise/runtime/trace/tools/sentences.hpp>

#include <doctest/doctest.h>

namespace {

using namespace trace_test;

std::string told(const HandMade& made, std::size_t event, Language language) {
    Recording recording = made.recording();
    return narrate(recording, recording.events().at(event), language);
}

TEST_CASE("a task's story is told with its function, its line, and why it was woken") {
    HandMade made = one_sleep();
    CHECK(told(made, 0, Language::english) == "Task-1 nap is started.");
    CHECK(told(made, 1, Language::english) == "Task-1 nap will begin in nap at nap.cpp:12.");
    CHECK(told(made, 6, Language::english) == "Timer #3 is set: it is due in 50 ms.");
    CHECK(told(made, 7, Language::english) == "Task-1 nap waits for a sleep at nap.cpp:12.");
    CHECK(told(made, 12, Language::english) == "Task-1 nap is woken: its timer is due.");
    CHECK(told(made, 7, Language::chinese) == "Task-1 nap 等一次 sleep（nap.cpp:12）。");
    CHECK(told(made, 12, Language::chinese) == "Task-1 nap 被唤醒：它的定时器到时了。");
}

TEST_CASE("a duration is told in three digits or four, in a unit that needs no exponent") {
    CHECK(duration_text(-1) == "0 s");
    CHECK(duration_text(999) == "999 ns");
    CHECK(duration_text(1'500) == "1.5 us");
    CHECK(duration_text(999'600) == "1 ms");
    CHECK(duration_text(49'900'000) == "49.9 ms");
    CHECK(duration_text(999'951'826) == "1 s");
    CHECK(duration_text(14'400'000'000'000) == "14400 s");
}

TEST_CASE("a task that has a name is called by it") {
    CHECK(told(one_sleep("the {napper}"), 8, Language::english) == "the {napper} waits for a sleep at nap.cpp:12.");
}

TEST_CASE("every kind has a sentence in both languages, for any values of its fields") {
    HandMade made;
    std::uint32_t text = made.string("what");
    for (int kind = static_cast<int>(Kind::turn_begin); kind < static_cast<int>(Kind::loop_end); ++kind) {
        for (std::uint8_t detail : {0, 1, 2, 3, 200}) {
            for (std::int64_t a : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{7}}) {
                made.add({.id = 1, .kind = static_cast<Kind>(kind), .detail = detail, .other = text, .a = a, .b = 2});
            }
        }
    }
    Recording recording = made.recording();
    CHECK(recording.events().size() == (static_cast<std::size_t>(Kind::loop_end) - 3) * 15);
    for (const Record& event : recording.events()) {
        std::string english = narrate(recording, event, Language::english);
        std::string chinese = narrate(recording, event, Language::chinese);
        CAPTURE(name_of(event.kind));
        CHECK(english.find_first_of("{}") == std::string::npos);
        CHECK(chinese.find_first_of("{}") == std::string::npos);
        CHECK(english.find(' ') != std::string::npos);
        CHECK(english != chinese);
    }
}

TEST_CASE("who waits to send waits for room; what the kernel is given keeps its name") {
    HandMade made;
    std::uint32_t send = made.string("send");
    made.add({.id = 1, .kind = Kind::await, .other = send});
    made.add({.id = 2, .kind = Kind::sqe, .other = 7, .a = send});
    CHECK(told(made, 0, Language::english) == "#1 waits for room to send.");
    CHECK(told(made, 1, Language::english) == "The kernel is given a send on descriptor 7.");
}

TEST_CASE("the last sentence of each kind fits always") {
    const Sentence* last = nullptr;
    for (const Sentence& sentence : sentences()) {
        if (last != nullptr && last->kind != sentence.kind) CHECK(last->when == If::always);
        last = &sentence;
    }
    CHECK(last->when == If::always);
}

TEST_CASE("functions are called by their own names, whichever compiler wrote them down") {
    CHECK(short_function("stepwise::Coro<void> {anonymous}::request_a(std::string)") == "request_a");
    CHECK(short_function("Coro<void> (anonymous namespace)::request_a(std::string)") == "request_a");
    CHECK(short_function("void {anonymous}::serve(serve()::_ZN12_GLOBAL__N_15serveEv.Frame*)") == "serve");
    CHECK(short_function("std::map<int, std::function<void(int)> > a::B::made(std::pair<int, int>)") == "made");
    CHECK(short_function("main") == "main");
    CHECK(short_function("") == "");
}

TEST_CASE("durations are told in the unit that fits") {
    CHECK(duration_text(999) == "999 ns");
    CHECK(duration_text(1'500'000) == "1.5 ms");
    CHECK(duration_text(5'000'000'000) == "5 s");
    CHECK(duration_text(-3) == "0 s");
}

}  // namespace
