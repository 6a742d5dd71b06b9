#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace {

using namespace stepwise;

// What the loops of one test tell each other; each part belongs to one loop, or is atomic.
struct Board {
    std::atomic<int> began = 0;
    std::atomic<int> ended = 0;
    std::atomic<int> passed = 0;
    std::mutex mutex;
    std::set<std::thread::id> threads;
};

struct CountEnd {
    std::atomic<int>& ended;
    ~CountEnd() { ++ended; }
};

Coro<void> wait_for_ever(Board& board) {
    CountEnd count{board.ended};
    {
        std::lock_guard lock(board.mutex);
        board.threads.insert(std::this_thread::get_id());
    }
    ++board.began;
    co_await sleep(std::chrono::hours(1000));
}

// Hands a number round all loops until it has been everywhere three times, then lets all go.
struct Ring {
    Board board;
    std::vector<std::unique_ptr<Event>> done;  // each its loop's own

    void pass(LoopGroup& group, std::size_t index, int left) {
        ++board.passed;
        if (left == 0) {
            for (std::size_t each = 0; each < group.size(); ++each)
                group.post(each, [this, each] { done[each]->set(); });
            return;
        }
        std::size_t next = (index + 1) % group.size();
        group.post(next, [this, &group, next, left] { pass(group, next, left - 1); });
    }
    static Coro<void> main(Ring& ring, LoopGroup& group, std::size_t index) {
        if (index == 0) ring.pass(group, 0, 3 * static_cast<int>(group.size()));
        co_await ring.done[index]->wait();
    }
};

Coro<void> fails_on_one(std::size_t index) {
    if (index == 1) throw std::runtime_error("loop 1 broke");
    co_return;
}

}  // namespace

TEST_CASE("every loop has a thread of its own, and all stop when they are asked to") {
    Board board;
    LoopGroup group(3);
    group.start([&](LoopGroup&, std::size_t) { return wait_for_ever(board); });
    while (board.began < 3) std::this_thread::yield();
    CHECK(board.threads.size() == 3);
    CHECK(board.threads.count(std::this_thread::get_id()) == 0);
    SUBCASE("by stop") {
        group.stop();
        group.join();
        CHECK(board.ended == 3);
        CHECK_FALSE(group.post(0, [] {}));
    }
    SUBCASE("by the group's end") {}
}

TEST_CASE("loops post to each other") {
    Ring ring;
    LoopGroup group(4);
    for (std::size_t index = 0; index < group.size(); ++index) ring.done.push_back(std::make_unique<Event>());
    group.start([&](LoopGroup& all, std::size_t index) { return Ring::main(ring, all, index); });
    group.join();
    CHECK(ring.board.passed == 13);
}

TEST_CASE("run has loop 0 on the calling thread, and returns when every main has") {
    Board board;
    struct Bodies {
        static Coro<void> stop_when_all_wait(Board& board, LoopGroup& group) {
            {
                std::lock_guard lock(board.mutex);
                board.threads.insert(std::this_thread::get_id());
            }
            while (board.began < 2) co_await sleep(Duration::zero());
            group.stop();
        }
    };
    LoopGroup group(3);
    group.run([&](LoopGroup& all, std::size_t index) {
        return index == 0 ? Bodies::stop_when_all_wait(board, all) : wait_for_ever(board);
    });
    CHECK(board.ended == 2);
    CHECK(board.threads.count(std::this_thread::get_id()) == 1);
    CHECK(board.threads.size() == 3);
    CHECK_FALSE(group.post(0, [] {}));
}

TEST_CASE("run throws the first error, and what keeps it from starting") {
    LoopGroup group(3);
    CHECK_THROWS_WITH(group.run([](LoopGroup&, std::size_t index) { return fails_on_one(index); }), "loop 1 broke");
    CHECK_THROWS_AS(group.run([](LoopGroup&, std::size_t) { return fails_on_one(0); }), std::logic_error);
    for (std::size_t refused : {0, 1}) {
        LoopGroup refuses(2);
        auto main = [&](LoopGroup&, std::size_t index) -> Coro<void> {
            if (index == refused) throw std::runtime_error("not on this one");
            return fails_on_one(1);
        };
        CHECK_THROWS_WITH(refuses.run(main), "not on this one");
    }
    struct Bodies {
        static Coro<void> inside() {
            LoopGroup inner(1);
            inner.run([](LoopGroup&, std::size_t) { return fails_on_one(0); });
            co_return;
        }
    };
    CHECK_THROWS_WITH(run(Bodies::inside()), "LoopGroup::run: a loop runs on this thread already");
}

