// A loop that ends with work of every kind under way: all of it is let go of, in whatever phase it is.
#include <stepwise/runtime/async_generator.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/file_watch.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/process.hpp>
#include <stepwise/runtime/shield.hpp>
#include <stepwise/runtime/sync/condition.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/runtime/wait.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

namespace {

using namespace runtime_test;

std::ptrdiff_t open_descriptors() {
    std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

struct Pair {
    Pair() {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
        here = UniqueFd(ends[0]);
        there = UniqueFd(ends[1]);
    }
    UniqueFd here;
    UniqueFd there;
};

// What tasks of the loop may wait for; it outlives them.
struct Shared {
    Lock lock;
    Lock::Guard held = lock.try_acquire();
    Event event;
    Condition condition;
    Lock of_condition;
    Queue<int> queue{1};
    Pair pair;
    Pair read;
    Pair watched;
};

struct Bodies {
    static Coro<> sleeps() { co_await sleep(1h); }
    static Coro<> locks(Shared& shared) { Lock::Guard guard = co_await shared.lock.acquire(); }
    static Coro<> waits_for_event(Shared& shared) { co_await shared.event.wait(); }
    static Coro<> waits_for_condition(Shared& shared) {
        Lock::Guard guard = co_await shared.of_condition.acquire();
        co_await shared.condition.wait(guard);
    }
    static Coro<int> gets(Shared& shared) { co_return (co_await shared.queue.get()).value_or(0); }
    static Coro<> receives(Shared& shared) {
        std::string buffer(100, '\0');
        co_await io::recv(shared.pair.here.get(), buffer);
    }
    static Coro<> polls(Shared& shared) { co_await io::poll(shared.read.here.get(), POLLIN); }
    static Coro<> gathers(Shared& shared) { co_await gather(sleeps(), waits_for_event(shared)); }
    static Coro<> shields() { co_await shield(sleeps()); }
    static Coro<> body(TaskGroup& group) {
        group.start_soon(sleeps());
        co_await sleep(1h);
    }
    static Coro<> groups() { co_await task_group(body); }
    static Coro<> cleans_up() { co_await finally(sleeps(), sleeps()); }
    static AsyncGenerator<int> ticks() {
        for (int tick = 0;; ++tick) {
            co_yield tick;
            co_await sleep(1h);
        }
    }
    static Coro<> generates() {
        AsyncGenerator<int> generator = ticks();
        for (;;) {
            auto tick = co_await generator.next();
            if (!tick) break;
        }
    }
    static Coro<> is_on_a_thread() {
        Future<> done = to_thread([] { std::this_thread::yield(); });
        co_await done;
    }
    static Coro<> reads_files() {
        for (;;) {
            std::string text = co_await read_file("/proc/self/maps");
            if (text.empty()) break;
        }
    }
    static Coro<> watches() {
        FileWatch watch;
        watch.add("/tmp", IN_DELETE_SELF);
        FileChange change = co_await watch.next();
    }
    static Coro<> runs_a_child() {
        ProcessOptions cat{"cat", "/dev/zero"};
        ProcessOutput output = co_await run_process(cat);
    }
    static Coro<> waits_for_a_child() {
        Process process = Process::start({"cat"});
        co_await process.wait();
    }
};

void begin_everything(EventLoop& loop, Shared& shared) {
    std::vector<Coro<>> bodies;
    bodies.push_back(Bodies::sleeps());
    bodies.push_back(Bodies::locks(shared));
    bodies.push_back(Bodies::waits_for_event(shared));
    bodies.push_back(Bodies::waits_for_condition(shared));
    static_cast<void>(loop.create_task(Bodies::gets(shared)));
    bodies.push_back(Bodies::receives(shared));
    bodies.push_back(Bodies::polls(shared));
    bodies.push_back(Bodies::gathers(shared));
    bodies.push_back(Bodies::shields());
    bodies.push_back(Bodies::groups());
    bodies.push_back(Bodies::cleans_up());
    bodies.push_back(Bodies::generates());
    bodies.push_back(Bodies::is_on_a_thread());
    bodies.push_back(Bodies::reads_files());
    bodies.push_back(Bodies::watches());
    bodies.push_back(Bodies::runs_a_child());
    bodies.push_back(Bodies::waits_for_a_child());
    for (Coro<>& body : bodies) static_cast<void>(loop.create_task(std::move(body)));
    loop.call_soon([says = std::make_shared<int>(1)] {});
    loop.call_later(1h, [says = std::make_shared<int>(1)] {});
    loop.call_soon_threadsafe([says = std::make_shared<int>(1)] {});
    loop.create_future<int>().add_done_callback([says = std::make_shared<int>(1)](Future<int>) {});
    static_cast<void>(loop.run_in_executor([says = std::make_shared<int>(1)] { return *says; }));
    loop.add_reader(shared.watched.here.get(), [says = std::make_shared<int>(1)] {});
    loop.add_writer(shared.watched.there.get(), [says = std::make_shared<int>(1)] {});
    loop.add_signal_handler(SIGUSR1, [says = std::make_shared<int>(1)] {});
}

}  // namespace

TEST_CASE("a loop may end after any number of turns with work of every kind under way") {
    for (int turns : {0, 1, 2, 3, 5, 10, 50}) {
        CAPTURE(turns);
        Shared shared;
        std::ptrdiff_t before = open_descriptors();
        {
            World world;
            // Not counted as lost: its loop ends.
            begin_everything(world.loop, shared);
            world.turns(turns);
            raise(SIGUSR1);
        }
        CHECK(open_descriptors() == before);
        CHECK((::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD));
        // What it had taken is free again, and nobody waits for it any more.
        CHECK(shared.queue.try_put(1));
        shared.held.release();
        CHECK_FALSE(shared.lock.locked());
        CHECK(shared.condition.waiting() == 0);
    }
}

TEST_CASE("a loop may end while other threads post to it up to its last moment") {
    for (int round = 0; round < 20; ++round) {
        std::atomic<bool> over = false;
        std::atomic<long> ended = 0;
        long posted = 0;
        struct Counts {
            explicit Counts(std::atomic<long>& count) : ended(&count) {}
            Counts(Counts&& other) noexcept : ended(std::exchange(other.ended, nullptr)) {}
            ~Counts() {
                if (ended != nullptr) ++*ended;
            }
            std::atomic<long>* ended;
        };
        {
            World world;
            std::thread poster([&] {
                for (; !over; ++posted) world.loop.call_soon_threadsafe([counts = Counts(ended)] {});
            });
            world.turns(round);
            over = true;
            poster.join();
        }
        // Each was called, or ended with the loop.
        CHECK(ended == posted);
    }
}

TEST_CASE("a loop that never ran ends with work of every kind") {
    Shared shared;
    EventLoop loop;
    begin_everything(loop, shared);
}
