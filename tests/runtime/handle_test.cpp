#include <stepwise/tests/runtime/support.hpp>

#include <array>
#include <cstdint>
#include <stdexcept>

namespace {

using namespace runtime_test;

}  // namespace

TEST_CASE("a handle that is cancelled before its turn is not called, and its function ends at once") {
    World world;
    Log log;
    Handle handle = world.loop.call_soon([says = SaysAtEnd(log, "function ended")] { FAIL("was called"); });
    CHECK(handle.pending());
    CHECK(handle.cancel());
    CHECK(log == Log{"function ended"});
    CHECK_FALSE(handle.pending());
    CHECK_FALSE(handle.cancel());
    world.turns(2);
}

TEST_CASE("a handle cannot be cancelled while its function runs, nor afterwards") {
    World world;
    Handle handle;
    bool called = false;
    CHECK_FALSE(handle.cancel());
    handle = world.loop.call_soon([&] {
        CHECK_FALSE(handle.pending());
        CHECK_FALSE(handle.cancel());
        called = true;
    });
    world.turns(1);
    CHECK(called);
    CHECK_FALSE(handle.cancel());
}

TEST_CASE("a late cancel does nothing to the call that uses the node now") {
    World world;
    int calls = 0;
    Handle old = world.loop.call_soon([&] { ++calls; });
    world.turns(1);
    for (int count = 0; count < 100; ++count) {
        world.loop.call_soon([&] { ++calls; });
        CHECK_FALSE(old.cancel());
        CHECK_FALSE(old.pending());
    }
    world.turns(1);
    CHECK(calls == 101);
}

TEST_CASE("a copy of a handle means the same call") {
    World world;
    Handle handle = world.loop.call_later(1s, [] { FAIL("was called"); });
    Handle copy = handle;
    CHECK(copy.cancel());
    CHECK_FALSE(handle.pending());
    CHECK_FALSE(handle.cancel());
    world.run(sleep_for(2s));
}

TEST_CASE("a timer can be cancelled by the callback of another one that is due at the same time") {
    World world;
    Log log;
    Handle second;
    Handle first = world.loop.call_later(1s, [&] {
        log.push_back("first");
        CHECK(second.cancel());
    });
    second = world.loop.call_later(1s, [&] { log.push_back("second"); });
    world.loop.call_later(1s, [&] {
        log.push_back("third");
        CHECK_FALSE(first.cancel());
    });
    world.run(sleep_for(2s));
    CHECK(log == Log{"first", "third"});
}

TEST_CASE("a function that cancels its own handle as it ends does so only once") {
    World world;
    Log log;
    Handle handle;
    struct CancelsAtEnd {
        CancelsAtEnd(Handle& own, Log& to) : handle(&own), log(&to) {}
        CancelsAtEnd(CancelsAtEnd&& other) noexcept : handle(std::exchange(other.handle, nullptr)), log(other.log) {}
        ~CancelsAtEnd() {
            if (handle != nullptr) log->push_back(handle->cancel() ? "cancelled" : "not cancelled");
        }
        Handle* handle;
        Log* log;
    };
    handle = world.loop.call_soon([held = CancelsAtEnd(handle, log)] {});
    CHECK(handle.cancel());
    CHECK(log == Log{"not cancelled"});
    handle = world.loop.call_later(1s, [held = CancelsAtEnd(handle, log)] {});
    CHECK(handle.cancel());
    CHECK(log.size() == 2);
    world.turns(1);
}

TEST_CASE("a function may be large, move only, aligned, or throw as it is moved") {
    World world;
    Log log;
    std::array<std::uint64_t, 64> large{};
    large.back() = 7;
    world.loop.call_soon([large, &log] { log.push_back("large " + std::to_string(large.back())); });
    world.loop.call_soon([pointer = std::make_unique<int>(3), &log] { log.push_back("only moves"); });

    struct alignas(64) Aligned {
        std::uint64_t value = 9;
    };
    world.loop.call_soon([aligned = Aligned(), &log] {
        bool stands_right = reinterpret_cast<std::uintptr_t>(&aligned) % alignof(Aligned) == 0;
        log.push_back(stands_right ? "aligned" : "not aligned");
    });

    struct Throws {
        explicit Throws(Log& to) : log(&to) {}
        Throws(Throws&& other) : log(other.log), moves(other.moves + 1) {
            if (moves > 1) throw std::runtime_error("cannot be moved");
        }
        void operator()() const { log->push_back("called"); }
        Log* log;
        int moves = 0;
    };
    CHECK_THROWS_AS(world.loop.call_soon(Throws(log)), std::runtime_error);
    world.turns(1);
    CHECK(log == Log{"large 7", "only moves", "aligned"});
}
