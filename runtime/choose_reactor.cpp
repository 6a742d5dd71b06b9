// Which reactor a loop gets, and what a simulated one brings with it.
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace stepwise {

namespace {

std::string from_environment() {
    const char* value = std::getenv("STEPWISE_REACTOR");
    return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

void EventLoop::choose_reactor(Options& options) {
    std::string wanted = options.reactor;
    if (wanted.empty()) wanted = detail::is_simulated_thread() ? "sim" : from_environment();
    if (wanted != "" && wanted != "epoll" && wanted != "io_uring" && wanted != "sim") {
        throw std::invalid_argument(fmt::format("unknown reactor '{}': choose epoll, io_uring or sim", wanted));
    }
    if (wanted == "sim") return use_simulation(options);
    // It would wait with the turn that all the others wait for.
    if (detail::is_simulated_thread()) {
        throw std::logic_error(
            fmt::format("the {} reactor cannot be used here: this thread is simulated, and so are the loops that run "
                        "on it; leave Options::reactor empty, or \"sim\"",
                        wanted));
    }
    if (wanted != "epoll") {
        std::string why_not;
        reactor_ = make_uring_reactor(*this, options.reactor_options, why_not);
        if (reactor_ != nullptr) return;
        if (wanted == "io_uring") {
            throw std::system_error(ENOSYS, std::generic_category(), "the io_uring reactor cannot be used: " + why_not);
        }
        if (debug_) std::fprintf(stderr, "stepwise: using epoll, io_uring is not available: %s\n", why_not.c_str());
    }
    reactor_ = make_epoll_reactor(*this, options.reactor_options);
}

void EventLoop::use_simulation(const Options& options) {
    reactor_ = make_sim_reactor(*this, options.reactor_options);
    simulation_ = reactor_->simulation();
    simulation_->set_threads_max(options.thread_pool.threads_max);
    if (options.clock == nullptr) {
        clock_ = &simulation_->clock();
    } else {
        simulation_->use_foreign_clock();
    }
    entropy_.follow(simulation_->entropy_seed());
}

void EventLoop::check_simulated_thread() const {
    if (!simulation_->on_own_thread()) throw_not_simulated("call_soon_threadsafe", "it comes from another thread");
}

}  // namespace stepwise
