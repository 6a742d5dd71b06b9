#include <stepwise/tests/runtime/support.hpp>

namespace {

using namespace runtime_test;

}  // namespace

TEST_CASE("a clock that jumps far ahead fires every timer once, in order, and a later one is as any other") {
    World world;
    Log log;
    for (int day = 3; day > 0; --day) {
        static_cast<void>(
            world.loop.create_task(sleep_then_log(day * 24h, log, "slept " + std::to_string(day) + " days")));
    }
    world.loop.call_later(36h, [&] { log.push_back("called"); });
    world.turns(2);
    world.clock.advance(24h * 365 * 100);
    world.turns(3);
    CHECK(log == Log{"slept 1 days", "called", "slept 2 days", "slept 3 days"});
    static_cast<void>(world.loop.create_task(sleep_then_log(1s, log, "slept a second")));
    world.turns(3);
    CHECK(log.size() == 4);
    world.clock.advance(1s);
    world.turns(3);
    CHECK(log.size() == 5);
    world.clock.advance(TimePoint::max() - world.clock.now());
    CHECK(world.loop.time_after(1h) == TimePoint::max());
    static_cast<void>(world.loop.create_task(sleep_then_log(1h, log, "at the end of time")));
    world.turns(3);
    CHECK(log.back() == "at the end of time");
}

TEST_CASE("a clock that stands still holds up timers, and nobody else") {
    // As a machine that is suspended: time does not pass, but the loop is told to wait for it.
    class StandsStill final : public Clock {
    public:
        TimePoint now() noexcept override { return now_; }
        Duration wait_for(TimePoint due) noexcept override {
            ++waits;
            return due > now_ ? Duration(1us) : Duration::zero();
        }
        void idle_until(TimePoint) noexcept override {}
        void goes_on(Duration by) noexcept { now_ += by; }
        int waits = 0;

    private:
        TimePoint now_{};
    } clock;
    EventLoop::Options options;
    options.clock = &clock;
    EventLoop loop(options);
    Log log;
    Task<> sleeps = loop.create_task(sleep_then_log(1ms, log, "slept"));
    Future<int> on_a_thread = loop.run_in_executor([] { return 1; });
    CHECK(loop.run_until_complete(on_a_thread) == 1);
    for (int turn = 0; turn < 100; ++turn) loop.run_once();
    CHECK(clock.waits >= 100);
    CHECK(log.empty());
    clock.goes_on(1ms);
    loop.run_until_complete<void>(sleeps);
    CHECK(log == Log{"slept"});
}
