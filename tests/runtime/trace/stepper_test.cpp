// The stepper without a terminal: the state at each moment, keys, and what stands on the screen.
#include <stepwise/runtime/trace/tools/stepper.hpp>
#include <stepwise/tests/runtime/trace/hand_made.hpp>

#include <doctest/doctest.h>

namespace {

using namespace trace_test;

// All that a state tells, as text.
std::string told(const State& state) {
    std::string text;
    for (std::uint32_t id : state.ready) text += "ready " + std::to_string(id) + "\n";
    for (const auto& [id, timer] : state.timers) text += "timer " + std::to_string(id) + "\n";
    for (const auto& [id, task] : state.tasks) {
        text += "task " + std::to_string(id) + (task.suspended ? " waits" : "") + " frames";
        for (const State::Frame& frame : task.frames) text += " " + std::to_string(frame.id);
        text += "\n";
    }
    return text + "runs " + std::to_string(state.running);
}

TEST_CASE(
    "the state follows the events: what is ready runs, a timer that fires is gone, a task waits where it awaits") {
    Recording recording = one_sleep().recording();
    Timeline timeline(recording);
    timeline.seek(3);
    CHECK(told(timeline.state()) == "ready 1\ntask 1 frames 2\nruns 0");
    timeline.seek(6);
    CHECK(told(timeline.state()) == "task 1 frames 2\nruns 1");
    timeline.seek(9);
    CHECK(told(timeline.state()) == "timer 3\ntask 1 waits frames 2\nruns 1");
    timeline.seek(14);
    CHECK(told(timeline.state()) == "task 1 frames 2\nruns 0");
}

HandMade many_events() {
    HandMade made;
    for (std::uint32_t id = 1; id < 1500; ++id) {
        made.add({.id = id, .kind = Kind::task_new, .other = id});
        made.add({.id = id, .kind = Kind::ready_push, .detail = 1});
        if (id % 3 == 0) made.add({.id = id, .kind = Kind::run_begin});
        if (id % 3 == 0) made.add({.id = id, .kind = Kind::run_end});
    }
    return made;
}

TEST_CASE("forward then back is where it was, near and far, across checkpoints") {
    Recording recording = many_events().recording();
    Timeline timeline(recording);
    for (std::size_t position : {std::size_t{0}, std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{513},
                                 std::size_t{1700}, std::size_t{3996}}) {
        Timeline fresh(recording);
        fresh.seek(position);
        timeline.seek(position);
        std::string before = told(timeline.state());
        CHECK(before == told(fresh.state()));
        timeline.seek(position + 700);
        timeline.seek(position);
        CHECK(timeline.position() == position);
        CHECK(told(timeline.state()) == before);
    }
    timeline.seek(1'000'000);
    CHECK(timeline.position() == recording.events().size());
}

TEST_CASE("a keyframe begins the state anew, whatever was lost") {
    HandMade made;
    made.add({.id = 1, .kind = Kind::task_new, .other = 1});
    made.add({.id = 1, .kind = Kind::ready_push, .detail = 1});
    made.add({.kind = Kind::dropped, .a = 9});
    made.add({.kind = Kind::keyframe_begin});
    made.add({.id = 7, .kind = Kind::task_new, .other = 2});
    made.add({.id = 9, .kind = Kind::frame_call, .other = 8, .a = 7});
    made.add({.id = 8, .kind = Kind::frame_call, .a = 7});
    made.add({.kind = Kind::keyframe_end});
    Recording recording = made.recording();
    Timeline timeline(recording);
    timeline.seek(8);
    CHECK(told(timeline.state()) == "task 7 frames 8 9\nruns 0");
}

Pressed pressed(char letter) {
    return {letter == '\n' ? Key::enter : letter == '\x1b' ? Key::escape : Key::letter, letter};
}

struct Person {
    Recording recording;
    Stepper stepper;
    Screen screen{{}};
    Shown shown{"story", "", "ended with exit code 0", false, Language::english};

