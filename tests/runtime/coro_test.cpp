#include <stepwise/tests/runtime/support.hpp>

#include <memory>
#include <stdexcept>

namespace {

using namespace runtime_test;

Coro<> says_at_end(SaysAtEnd) {
    co_return;
}

Coro<> says_that_it_runs(Log& log, SaysAtEnd) {
    log.push_back("runs");
    co_return;
}

Coro<int> fails(std::string what) {
    throw std::runtime_error(what);
    co_return 0;
}

}  // namespace

TEST_CASE("a Coro does nothing until it is awaited, and its frame ends with it") {
    Log log;
    {
        Coro<> never_awaited = says_that_it_runs(log, SaysAtEnd(log, "frame ended"));
        CHECK(log.empty());
    }
    CHECK(log == Log{"frame ended"});
}

TEST_CASE("assigning to a Coro ends the frame that it had") {
    Log log;
    Coro<> kept = says_at_end(SaysAtEnd(log, "first"));
    kept = says_at_end(SaysAtEnd(log, "second"));
    CHECK(log == Log{"first"});
    Coro<>& itself = kept;
    kept = std::move(itself);
    CHECK(log == Log{"first"});
}

TEST_CASE("an await gives what the Coro returned: a value, a reference, an object that only moves, or nothing") {
    World world;
    struct Bodies {
        static Coro<int&> reference_to(int& target) { co_return target; }
        static Coro<std::unique_ptr<int>> pointer() { co_return std::make_unique<int>(7); }
        static Coro<> nothing() { co_return; }
        static Coro<int> all() {
            int target = 1;
            int& same = co_await reference_to(target);
            CHECK(&same == &target);
            std::unique_ptr<int> seven = co_await pointer();
            CHECK(*seven == 7);
            co_await nothing();
            co_return co_await at_once(42);
        }
    };
    CHECK(world.run(Bodies::all()) == 42);
}

TEST_CASE("an exception passes through every level to whoever awaits") {
    World world;
    auto middle = []() -> Coro<int> { co_return co_await fails("too cold") + 1; };
    auto outer = [](auto middle_of) -> Coro<std::string> {
        try {
            co_await middle_of();
        } catch (const std::runtime_error& error) {
            co_return error.what();
        }
        co_return "nothing was thrown";
    };
    CHECK(world.run(outer(middle)) == "too cold");
}

TEST_CASE("a Coro runs once: a second await, or the await of one that was moved away, throws std::logic_error") {
    World world;
    struct Bodies {
        static Coro<bool> is_refused(Coro<int>& used) {
            try {
                co_await used;
            } catch (const std::logic_error&) {
                co_return true;
            }
            co_return false;
        }
        static Coro<int> all() {
            Coro<int> once = at_once(1);
            int sum = co_await once;
            bool again = co_await is_refused(once);
            CHECK(again);
            Coro<int> moved = at_once(2);
            Coro<int> here = std::move(moved);
            bool empty = co_await is_refused(moved);
            CHECK(empty);
            co_return sum + co_await here;
        }
    };
    CHECK(world.run(Bodies::all()) == 3);
}

TEST_CASE("create_task refuses a Coro that was moved away") {
    World world;
    Coro<int> moved = at_once(2);
    Coro<int> here = std::move(moved);
    CHECK_THROWS_AS(static_cast<void>(world.loop.create_task(std::move(moved))), std::logic_error);
    CHECK(world.loop.task_count() == 0);
    CHECK(world.run(std::move(here)) == 2);
}

namespace {

// Its moves throw when they are used up.
struct MovesTimes {
    explicit MovesTimes(int moves) : left(moves) {}
    MovesTimes(MovesTimes&& other) : left(other.left - 1) {
        if (left < 0) throw std::runtime_error("cannot be moved again");
    }
    int left;
};

Coro<MovesTimes> movable(int moves) {
    co_return MovesTimes(moves);
}

}  // namespace

TEST_CASE("a result whose move throws is that exception at the await, wherever the move is") {
    World world;
    for (int moves = 0; moves < 4; ++moves) {
        auto awaits = [](int count) -> Coro<std::string> {
            Coro<MovesTimes> made = movable(count);
            try {
                [[maybe_unused]] MovesTimes result = co_await made;
                co_return "arrived";
            } catch (const std::runtime_error& error) {
                co_return error.what();
            }
        };
        CHECK(world.run(awaits(moves)) == (moves < 2 ? "cannot be moved again" : "arrived"));
        Task<MovesTimes> task = world.loop.create_task(movable(moves));
        world.turns(1);
        REQUIRE(task.done());
        CHECK((task.exception() != nullptr) == (moves < 2));
    }
    CHECK(world.lost.empty());
}

TEST_CASE("a Coro that is awaited from a variable keeps its frame until the variable ends") {
    World world;
    Log log;
    auto body = [](Log& to) -> Coro<> {
        {
            Coro<> child = says_at_end(SaysAtEnd(to, "child ended"));
            co_await child;
            to.push_back("awaited");
        }
        to.push_back("after the block");
    };
    world.run(body(log));
    CHECK(log == Log{"awaited", "child ended", "after the block"});
}

TEST_CASE("frames that wait are destroyed from the innermost outwards, what they borrow still being there") {
    Log log;
    auto inner = [](Log& to, const std::string& borrowed) -> Coro<> {
        AtEnd says([&] { to.push_back("inner, with " + borrowed); });
        co_await sleep(1h);
    };
    auto outer = [](Log& to, decltype(inner) child) -> Coro<> {
        SaysAtEnd first(to, "outer, declared first");
        std::string lent = "a loan";
        Coro<> body = child(to, lent);
        SaysAtEnd last(to, "outer, declared last");
        co_await body;
    };
    {
        World world;
        static_cast<void>(world.loop.create_task(outer(log, inner)));
        world.turns(1);
        CHECK(log.empty());
    }
    REQUIRE(log.size() == 3);
    CHECK(log[0] == "inner, with a loan");
    CHECK(log[1] == "outer, declared last");
    CHECK(log[2] == "outer, declared first");
}
