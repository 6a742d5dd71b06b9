#include <stepwise/tests/runtime/support.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <semaphore>
#include <thread>

namespace {

using namespace runtime_test;

}  // namespace

TEST_CASE("call_soon_threadsafe from 4 threads: none of 40,000 calls is lost, and each thread's keep their order") {
    constexpr int calls_per_thread = 10'000;
    World world;
    std::array<int, 4> next{};
    int out_of_order = 0;
    int left = 4 * calls_per_thread;
    std::array<std::thread, 4> threads;
    for (std::size_t number = 0; number < threads.size(); ++number) {
        threads[number] = std::thread([&, number] {
            for (int call = 0; call < calls_per_thread; ++call) {
                world.loop.call_soon_threadsafe([&, number, call] {
                    if (next[number]++ != call) ++out_of_order;
                    if (--left == 0) world.loop.stop();
                });
            }
        });
    }
    world.loop.run_forever();
    for (std::thread& thread : threads) thread.join();
    CHECK(out_of_order == 0);
    CHECK(next == std::array<int, 4>{calls_per_thread, calls_per_thread, calls_per_thread, calls_per_thread});
}

TEST_CASE("the memory of a threadsafe call outlives the thread that made it, and serves the next one") {
    World world;
    std::size_t sum = 0;
    for (std::size_t round = 0; round < 50; ++round) {
        std::thread([&] {
            for (std::size_t call = 0; call < 20; ++call) {
                world.loop.call_soon_threadsafe([&sum, call] { sum += call; });
            }
        }).join();
        world.turns(1);
    }
    CHECK(sum == 50 * 190);
}

TEST_CASE("a threadsafe call may hold more than a block, and what has an alignment of its own") {
    struct alignas(64) Line {
        std::array<unsigned char, 256> bytes{};
    };
    World world;
    Line line;
    line.bytes.back() = 7;
    bool aligned = false;
    int last = 0;
    world.loop.call_soon_threadsafe([&, line] {
        aligned = reinterpret_cast<std::uintptr_t>(&line) % alignof(Line) == 0;
        last = line.bytes.back();
    });
    world.turns(1);
    CHECK(aligned);
    CHECK(last == 7);
}

TEST_CASE("call_soon_threadsafe wakes a loop that sleeps without a timer, each time") {
    World world;
    std::binary_semaphore ran(0);
    std::thread other([&] {
        for (int round = 0; round < 1000; ++round) {
            world.loop.call_soon_threadsafe([&] { ran.release(); });
            ran.acquire();
        }
        world.loop.call_soon_threadsafe([&] { world.loop.stop(); });
    });
    world.loop.run_forever();
    other.join();
    CHECK(world.lost.empty());
}

TEST_CASE("a threadsafe call runs, and its function ends, on the loop's thread") {
    World world;
    std::thread::id ran_on;
    std::thread::id ended_on;
    struct NotesThread {
        explicit NotesThread(std::thread::id& to) : noted(&to) {}
        NotesThread(NotesThread&& other) noexcept : noted(std::exchange(other.noted, nullptr)) {}
        ~NotesThread() {
            if (noted != nullptr) *noted = std::this_thread::get_id();
        }
        std::thread::id* noted;
    };
    std::thread([&] {
        world.loop.call_soon_threadsafe([&, notes = NotesThread(ended_on)] { ran_on = std::this_thread::get_id(); });
    }).join();
    CHECK(ran_on == std::thread::id());
    world.turns(1);
    CHECK(ran_on == std::this_thread::get_id());
    CHECK(ended_on == std::this_thread::get_id());
}

TEST_CASE("a threadsafe call from the loop's own thread runs in the next turn") {
    World world;
    int calls = 0;
    world.loop.call_soon_threadsafe([&] {
        ++calls;
        world.loop.call_soon_threadsafe([&] { ++calls; });
    });
    world.turns(1);
    CHECK(calls == 1);
    world.turns(1);
    CHECK(calls == 2);
}

TEST_CASE("what a threadsafe call throws is reported") {
    World world;
    world.loop.call_soon_threadsafe([] { throw std::runtime_error("from outside"); });
    world.turns(1);
    CHECK(world.lost == Log{"from outside"});
}
