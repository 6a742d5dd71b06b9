#include <stepwise/runtime/trace/tools/stepper.hpp>

#include <fmt/format.h>

namespace stepwise::trace {

namespace {

constexpr std::size_t early_keys_max = 256;

}  // namespace

bool Stepper::press(Pressed pressed) {
    if (pressed.key == Key::interrupted) return false;
    if ((live_ && !begun_) || !early_.empty()) return keep(pressed);
    return press_now(pressed);
}

bool Stepper::press_now(Pressed pressed) {
    if (question_ != Question::none) return press_in_question(pressed);
    if (pressed.key == Key::none || pressed.key == Key::resized) return true;
    said_.clear();
    awaited_ = nullptr;
    switch (pressed.key) {
        case Key::letter:
            return press_letter(pressed.letter);
        case Key::right:
        case Key::enter:
            return press_letter('n');
        case Key::left:
        case Key::erase:
            return press_letter('p');
        case Key::home:
            follows_ = false;
            timeline_.seek(0);
            return true;
        case Key::end:
            return press_letter('c');
        default:
            return true;
    }
}

bool Stepper::keep(Pressed pressed) {
    if (pressed.key == Key::letter && pressed.letter == 'q') return false;
    if (pressed.key != Key::none && early_.size() < early_keys_max) early_.push_back(pressed);
    return true;
}

bool Stepper::press_letter(char letter) {
    bool english = language_ == Language::english;
    follows_ = false;
    switch (letter) {
        case 'q':
            return false;
        case 'n':
        case ' ':
            go([this](const Record& event) { return is_shown(event); }, "step handle",
               english ? "this is the last step" : "这是最后一步");
            break;
        case 'p':
            back();
            break;
        case 'h':
            go([](const Record& event) { return event.kind == Kind::run_begin; }, "step handle",
               english ? "no handle is left" : "没有 handle 了");
            break;
        case 'u':
            go([](const Record& event) { return event.kind == Kind::turn_begin; }, "step turn",
               english ? "no turn is left" : "没有下一圈了");
            break;
        case 'c':
            follows_ = true;
            timeline_.seek(recording_.events().size());
            if (live_) ask("continue");
            break;
        case 't':
            question_ = Question::task;
            break;
        case '/':
            question_ = Question::text;
            break;
        case 'N':
            find_text();
            break;
        default:
            break;
    }
    return true;
}

void Stepper::go(Wanted wanted, std::string command, std::string nothing) {
    if (timeline_.forward_to(wanted)) return;
    if (!live_) {
        said_ = std::move(nothing);
        return;
    }
    // What has come and is not wanted lies behind: only what comes now is looked at.
    timeline_.seek(recording_.events().size());
    await(std::move(wanted), std::move(command), std::move(nothing));
    ask(asked_);
}

void Stepper::await(Wanted wanted, std::string command, std::string nothing) {
    awaited_ = std::move(wanted);
    asked_ = std::move(command);
    nothing_ = std::move(nothing);
}

void Stepper::ask(const std::string& command) {
    command_ = command;
    held_ = false;
}

void Stepper::follow() {
    follow_events();
    while (!awaited_ && begun_ && !early_.empty()) {
        Pressed pressed = early_.front();
        early_.pop_front();
        press_now(pressed);
    }
}

void Stepper::follow_events() {
    const std::vector<Record>& events = recording_.events();
    for (; looked_at_ < events.size(); ++looked_at_) {
        if (events[looked_at_].kind == Kind::held) held_ = events[looked_at_].detail == 0;
    }
    if (live_ && !begun_ && !events.empty()) {
        begun_ = true;
        await([this](const Record& event) { return is_shown(event); }, "step handle", "");
    }
    if (follows_) return timeline_.seek(events.size());
    if (!awaited_) return;
    if (timeline_.forward_to(awaited_)) {
        awaited_ = nullptr;
    } else if (held_ && live_) {
        timeline_.seek(events.size());
        ask(asked_);
    }
}

void Stepper::ended() {
    live_ = false;
    if (!std::exchange(awaited_, nullptr)) return;
    timeline_.seek(recording_.events().size());
    said_ = nothing_;
}

void Stepper::back() {
    if (!timeline_.back_to([this](const Record& event) { return is_shown(event); })) timeline_.seek(0);
}

bool Stepper::press_in_question(Pressed pressed) {
    if (pressed.key == Key::enter) {
        answer();
    } else if (pressed.key == Key::escape) {
        question_ = Question::none;
        typed_.clear();
    } else if (pressed.key == Key::erase && !typed_.empty()) {
        // All bytes of a letter of UTF-8.
        while (typed_.size() > 1 && (static_cast<unsigned char>(typed_.back()) & 0xC0U) == 0x80U) typed_.pop_back();
        typed_.pop_back();
    } else if (pressed.key == Key::letter && typed_.size() < 60) {
        typed_ += pressed.letter;
    }
    return true;
}

void Stepper::answer() {
    searched_ = typed_;
    typed_.clear();
    (std::exchange(question_, Question::none) == Question::task) ? to_task() : find_text();
}

// By its number or by a part of its name.
void Stepper::to_task() {
    auto is_meant = [this](std::uint32_t id) {
        const Person& task = recording_.cast().of(id);
        return task.role == Role::task && (searched_ == std::to_string(task.number) ||
                                           recording_.cast().name(id).find(searched_) != std::string::npos);
    };
    std::string command = "step task";
    for (const auto& [id, task] : timeline_.state().tasks) {
        if (is_meant(id)) command = fmt::format("until task {}", id);
    }
    go([is_meant](const Record& event) { return event.kind == Kind::step_begin && is_meant(event.id); }, command,
       fmt::format(
           fmt::runtime(language_ == Language::english ? "no step of a task '{}' is left" : "没有任务 '{}' 的下一步了"),
           searched_));
}

// Only in what has come: what the program will do is not known.
void Stepper::find_text() {
    bool moved = timeline_.forward_to([this](const Record& event) {
        return is_shown(event) && narrate(recording_, event, language_).find(searched_) != std::string::npos;
    });
    if (!moved) {
        said_ = language_ == Language::english ? fmt::format("'{}' is not found behind this", searched_)
                                               : fmt::format("后面没有 '{}'", searched_);
    }
}

std::string Stepper::footer() const {
    bool english = language_ == Language::english;
    if (question_ == Question::task) return (english ? " until task: " : " 到任务: ") + typed_ + "_";
    if (question_ == Question::text) return " /" + typed_ + "_";
    if (!said_.empty()) return " " + said_;
    return english ? " n step  p back  h handle  u turn  t until task  / find  N again  c end  q quit"
                   : " n 下一步  p 后退  h handle  u 圈  t 到任务  / 查找  N 再找  c 末尾  q 退出";
}

}  // namespace stepwise::trace
