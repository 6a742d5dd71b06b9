#include <stepwise/tests/runtime/support.hpp>

#include <memory>
#include <optional>
#include <stdexcept>

namespace {

using namespace runtime_test;

std::exception_ptr error(const char* what) {
    return std::make_exception_ptr(std::runtime_error(what));
}

}  // namespace

TEST_CASE("A53: a future leaves pending once: a second result, an exception and a cancel come too late") {
    World world;
    Future<int> future = world.loop.create_future<int>();
    CHECK_FALSE(future.done());
    future.set_result(1);
    CHECK(future.done());
    CHECK_THROWS_AS(future.set_result(2), InvalidStateError);
    CHECK_THROWS_AS(future.set_exception(error("late")), InvalidStateError);
    CHECK_FALSE(future.cancel());
    CHECK_FALSE(future.cancelled());
    CHECK(future.result() == 1);
    CHECK(future.exception() == nullptr);
}

TEST_CASE("A53: an exception stays an exception, and is thrown by every look at the result") {
    World world;
    Future<int> future = world.loop.create_future<int>();
    future.set_exception(error("broken"));
    CHECK_THROWS_AS(future.set_result(2), InvalidStateError);
    CHECK_FALSE(future.cancel());
    CHECK_THROWS_WITH_AS(future.result(), "broken", std::runtime_error);
    CHECK_THROWS_WITH_AS(future.result(), "broken", std::runtime_error);
    CHECK(text_of(future.exception()) == "broken");
}

TEST_CASE("A53: a cancelled future stays cancelled, and throws CancelledError") {
    World world;
    Future<int> future = world.loop.create_future<int>();
    CHECK(future.cancel());
    CHECK(future.done());
    CHECK(future.cancelled());
    CHECK_FALSE(future.cancel());
    CHECK_THROWS_AS(future.set_result(2), InvalidStateError);
    CHECK_THROWS_AS(future.result(), CancelledError);
    CHECK_THROWS_AS(static_cast<void>(future.exception()), CancelledError);
}

TEST_CASE("A53: the result of a pending future, and its exception, are InvalidStateError") {
    World world;
    Future<int> future = world.loop.create_future<int>();
    CHECK_THROWS_AS(future.result(), InvalidStateError);
    CHECK_THROWS_AS(static_cast<void>(future.exception()), InvalidStateError);
    CHECK_THROWS_AS(future.set_exception(nullptr), std::invalid_argument);
    CHECK_FALSE(future.done());
}

TEST_CASE("copies of a future are one future") {
    World world;
    Future<std::string> future = world.loop.create_future<std::string>();
    Future<std::string> copy = future;
    copy.set_result(3, 'x');
    CHECK(future.result() == "xxx");
    CHECK(&future.result() == &copy.result());
    Future<std::string>& itself = future;
    future = itself;
    CHECK(future.result() == "xxx");
}

TEST_CASE("A54: done callbacks run in the next turn, in order, exactly once, never inside set_result") {
    World world;
    Log log;
    Future<int> future = world.loop.create_future<int>();
    for (std::string name : {"first", "second", "third"}) {
        future.add_done_callback(
            [&log, name](Future<int> done) { log.push_back(name + " " + std::to_string(done.result())); });
    }
    future.set_result(5);
    CHECK(log.empty());
    world.turns(1);
    CHECK(log == Log{"first 5", "second 5", "third 5"});
    world.turns(3);
    CHECK(log.size() == 3);
}

TEST_CASE("A54: a callback that is added to a done future runs in the next turn, not at once") {
    World world;
    Log log;
    Future<> future = world.loop.create_future();
    future.set_result();
    future.add_done_callback([&log](Future<> done) {
        log.push_back("outer");
        done.add_done_callback([&log](Future<>) { log.push_back("inner"); });
    });
    CHECK(log.empty());
    world.turns(1);
    CHECK(log == Log{"outer"});
    world.turns(1);
    CHECK(log == Log{"outer", "inner"});
}

TEST_CASE("a callback that throws is reported, and the callbacks after it still run in the same turn") {
    World world;
    Log log;
    Future<> future = world.loop.create_future();
    future.add_done_callback([](Future<>) { throw std::runtime_error("callback broke"); });
    future.add_done_callback([&log](Future<>) { log.push_back("second"); });
    future.set_result();
    world.turns(1);
    CHECK(log == Log{"second"});
    CHECK(world.lost == Log{"callback broke"});
}

TEST_CASE("A55: many tasks wait for one future, before and after it is done, and all see the same object") {
    World world;
    struct Bodies {
        static Coro<> look(Future<std::string> future, std::vector<const void*>& seen) {
            const std::string& value = co_await future;
            CHECK(value == "shared");
            seen.push_back(&value);
        }
    };
    std::vector<const void*> seen;
    Future<std::string> future = world.loop.create_future<std::string>();
    for (int count = 0; count < 100; ++count) static_cast<void>(world.loop.create_task(Bodies::look(future, seen)));
    world.turns(2);
    CHECK(seen.empty());
    future.set_result("shared");
    CHECK(seen.empty());
    world.turns(1);
    CHECK(seen.size() == 100);
    for (int count = 0; count < 100; ++count) static_cast<void>(world.loop.create_task(Bodies::look(future, seen)));
    world.turns(1);
    CHECK(seen == std::vector<const void*>(200, &future.result()));
}

