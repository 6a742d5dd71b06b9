// The keys of the stepper: what each does to the timeline and to the gate, and the questions of `t` and `/`.
//
// Steps through what has come; at its end a key becomes a command for the gate of the program, and the timeline goes on
// when the events come. Keys that are pressed before the first step is shown are kept for it. Knows no terminal and no
// socket, so that tests press keys. One thread.
#pragma once

#include <stepwise/runtime/trace/tools/screen.hpp>
#include <stepwise/runtime/trace/tools/terminal.hpp>

#include <deque>
#include <functional>
#include <string>
#include <utility>

namespace stepwise::trace {

class Stepper {
public:
    // `live`: there is a program behind the recording, and its gate is held.
    Stepper(const Recording& recording, Language language, bool everything, bool live)
        : recording_(recording), timeline_(recording), language_(language), everything_(everything), live_(live) {}

    // False: quit.
    bool press(Pressed pressed);
    // After more of the recording has come. Goes to the first step by itself.
    void follow();
    // The program has ended, or its trace has.
    void ended();
    // What the gate is to be told now; empty: nothing.
    std::string take_command() { return std::exchange(command_, {}); }
    // The program is not held: it was told to go on, and has not stopped yet.
    bool runs() const noexcept { return live_ && !held_; }

    const Timeline& timeline() const noexcept { return timeline_; }
    std::string footer() const;

private:
    enum class Question : std::uint8_t { none, task, text };
    using Wanted = std::function<bool(const Record&)>;

    bool keep(Pressed pressed);
    void follow_events();
    bool press_now(Pressed pressed);
    bool press_letter(char letter);
    bool press_in_question(Pressed pressed);
    void answer();
    bool is_shown(const Record& event) const noexcept { return everything_ || is_worth_telling(event); }
    // To the next event that is wanted: of those that have come, or of those that come after `command`.
    void go(Wanted wanted, std::string command, std::string nothing);
    void await(Wanted wanted, std::string command, std::string nothing);
    void ask(const std::string& command);
    void back();
    void to_task();
    void find_text();

    const Recording& recording_;
    Timeline timeline_;
    Language language_;
    bool everything_;
    bool live_;
    bool begun_ = false;         // something has come
    std::deque<Pressed> early_;  // what was pressed before
    bool held_ = false;
    bool follows_ = false;       // `c`: stays at the end as it moves
    std::size_t looked_at_ = 0;  // events that follow() has seen
    Wanted awaited_;             // what the last command was sent for
    std::string asked_;          // that command
    std::string nothing_;        // what is said if it never comes
    std::string command_;
    Question question_ = Question::none;
    std::string typed_;
    std::string searched_;
    std::string said_;  // what was wrong with the last key
};

}  // namespace stepwise::trace
