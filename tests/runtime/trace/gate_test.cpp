// A listener on a Unix socket: it gets the events as they come, and holds the loop where it says.
#include <stepwise/runtime/trace/reducer.hpp>
#include <stepwise/tests/runtime/support.hpp>
#include <stepwise/tests/runtime/trace/traced.hpp>

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

namespace {

using namespace runtime_test;
using namespace trace_test;

constexpr int deadline_ms = 10'000;

class Listener {
public:
    Listener() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::string path = (folder_.path / "socket").string();
        std::memcpy(address.sun_path, path.c_str(), path.size());
        listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listening_, 4) == 0);
    }
    ~Listener() {
        hang_up();
        ::close(listening_);
    }

    std::string to() const { return "unix:" + (folder_.path / "socket").string(); }
    void accept() {
        connection_ = ::accept(listening_, nullptr, nullptr);
        REQUIRE(connection_ >= 0);
    }
    void hang_up() {
        if (connection_ >= 0) ::close(connection_);
        connection_ = -1;
    }
    void say(std::string_view text) {
        CHECK(::send(connection_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    }
    // Reads until `enough` says so, or the end.
    Story& read_until(const std::function<bool(const Record&)>& enough) {
        for (;;) {
            while (auto event = story_.reader.next_event()) {
                story_.events.push_back(*event);
                if (enough(*event)) return story_;
            }
            pollfd readable{connection_, POLLIN, 0};
            REQUIRE(::poll(&readable, 1, deadline_ms) == 1);
            char bytes[4096];
            ssize_t count = ::recv(connection_, bytes, sizeof bytes, 0);
            if (count <= 0) return story_;
            story_.reader.receive_data({bytes, static_cast<std::size_t>(count)});
        }
    }
    // Until the loop stands; the event before that.
    Record read_until_held() {
        read_until([](const Record& event) { return event.kind == Kind::held && event.detail == 0; });
        REQUIRE(story_.events.size() >= 2);
        return story_.events[story_.events.size() - 2];
    }
    Story& story() { return story_; }
    Story& read_to_end() {
        return read_until([](const Record&) { return false; });
    }

private:
    Folder folder_;
    int listening_ = -1;
    int connection_ = -1;
    Story story_;
};

Coro<void> sleeper(int rounds) {
    for (int round = 0; round < rounds; ++round) co_await sleep(1ms);
}

Coro<void> yielder(int rounds) {
    for (int round = 0; round < rounds; ++round) co_await stepwise::sleep(0s);
}

// The program, on a thread of its own: `held` from the start.
class Stage {
public:
    Stage(const Listener& listener, std::function<void(EventLoop&)> run, bool own_clock = true) {
        tracing_.emplace(listener.to());
        ::setenv("STEPWISE_TRACE_HELD", "1", 1);
        thread_ = std::thread([run = std::move(run), own_clock] {
            ManualClock clock{true};
            EventLoop::Options options;
            if (own_clock) options.clock = &clock;
            EventLoop loop(options);
            run(loop);
        });
    }
    ~Stage() { join(); }
    void join() {
        if (thread_.joinable()) thread_.join();
        ::unsetenv("STEPWISE_TRACE_HELD");
        tracing_.reset();
    }

private:
    std::optional<Tracing> tracing_;
    std::thread thread_;
};

void sleep_thrice(EventLoop& loop) {
    loop.run_until_complete(sleeper(3));
}

TEST_CASE("a held loop stands before its first turn, and goes on when it is let go") {
    Listener listener;
    Stage stage(listener, sleep_thrice);
    listener.accept();
    CHECK(listener.read_until_held().kind == Kind::turn_begin);
    listener.say("continue\n");
    Story& story = listener.read_to_end();
    CHECK(story.reader.complete());
    CHECK(story.all(Kind::timer_fire).size() == 3);
}

TEST_CASE("a step by handle stops before each handle, a step by turn at each turn, a step by phase at each phase") {
    Listener listener;
    Stage stage(listener, sleep_thrice);
    listener.accept();
    listener.read_until_held();
    listener.say("step phase\n");
    Record edge = listener.read_until_held();
    CHECK(edge.kind == Kind::phase);
    CHECK(edge.detail == static_cast<std::uint8_t>(Phase::flush));
    listener.say("step phase\n");
    CHECK(listener.read_until_held().detail == static_cast<std::uint8_t>(Phase::poll));
    listener.say("step turn\n");
    CHECK(listener.read_until_held().kind == Kind::turn_begin);
    listener.say("step handle\n");
    listener.read_until_held();
    listener.say("step task\nstep task\n");
    std::size_t steps = 0;
    listener.read_until_held();
    Story& story = listener.read_until([&](const Record& event) {
        steps += event.kind == Kind::step_begin ? 1 : 0;
        return event.kind == Kind::held && event.detail == 0;
    });
    CHECK(steps == 1);
    listener.say("continue\n");
    listener.read_to_end();
    CHECK(story.reader.complete());
}

TEST_CASE("until: a kind, a task, a line") {
    Listener listener;
    Stage stage(listener, sleep_thrice);
    listener.accept();
    listener.read_until_held();
    listener.say("until kind timer.fire\n");
    listener.read_until_held();
    Story& story = listener.story();
    CHECK(story.all(Kind::timer_fire).size() == 1);
    std::string task = std::to_string(story.all(Kind::task_new).front().id);
    listener.say("until task " + task + "\n");
    listener.read_until_held();
    Source place = story.reader.source(story.all(Kind::await).front().at);
    std::size_t awaits = story.all(Kind::await).size();
    listener.say("until line gate_test.cpp:" + std::to_string(place.line) + "\n");
    listener.read_until_held();
    CHECK(story.all(Kind::await).size() == awaits + 1);
    listener.say("continue\n");
    CHECK(listener.read_to_end().reader.complete());
}

TEST_CASE("while a loop is held its clock stands: no timer comes due by that") {
    Listener listener;
    Stage stage(
        listener, [](EventLoop& loop) { loop.run_until_complete(sleeper(1)); }, false);
    listener.accept();
    listener.read_until_held();
    listener.say("until kind await\n");
    listener.read_until_held();
    // Real time passes: hundreds of times as long as the program sleeps.
    ::poll(nullptr, 0, 400);
    listener.say("continue\n");
    Story& story = listener.read_to_end();
    CHECK(story.reader.complete());
    std::int64_t held = 0;
    for (const Record& event : story.all(Kind::held)) held = std::max(held, event.a);
    CHECK(held >= 400'000'000);
    const Record added = story.all(Kind::timer_add).front();
    CHECK(added.a - added.t <= 1'000'000);
    CHECK(story.all(Kind::await).front().t - added.t < 300'000'000);
    for (std::size_t index = 1; index < story.events.size(); ++index) {
        CHECK(story.events[index].t >= story.events[index - 1].t);
    }
    // Held after the await and before the poll: what then waited was the rest of its millisecond.
    auto after = std::find_if(story.events.begin(), story.events.end(),
                              [](const Record& event) { return event.kind == Kind::held && event.a >= 400'000'000; });
    REQUIRE(after != story.events.end());
    CHECK(after->t < added.a + 300'000'000);
}

TEST_CASE("time never goes back, however often a loop is held") {
    Listener listener;
    Stage stage(
        listener, [](EventLoop& loop) { loop.run_until_complete(yielder(1000)); }, false);
    listener.accept();
    listener.read_until_held();
    for (int stop = 0; stop < 1000; ++stop) {
        listener.say("step handle\n");
        listener.read_until_held();
    }
    listener.say("continue\n");
    Story& story = listener.read_to_end();
    CHECK(story.reader.complete());
    std::int64_t back_ns = 0;
    for (std::size_t index = 1; index < story.events.size(); ++index)
        back_ns = std::max(back_ns, story.events[index - 1].t - story.events[index].t);
    CHECK(back_ns == 0);
}

TEST_CASE("a listener that goes away lets the loop go, and the program runs on") {
    Listener listener;
    bool ended = false;
    Stage stage(listener, [&ended](EventLoop& loop) {
        sleep_thrice(loop);
        ended = true;
    });
    listener.accept();
    listener.read_until_held();
    listener.hang_up();
    stage.join();
    CHECK(ended);
}

TEST_CASE("what is no command is answered, and what is no line ends the trace") {
    Listener listener;
    bool ended = false;
    Stage stage(listener, [&ended](EventLoop& loop) {
        sleep_thrice(loop);
        ended = true;
    });
    listener.accept();
    listener.read_until_held();
    listener.say("dance\nstep sideways\nuntil tomorrow\nuntil line :0\n");
    int notes = 0;
    Story& story = listener.read_until([&](const Record& event) {
        notes += event.kind == Kind::note ? 1 : 0;
        return notes == 4;
    });
    CHECK(story.reader.string(static_cast<std::uint64_t>(story.all(Kind::note)[0].a)) == "no command: dance");
    listener.say(std::string(1000, 'x'));
    stage.join();
    CHECK(ended);
}

TEST_CASE("a listener that reads nothing costs events, not the program; they are counted, and a keyframe follows") {
    Listener listener;
    Story told;
    {
        Tracing tracing(listener.to());
        std::optional<World> world;
        world.emplace();
        listener.accept();
        // More than the socket and the room hold.
        for (int turn = 0; turn < 20'000; ++turn) world->turns(1);
        Task<void> waiting = world->loop.create_task(sleeper(2));
        std::atomic<bool> keyframe_came = false;
        std::thread reader([&] {
            bool lost = false;
            listener.read_until([&](const Record& event) {
                lost = lost || event.kind == Kind::dropped;
                if (lost && event.kind == Kind::keyframe_begin) keyframe_came = true;
                return false;
            });
        });
        for (int turn = 0; turn < 200 || (!keyframe_came && turn < deadline_ms); ++turn) {
            world->loop.call_soon([] {});
            world->turns(1);
            ::poll(nullptr, 0, 1);
        }
        world.reset();
        reader.join();
    }
    Story& story = listener.read_to_end();
    REQUIRE(story.all(Kind::dropped).size() >= 1);
    std::uint64_t lost = 0;
    for (const Record& dropped : story.all(Kind::dropped)) lost += static_cast<std::uint64_t>(dropped.a);
    CHECK(story.events.back().seq == story.events.size() + lost);
    REQUIRE(story.all(Kind::keyframe_begin).size() >= 1);
    Reducer reducer;
    std::size_t snaps = 0;
    for (const Record& event : story.events) {
        if (event.kind == Kind::snap && !reducer.lost()) {
            CHECK(reducer.state().hash() == static_cast<std::uint64_t>(event.a));
            ++snaps;
        }
        reducer.apply(event);
    }
    CHECK(snaps >= 1);
}

}  // namespace
