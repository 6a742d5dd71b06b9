// What goes with a task: its context; and to_thread, which leaves it for another thread.
#include <stepwise/runtime/context.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <stdexcept>
#include <thread>

namespace {

using namespace runtime_test;

ContextVar<std::string> request_id("none");
ContextVar<int> depth;

Coro<std::string> read_later(Duration duration) {
    co_await sleep(duration);
    co_return request_id.get();
}

Coro<> set_and_read(Log& log, std::string id, Duration duration) {
    request_id.set(id);
    co_await sleep(duration);
    log.push_back(request_id.get());
}

}  // namespace

TEST_CASE("a task has its own values, whatever others set meanwhile") {
    World world;
    Log log;
    world.loop.create_task(set_and_read(log, "a", 2s));
    world.loop.create_task(set_and_read(log, "b", 1s));
    CHECK(world.run(read_later(3s)) == "none");
    CHECK(log == Log{"b", "a"});
    CHECK(request_id.get() == "none");
}

TEST_CASE("a child inherits what its parent had when it was made, and keeps what it sets to itself") {
    World world;
    struct Bodies {
        static Coro<std::string> body() {
            request_id.set("first");
            Task<std::string> inherits = EventLoop::current().create_task(read_later(1s));
            request_id.set("second");
            depth.set(1);
            Log log;
            co_await set_and_read(log, "callee's", 0s);  // a callee is no child: it is this task
            Task<> child = EventLoop::current().create_task(set_and_read(log, "child's", 1s));
            co_await child;
            std::string inherited = co_await inherits;
            co_return inherited + ", " + log[1] + ", " + request_id.get() + ", " + std::to_string(depth.get());
        }
    };
    CHECK(world.run(Bodies::body()) == "first, child's, callee's, 1");
}

TEST_CASE("outside of a task there is the default, and nothing to set") {
    CHECK(request_id.get() == "none");
    CHECK_THROWS_AS(request_id.set("x"), std::logic_error);
}

TEST_CASE("to_thread runs a function elsewhere and gives its result here") {
    World world;
    struct Bodies {
        static std::thread::id here(std::unique_ptr<int> owned, int& seen) {
            seen = *owned;
            return std::this_thread::get_id();
        }
        static int fails() { throw std::runtime_error("broke there"); }
        static Coro<> body() {
            int seen = 0;
            auto owned = std::make_unique<int>(7);
            std::thread::id there = co_await to_thread(here, std::move(owned), std::ref(seen));
            CHECK(there != std::this_thread::get_id());
            CHECK(seen == 7);
            Future<int> failing = to_thread(fails);
            try {
                co_await failing;
                FAIL("it throws");
            } catch (const std::runtime_error& error) {
                CHECK(std::string(error.what()) == "broke there");
            }
        }
    };
    world.run(Bodies::body());
}
