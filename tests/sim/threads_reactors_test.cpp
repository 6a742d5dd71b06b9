// Loops on simulated threads: which reactor and which options they may ask for, and whom they wait for.
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>
#include <stepwise/tests/sim/threads_support.hpp>

#include <doctest/doctest.h>

#include <array>
#include <stdexcept>
#include <vector>

using namespace sim_test;

namespace {

std::string refusal_of(LoopGroup& group) {
    try {
        group.run([](LoopGroup&, std::size_t) -> Coro<void> { co_return; });
    } catch (const std::logic_error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a LoopGroup whose options alone ask for the simulator is refused where its loops would have a world each") {
    LoopGroup group(2, on(sim::Options()));
    CHECK(refusal_of(group) ==
          "LoopGroup cannot be simulated: its loops would have a world each; STEPWISE_REACTOR=sim puts them in one");
}

// ---- loops that are the kernel's, and options of their own

namespace {

Coro<void> hear_through_the_kernel(bool& heard) {
    CHECK(EventLoop::current().reactor_name() == "epoll");
    CHECK(detail::simulated_calls == nullptr);
    int ends[2] = {-1, -1};
    REQUIRE(calls::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    UniqueFd here(ends[0]);
    UniqueFd there(ends[1]);
    REQUIRE(calls::send(there.get(), "1", 1) == 1);
    std::string bytes;
    co_await receive_a_byte(here.get(), bytes);
    heard = bytes == "1";
}

}  // namespace

TEST_CASE("a LoopGroup that asks for the kernel's reactor gets it where the program would be simulated") {
    in_a_program(1, [] {
        std::array<bool, 2> heard{};
        LoopGroup group(2, real());
        group.start([&heard](LoopGroup&, std::size_t index) { return hear_through_the_kernel(heard[index]); });
        group.join();
        CHECK(heard == std::array<bool, 2>{true, true});
        CHECK(detail::simulated_calls == nullptr);
    });
}

namespace {

Coro<void> pause(Duration duration) {
    co_await sleep(duration);
}

constexpr const char* real_among_simulated =
    "the epoll reactor cannot be used here: this thread is simulated, and so are the loops that run on it; leave "
    "Options::reactor empty, or \"sim\"";

}  // namespace

TEST_CASE("a loop of the kernel's on a simulated thread is refused, not waited for") {
    in_a_program(1, [] {
        Thread thread([] { run(pause(0s), real()); });
        CHECK_THROWS_WITH_AS(thread.join(), real_among_simulated, std::logic_error);
        LoopGroup group(1, real());
        CHECK(refusal_of(group) == real_among_simulated);
    });
}

namespace {

Coro<void> run_a_loop_in_a_job(std::string& name) {
    const auto work = [&name] {
        EventLoop loop;
        name = loop.reactor_name();
    };
    Future<void> done = EventLoop::current().run_in_executor(work);
    co_await done;
}

}  // namespace

TEST_CASE("a loop that says nothing of its reactor is simulated on a simulated thread, whatever the environment says") {
    std::string name;
    run_on(sim::Options(), run_a_loop_in_a_job(name));
    CHECK(name == "sim");
}

namespace {

constexpr const char* other_options =
    "this loop's sim::Options cannot be used: its thread is in a simulation already, with others; leave them as they "
    "are, or give all of them to the first loop";

Coro<void> run_again_in_a_job(sim::Options options, std::string& told) {
    const auto work = [&told, options] {
        try {
            run_on(options, pause(1s));
        } catch (const std::logic_error& error) {
            told = error.what();
        }
    };
    Future<void> done = EventLoop::current().run_in_executor(work);
    co_await done;
}

}  // namespace

TEST_CASE("a loop's simulation options that its thread's world does not have are refused") {
    in_a_program(1, [] {
        own::sleep_for(1s);
        sim::Options slow;
        slow.latency = sim::Span{1s, 2s};
        CHECK_THROWS_WITH_AS(run_on(slow, pause(1s)), other_options, std::logic_error);
    });
    sim::Options faulty = with_seed(7);
    faulty.chance(sim::Fault::reset) = 0.5;
    std::string told;
    run_on(with_seed(7), run_again_in_a_job(faulty, told));
    CHECK(told == other_options);
}

TEST_CASE("a loop may repeat its world's options, or say nothing") {
    std::string told;
    run_on(with_seed(7), run_again_in_a_job(with_seed(7), told));
    run_on(with_seed(7), run_again_in_a_job(sim::Options(), told));
    CHECK(told.empty());
}

TEST_CASE("a thread asks the environment once whether it is simulated") {
    bool simulated = true;
    std::thread([&simulated] {
        own::now();
        in_a_program(1, [] { CHECK(detail::simulated_threads() != nullptr); });
        ::setenv("STEPWISE_REACTOR", "sim", 1);
        simulated = detail::simulated_threads() != nullptr;
        ::unsetenv("STEPWISE_REACTOR");
    }).join();
    CHECK(!simulated);
}

// ---- what other threads do is no reason to wait

namespace {

Coro<void> leave_one_that_refuses(std::vector<std::string>& told) {
    EventLoop& loop = EventLoop::current();
    loop.set_exception_handler([&told](std::exception_ptr, std::string_view where) { told.emplace_back(where); });
    Task<void> refusing = loop.create_task(refuse_to_be_cancelled());
    co_await sleep(1s);
}

}  // namespace

TEST_CASE("a loop that ends does not wait for other threads with a task that refuses to end") {
    in_a_program(1, [] {
        std::vector<std::string> told;
        Thread sleeper([] { own::sleep_for(1h); });
        const TimePoint began = own::now();
        run(leave_one_that_refuses(told));
        CHECK(own::now() - began < 1min);
        CHECK(told.empty());
        sleeper.join();
    });
}
