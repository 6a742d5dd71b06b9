// One trial of a property, and what must hold around every one.
#include <stepwise/tests/sim/explore/explorer.hpp>

#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/timeout.hpp>

#include <cstdlib>
#include <exception>
#include <new>

namespace {

// What the program holds, beyond what the frame pool keeps for itself.
long live_allocations = 0;

}  // namespace

void* operator new(std::size_t bytes) {
    void* memory = std::malloc(bytes);
    if (memory == nullptr) throw std::bad_alloc();
    ++live_allocations;
    return memory;
}
void operator delete(void* memory) noexcept {
    if (memory != nullptr) --live_allocations;
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

namespace explore {

namespace {

// Longer than any timeout of the layers below it, and than the network's own.
constexpr Duration virtual_time_max = 4h;
// What was let go ends by itself, or by its deadline.
constexpr Duration time_to_settle = 5min;

// Of virtual time: a loop that is busy looks at its timers all the same.
constexpr Duration time_between_ticks = 1s;
constexpr Duration lateness_max = 100ms;

Coro<void> watch_timers(Trial& trial) {
    EventLoop& loop = EventLoop::current();
    for (;;) {
        const TimePoint due = loop.time() + time_between_ticks;
        co_await sleep(time_between_ticks);
        if (loop.time() <= due + lateness_max) continue;
        trial.fail("a timer is starved: it fires {} ms late",
                   std::chrono::duration_cast<std::chrono::milliseconds>(loop.time() - due).count());
    }
}

Coro<void> within_time(const Property& property, Trial& trial) {
    Task<void> watching = EventLoop::current().create_task(watch_timers(trial));
    try {
        Coro<void> run = property.run(trial);
        co_await timeout(virtual_time_max, std::move(run));
        co_await sleep(time_to_settle);
    } catch (const TimeoutError&) {
        trial.fail("it does not end: {} h of virtual time are over",
                   std::chrono::duration_cast<std::chrono::hours>(virtual_time_max).count());
    }
    watching.cancel();
    co_await sleep(0s);
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (const CancelledError&) {
        return "CancelledError";
    }
}

// What chance brought, for the report.
std::string faults_of(EventLoop& loop) {
    const auto& world = sim::world_of(loop);
    std::string text;
    for (const sim::Faults::Struck& struck : world.faults.struck()) {
        text += fmt::format(" {}{}#{}", sim::name_of(struck.fault), struck.by_rule ? "=" : "", struck.number);
    }
    return text.empty() ? " none" : text;
}

void run_once(const Property& property, const sim::Options& options, Trial& trial) {
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    loop_options.reactor_options.sim = options;
    EventLoop loop(std::move(loop_options));
    loop.set_exception_handler([&](std::exception_ptr error, std::string_view where) {
        trial.fail("nobody caught, in {}: {}", where, text_of(error));
    });
    try {
        loop.run_until_complete(within_time(property, trial));
    } catch (const std::exception& error) {
        trial.fail("{}", error.what());
    }
    if (loop.task_count() != 0) trial.fail("{} task(s) are left", loop.task_count());
    if (!trial.failures().empty()) trial.fail("faults:{}", faults_of(loop));
    loop.cancel_all_tasks();
    loop.set_exception_handler(nullptr);
}

}  // namespace

sim::Options weather_of(std::uint64_t seed) {
    SeededRandom random = SeededRandom(seed).branch(1001);
    sim::Options options;
    options.seed = seed;
    options.latency = sim::Span{20us, random.chance(0.3) ? Duration(200ms) : Duration(2ms)};
    bool is_far = options.latency->high > 2ms;
    if (random.chance(0.3)) options.bytes_per_second = std::uint64_t{2000} << random.below(11);
    // Small buffers are met sooner than large ones.
    if (random.chance(0.5)) options.send_buffer_bytes = 512 + random.below(32 * 1024);
    if (random.chance(0.5)) options.receive_buffer_bytes = 512 + random.below(32 * 1024);
    options.stall_max = random.chance(0.2) ? Duration(90s) : Duration(1s);
    // Most worlds have some kinds of faults, a few none: a failure there needs nothing but an order of things.
    if (random.chance(0.2)) return options;
    for (std::size_t kind = 0; kind < sim::fault_kinds; ++kind) {
        if (!random.chance(0.4)) continue;
        auto fault = static_cast<sim::Fault>(kind);
        // A hundred times as late as far: longer than who closes waits for who does not read (linger_timeout).
        if (fault == sim::Fault::delay && is_far) continue;
        bool ends_a_connection = fault == sim::Fault::reset || fault == sim::Fault::cut ||
                                 fault == sim::Fault::no_buffers || fault == sim::Fault::stall ||
                                 fault == sim::Fault::half_close || fault == sim::Fault::partition ||
                                 fault == sim::Fault::slow_reader;
        options.chances[kind] = random.fraction() * (ends_a_connection ? 0.02 : 0.2);
    }
    if (random.chance(0.2)) options.latency_shape = sim::LatencyShape::uniform;
    if (!is_far && random.chance(0.2)) options.latency_shape = sim::LatencyShape::long_tail;
    return options;
}

std::string failure_of(const Property& property, const sim::Options& options) {
    Trial trial(options.seed);
    long before = live_allocations;
    run_once(property, options, trial);
    // Pools and caches may have grown: they do not, the third time.
    for (int again = 0; again < 2 && live_allocations > before && trial.failures().empty(); ++again) {
        before = live_allocations;
        Trial same(options.seed);
        run_once(property, options, same);
        if (again == 1 && live_allocations > before) {
            trial.fail("{} piece(s) of memory are left each time", live_allocations - before);
        }
    }
    std::string text;
    for (const std::string& failure : trial.failures()) text += failure + "\n";
    return text;
}

}  // namespace explore