    explicit Person(const HandMade& made)
        : recording(made.recording()), stepper(recording, Language::english, false, false) {}
    bool press(std::string_view letters) {
        bool goes_on = true;
        for (char letter : letters) goes_on = stepper.press(pressed(letter));
        return goes_on;
    }
    Grid look(Size size = {80, 24}) {
        shown.footer = stepper.footer();
        return screen.draw(recording, stepper.timeline(), shown, size);
    }
    std::string row(int number) { return look().row_text(number); }
};

TEST_CASE("the screen at 80x24 shows the task that waits, its timer, the sentence, and where the program stands") {
    Person person(one_sleep());
    person.press("nnnnnnn");
    std::string text;
    Grid grid = person.look();
    for (int row = 0; row < 24; ++row) text += grid.row_text(row) + "\n";
    CHECK(text == R"( story  epoll  turn 1  flush  0.0070 s
nap.cpp:12





Tasks                                   Ready queue (0)
> Task-1 nap: waits for sleep :12       > Task-1 nap




                                        Timers (1)
                                          Timer #3: in 49 ms

Futures (0)             Kernel (0)



Task-1 nap waits for a sleep at nap.cpp:12.

viewing 8 of 14; the program stands at 14: ended with exit code 0
 n step  p back  h handle  u turn  t until task  / find  N again  c end  q quit
)");
}

TEST_CASE("n goes one step on, p one back to the same screen, c to the end, q ends") {
    Person person(one_sleep());
    person.press("nnn");
    CHECK(person.row(22) == "viewing 3 of 14; the program stands at 14: ended with exit code 0");
    std::string before = person.look().drawn();
    person.press("n");
    CHECK(person.row(22).starts_with("viewing 5 of 14"));
    CHECK(person.look().drawn() != before);
    person.press("p");
    CHECK(person.look().drawn() == before);
    person.press("c");
    CHECK(person.row(22).starts_with("viewing 14 of 14"));
    person.press("n");
    CHECK(person.row(23) == " this is the last step");
    person.press("pppppppppppppppp");
    CHECK(person.row(22).starts_with("viewing 0 of 14"));
    CHECK(!person.press("q"));
}

TEST_CASE("t goes to a task's next step by its number or name; / to a sentence; both say when there is none") {
    Person person(one_sleep());
    person.press("t");
    CHECK(person.row(23) == " until task: _");
    person.press("na\n");
    CHECK(person.row(20) == "Task-1 nap takes a step: it runs until its next await.");
    person.press("t1\n");
    CHECK(person.row(23) == " no step of a task '1' is left");
    person.press("/woken\n");
    CHECK(person.row(20) == "Task-1 nap is woken: its timer is due.");
    person.press("/nothing\n");
    CHECK(person.row(23) == " 'nothing' is not found behind this");
    std::string before = person.row(22);
    person.press("/q\x1b");
    CHECK(person.row(22) == before);
}

TEST_CASE("a program's names cannot move the cursor, and wide letters stay in their panel") {
    Person person(one_sleep("\x1b[2J睡觉的任务睡觉的任务睡觉的任务睡觉的任务"));
    person.press("nnnnnnnn");
    Grid grid = person.look();
    CHECK(grid.row_text(8).starts_with(">  [2J睡觉"));
    CHECK(grid.row_text(8).find("… >  [2J") != std::string::npos);
    for (int row = 0; row < 24; ++row) CHECK(columns_of(grid.row_text(row)) <= 80);
    CHECK(grid.drawn().find("\x1b[2J") == std::string::npos);
}

TEST_CASE("every size can be drawn, and one that is too small says so") {
    Person person(many_events());
    person.press("c");
    // Around the least size and the usual one, and far from both.
    for (int columns : {1, 2, 59, 60, 61, 80, 200}) {
        for (int rows : {1, 2, 15, 16, 17, 24, 60}) {
            Grid grid = person.look({columns, rows});
            CHECK(grid.size() == Size{columns, rows});
        }
    }
    CHECK(person.look({40, 10}).row_text(0) == "40x10: 60x16 >");
}

TEST_CASE("texts are broken at blanks, and between wide letters") {
    CHECK(wrapped("one two three", 8) == std::vector<std::string>{"one two ", "three"});
    CHECK(wrapped("一二三四", 5) == std::vector<std::string>{"一二", "三四"});
    CHECK(wrapped("", 5) == std::vector<std::string>{""});
}

// A program whose trace comes piece by piece.
struct Live {
    explicit Live(HandMade made = one_sleep()) : whole(std::move(made)) {}
    void come(std::size_t bytes) {
        recording.receive_data(std::span(whole.bytes()).subspan(come_to, bytes));
        come_to += bytes;
        stepper.follow();
    }
    // Until so many events are there.
    void come_until(std::size_t events) {
        while (recording.events().size() < events) come(sizeof(Record));
    }
    void come_all() { come(whole.bytes().size() - come_to); }
    void press(std::string_view letters) {
        for (char letter : letters) CHECK(stepper.press(pressed(letter)));
    }
    HandMade whole;
    std::size_t come_to = 0;
    Recording recording;
    Stepper stepper{recording, Language::english, false, true};
};

TEST_CASE("at the end of what has come n lets the program take a step, and follows it to what is told") {
    Live live;
    Stepper& stepper = live.stepper;
    live.come_until(1);
    CHECK(stepper.timeline().position() == 1);
    live.press("n");
    CHECK(stepper.take_command() == "step handle");
    CHECK(stepper.take_command() == "");
    CHECK(stepper.runs());
    live.come_all();
    CHECK(stepper.timeline().position() == 2);
    live.press("n");
    CHECK(stepper.take_command() == "");
    live.press("c");
    CHECK(stepper.take_command() == "continue");
    CHECK(stepper.timeline().position() == 14);
    stepper.ended();
    live.press("n");
    CHECK(stepper.footer() == " this is the last step");
    CHECK(!stepper.runs());
}

TEST_CASE("keys that are pressed before the program has told anything are kept: they count from its first step") {
    for (std::string_view keys : {"c", "nnp", "/woken\n", "nnnnnnc", "t"}) {
        Live early;
        early.press(keys);
        CHECK(early.stepper.take_command() == "");
        early.come_all();

        Live late;
        late.come_all();
        late.press(keys);
        CHECK(early.stepper.timeline().position() == late.stepper.timeline().position());
        CHECK(early.stepper.take_command() == late.stepper.take_command());
        CHECK(early.stepper.footer() == late.stepper.footer());
    }
    Live live;
    live.press("nn");
    CHECK(!live.stepper.press({Key::letter, 'q'}));
    CHECK(!live.stepper.press({Key::interrupted}));
}

TEST_CASE("each key that was pressed early takes its own step of the program") {
    Live live;
    live.press("nn");
    live.come_until(1);
    CHECK(live.stepper.take_command() == "step handle");
    live.come_until(2);
    CHECK(live.stepper.take_command() == "step handle");
    live.come_until(3);
    CHECK(live.stepper.take_command() == "");
}

TEST_CASE("a stop at which nothing happened that is told is passed: the gate is asked again") {
    HandMade made;
    made.add({.kind = Kind::held});
    made.add({.kind = Kind::held});
    Live live(made);
    live.come_until(1);
    CHECK(live.stepper.take_command() == "step handle");
    CHECK(live.stepper.runs());
    live.come_until(2);
    CHECK(live.stepper.take_command() == "step handle");
    CHECK(live.stepper.runs());
}

}  // namespace
