#include <stepwise/runtime/diagnostics/deadlock.hpp>
#include <stepwise/runtime/diagnostics/stall_watch.hpp>

#include <signal.h>

#include <cerrno>
#include <utility>

namespace stepwise::detail {

namespace {

constexpr auto look_every = std::chrono::milliseconds(10);
constexpr auto told_after = std::chrono::seconds(2);

std::mutex signal_mutex;
int signal_users = 0;
struct sigaction signal_before;

std::int64_t nanoseconds_now() noexcept {
    return std::chrono::steady_clock::now().time_since_epoch().count();
}

// SIGURG is what nobody waits for: its default is to be ignored, and debuggers let it pass.
bool take_signal(void (*handler)(int)) {
    std::lock_guard lock(signal_mutex);
    if (signal_users == 0) {
        struct sigaction now {};
        ::sigaction(SIGURG, nullptr, &signal_before);
        if (signal_before.sa_handler != SIG_DFL) return false;
        now.sa_handler = handler;
        now.sa_flags = SA_RESTART;
        ::sigaction(SIGURG, &now, nullptr);
    }
    ++signal_users;
    return true;
}

void give_signal_back() {
    std::lock_guard lock(signal_mutex);
    if (--signal_users == 0) ::sigaction(SIGURG, &signal_before, nullptr);
}

}  // namespace

thread_local constinit StallWatch* StallWatch::on_this_thread = nullptr;

StallWatch::StallWatch(Duration limit, Who who, void* context, StillStalls still_stalls)
    : limit_(limit),
      who_(who),
      context_(context),
      still_stalls_(std::move(still_stalls)),
      has_signal_(take_signal(&StallWatch::on_signal)) {
    static_cast<void>(capture_stack());  // loads what the unwinder needs, which a signal handler could not
    thread_of_watch_ = std::thread([this] { watch(); });
    ++quiet_threads;
}

StallWatch::~StallWatch() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopping_.notify_one();
    thread_of_watch_.join();
    --quiet_threads;
    // A signal that is still on its way finds nobody.
    if (on_this_thread == this) on_this_thread = nullptr;
    if (has_signal_) give_signal_back();
}

const StallWatch::Sample* StallWatch::end() noexcept {
    began_.store(0, std::memory_order_release);
    State state = state_.exchange(State::running, std::memory_order_acq_rel);
    return state == State::taken ? &sample_ : nullptr;
}

void StallWatch::watch() noexcept {
    ::pthread_setname_np(::pthread_self(), "stepwise-watch");
    std::unique_lock lock(mutex_);
    std::int64_t asked_for = 0;
    std::int64_t told_of = 0;
    while (!stopping_.wait_for(lock, look_every, [this] { return stop_; })) {
        std::int64_t began = began_.load(std::memory_order_acquire);
        if (began == 0) continue;
        Duration lasts(nanoseconds_now() - began);
        if (lasts > limit_ && asked_for != began) {
            asked_for = began;
            ask();
        }
        if (lasts > told_after && told_of != began && state_.load(std::memory_order_acquire) == State::taken) {
            told_of = began;
            Sample sample = sample_;
            if (began_.load(std::memory_order_acquire) == began) still_stalls_(sample);
        }
    }
}

void StallWatch::ask() noexcept {
    State running = State::running;
    if (!has_signal_ || !state_.compare_exchange_strong(running, State::asked, std::memory_order_acq_rel)) return;
    ::pthread_kill(thread_.load(std::memory_order_relaxed), SIGURG);
}

void StallWatch::on_signal(int) noexcept {
    int errno_before = errno;
    StallWatch* watch = on_this_thread;
    State asked = State::asked;
    if (watch != nullptr && !Telling::now() &&
        watch->state_.compare_exchange_strong(asked, State::taking, std::memory_order_acq_rel)) {
        watch->sample_.depth = capture_stack(watch->sample_.frames);
        watch->sample_.task = watch->who_(watch->context_);
        watch->state_.store(State::taken, std::memory_order_release);
    }
    errno = errno_before;
}

}  // namespace stepwise::detail
