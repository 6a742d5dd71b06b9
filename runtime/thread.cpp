#include <stepwise/runtime/reactor/simulation.hpp>
#include <stepwise/runtime/scheduler.hpp>
#include <stepwise/runtime/thread.hpp>

#include <exception>
#include <stdexcept>
#include <thread>
#include <utility>

namespace stepwise {

struct Thread::State {
    explicit State(SimulatedThreads* simulated) noexcept : threads(simulated) {}

    void run(std::function<void()>& body) noexcept {
        try {
            body();
        } catch (...) {
            error = std::current_exception();
        }
        body = nullptr;
        has_ended = true;
    }
    // Once. What it threw, if it did.
    std::exception_ptr end() {
        const bool takes_turns = threads != nullptr && detail::simulated_threads() == threads;
        if (takes_turns)
            threads->wait(
                TimePoint::max(), [this] { return has_ended; }, true);
        thread.join();
        return std::exchange(error, nullptr);
    }

    SimulatedThreads* threads;
    std::exception_ptr error;
    bool has_ended = false;  // for who is simulated: it is read and written by turns
    std::thread thread;
};

Thread::Thread() noexcept = default;
Thread::Thread(Thread&& other) noexcept = default;

Thread::Thread(std::function<void()> body) : Thread(std::move(body), detail::simulated_threads()) {}

Thread::Thread(std::function<void()> body, SimulatedThreads* threads) : state_(std::make_unique<State>(threads)) {
    auto run = [state = state_.get(), body = std::move(body)]() mutable { state->run(body); };
    state_->thread = threads != nullptr ? threads->start(std::move(run)) : std::thread(std::move(run));
    // Which of the two goes on first is open.
    if (threads != nullptr)
        threads->wait(
            TimePoint(), [] { return true; }, false);
}

Thread& Thread::operator=(Thread&& other) noexcept {
    Thread ends(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
}

Thread::~Thread() {
    if (state_ == nullptr) return;
    if (std::exception_ptr error = state_->end()) Scheduler::report_lost(std::move(error), "a thread");
}

void Thread::join() {
    if (state_ == nullptr) throw std::logic_error("Thread::join: there is no thread, or it was joined before");
    std::exception_ptr error = state_->end();
    state_.reset();
    if (error) std::rethrow_exception(error);
}

TimePoint this_thread::now() {
    SimulatedThreads* threads = detail::simulated_threads();
    return threads != nullptr ? threads->now() : std::chrono::steady_clock::now();
}

void this_thread::sleep_for(Duration duration) {
    SimulatedThreads* threads = detail::simulated_threads();
    return threads != nullptr ? threads->sleep_for(duration) : std::this_thread::sleep_for(duration);
}

bool detail::wait_simulated(const std::function<bool()>& is_ready) {
    SimulatedThreads* threads = simulated_threads();
    if (threads == nullptr) return false;
    threads->wait(TimePoint::max(), is_ready, false);
    return true;
}

}  // namespace stepwise