TEST_CASE("a post may own what cannot be copied, and one that is not run still ends") {
    struct Bodies {
        static Coro<void> main(LoopGroup& group, std::size_t index, std::atomic<int>& got) {
            if (index == 1) co_return;
            auto number = std::make_unique<int>(42);
            auto nothing = [] {};
            while (group.post(1, nothing)) co_await sleep(Duration::zero());
            group.post(0, [&got, number = std::move(number)] { got = *number; });
            while (got == 0) co_await sleep(Duration::zero());
        }
    };
    std::atomic<int> got = 0;
    auto watched = std::make_shared<int>();
    LoopGroup group(2);
    CHECK_FALSE(group.post(0, [watched] {}));
    group.start([&](LoopGroup& all, std::size_t index) { return Bodies::main(all, index, got); });
    group.join();
    CHECK(got == 42);
    CHECK_FALSE(group.post(0, [watched] {}));
    CHECK(watched.use_count() == 1);
    CHECK_THROWS_AS(group.post(2, [] {}), std::out_of_range);
}

TEST_CASE("join throws what a main ended with") {
    LoopGroup group(3);
    group.start([](LoopGroup&, std::size_t index) { return fails_on_one(index); });
    CHECK_THROWS_WITH(group.join(), "loop 1 broke");
}

TEST_CASE("a group that cannot start runs nothing") {
    CHECK_THROWS_AS(LoopGroup(0), std::invalid_argument);
    EventLoop::Options options;
    options.reactor = "fusion";
    LoopGroup group(2, options);
    std::atomic<int> ran = 0;
    CHECK_THROWS_AS(group.start([&](LoopGroup&, std::size_t) {
        ++ran;
        return fails_on_one(0);
    }),
                    std::invalid_argument);
    CHECK(ran == 0);
    LoopGroup refuses(2);
    CHECK_THROWS_WITH(refuses.start([](LoopGroup&, std::size_t index) -> Coro<void> {
        if (index == 1) throw std::runtime_error("not on this one");
        return fails_on_one(1);
    }),
                      "not on this one");
    CHECK_FALSE(group.post(0, [] {}));
    LoopGroup twice(1);
    twice.start([](LoopGroup&, std::size_t) { return fails_on_one(0); });
    CHECK_THROWS_AS(twice.start([](LoopGroup&, std::size_t) { return fails_on_one(0); }), std::logic_error);
    twice.join();
}

TEST_CASE("what is left on a loop when its main returns is cancelled") {
    struct Bodies {
        static Coro<void> main(Board& board) {
            EventLoop::current().create_task(wait_for_ever(board));
            while (board.began < 2) co_await sleep(Duration::zero());
        }
    };
    Board board;
    LoopGroup group(2);
    group.start([&](LoopGroup&, std::size_t) { return Bodies::main(board); });
    group.join();
    CHECK(board.ended == 2);
}

TEST_CASE("a thread may post until the loop has ended, and each post is run or dropped") {
    struct Bodies {
        static Coro<void> until(std::atomic<long>& run, long enough) {
            while (run < enough) co_await sleep(Duration::zero());
        }
    };
    for (int round = 0; round < 50; ++round) {
        std::atomic<long> run = 0;
        auto alive = std::make_shared<int>();
        long posted = 0;
        {
            LoopGroup group(1);
            group.start([&](LoopGroup&, std::size_t) { return Bodies::until(run, 20); });
            while (group.post(0, [&run, alive] { ++run; })) ++posted;
            group.join();
        }
        CHECK(run >= 20);
        CHECK(run <= posted);
        CHECK(alive.use_count() == 1);
    }
}