TEST_CASE("A55: waiting tasks go on in the order in which they began to wait") {
    World world;
    Log log;
    struct Bodies {
        static Coro<> wait(Future<> future, Log& log, std::string name) {
            co_await future;
            log.push_back(name);
        }
    };
    Future<> future = world.loop.create_future();
    for (std::string name : {"a", "b", "c", "d"}) {
        static_cast<void>(world.loop.create_task(Bodies::wait(future, log, name)));
    }
    world.turns(1);
    future.set_result();
    world.turns(1);
    CHECK(log == Log{"a", "b", "c", "d"});
}

TEST_CASE("A55: an await of an rvalue takes the value, of an lvalue a reference to it") {
    World world;
    struct Bodies {
        static Coro<int> take(Future<std::unique_ptr<int>> future) {
            std::unique_ptr<int> taken = co_await std::move(future);
            co_return *taken;
        }
        static Coro<const void*> borrow(const Future<std::string> future) {
            const std::string& borrowed = co_await future;
            co_return &borrowed;
        }
        static Coro<std::string> copy(Future<std::string> future) { co_return co_await std::move(future); }
    };
    Future<std::unique_ptr<int>> pointer = world.loop.create_future<std::unique_ptr<int>>();
    pointer.set_result(new int(9));
    CHECK(world.run(Bodies::take(std::move(pointer))) == 9);

    Future<std::string> text = world.loop.create_future<std::string>();
    text.set_result("long enough to stand on the heap, and not inside");
    CHECK(world.run(Bodies::borrow(text)) == &text.result());
    CHECK(world.run(Bodies::copy(text)) == text.result());
    CHECK_FALSE(text.result().empty());
}

TEST_CASE("awaiting a cancelled future throws CancelledError in a task that nobody cancelled") {
    World world;
    Future<int> future = world.loop.create_future<int>();
    Task<int> task = world.loop.create_task(wait_for(future));
    world.turns(1);
    future.cancel();
    world.turns(1);
    CHECK(task.cancelled());
    CHECK(task.cancelling() == 0);
}

TEST_CASE("cancelling a task that awaits a future cancels that future, and all others who wait for it") {
    World world;
    Future<int> future = world.loop.create_future<int>();
    Task<int> first = world.loop.create_task(wait_for(future));
    Task<int> second = world.loop.create_task(wait_for(future));
    world.turns(1);
    CHECK(first.cancel());
    CHECK(future.cancelled());
    world.turns(1);
    CHECK(first.cancelled());
    CHECK(second.cancelled());
}

TEST_CASE("a future that is dropped while pending ends its callbacks without calling them") {
    World world;
    Log log;
    {
        Future<int> future = world.loop.create_future<int>();
        future.add_done_callback([says = SaysAtEnd(log, "callback ended")](Future<int>) { FAIL("was called"); });
    }
    CHECK(log == Log{"callback ended"});
    world.turns(2);
}

TEST_CASE("an exception that nobody retrieved is reported once, when the last handle is gone") {
    World world;
    world.loop.call_soon([&] {
        Future<> nobody_looks = world.loop.create_future();
        Future<> copy = nobody_looks;
        nobody_looks.set_exception(error("nobody looked"));
    });
    world.loop.call_soon([&] {
        Future<> somebody_looks = world.loop.create_future();
        somebody_looks.set_exception(error("somebody looked"));
        CHECK_THROWS(somebody_looks.result());
    });
    world.turns(1);
    CHECK(world.lost == Log{"nobody looked"});
}

namespace {

struct CallbackThatCannotMoveTwice {
    explicit CallbackThatCannotMoveTwice(Log& to) : log(&to) {}
    CallbackThatCannotMoveTwice(CallbackThatCannotMoveTwice&& other) : log(other.log), moves(other.moves + 1) {
        if (moves > 3) throw std::runtime_error("moved too often");
    }
    void operator()(Future<>) const { log->push_back("called"); }

    Log* log;
    int moves = 0;
};

}  // namespace

TEST_CASE("a callback whose move throws is reported and harms nobody else") {
    World world;
    Log log;
    Future<> future = world.loop.create_future();
    for (int moves = 0; moves < 3; ++moves) {
        CallbackThatCannotMoveTwice callback(log);
        callback.moves = moves;
        try {
            future.add_done_callback(std::move(callback));
        } catch (const std::runtime_error&) {
            log.push_back("refused");
        }
    }
    future.add_done_callback([&log](Future<>) { log.push_back("the last"); });
    future.set_result();
    world.turns(1);
    CHECK(log.back() == "the last");
    CHECK(log.size() + world.lost.size() == 4);
}
