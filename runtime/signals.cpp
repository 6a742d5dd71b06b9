#include <stepwise/runtime/diagnostics/debug_mode.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/signals.hpp>

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <thread>

namespace stepwise {

namespace {

// Per process, as signals are. Lock-free, since the kernel's handler reads them.
struct Slot {
    std::atomic<EventLoop*> loop = nullptr;
    std::atomic<int> handlers_running = 0;  // on any thread of the process
    std::atomic<bool> arrived = false;
};
Slot slots[NSIG];

void on_signal(int signal_number) {
    int saved_errno = errno;
    Slot& slot = slots[signal_number];
    slot.handlers_running.fetch_add(1);
    slot.arrived.store(true);
    if (EventLoop* loop = slot.loop.load()) loop->signal_arrived();
    slot.handlers_running.fetch_sub(1);
    errno = saved_errno;
}

}  // namespace

bool SignalHandlers::clear() noexcept {
    if (registrations_.empty()) return false;
    while (!registrations_.empty()) remove(registrations_.begin()->first);
    return true;
}

void SignalHandlers::add(int signal_number, std::function<void()> callback) {
    if (signal_number <= 0 || signal_number >= NSIG) {
        throw std::invalid_argument(fmt::format("add_signal_handler: there is no signal {}", signal_number));
    }
    auto found = registrations_.find(signal_number);
    if (found != registrations_.end()) {
        found->second.callback = std::move(callback);
        return;
    }
    Slot& slot = slots[signal_number];
    // First: without memory for it the signal is nobody's.
    Registration& registration = registrations_[signal_number];
    EventLoop* nobody = nullptr;
    if (!slot.loop.compare_exchange_strong(nobody, &loop_)) {
        registrations_.erase(signal_number);
        throw std::logic_error(fmt::format("signal {} belongs to another event loop", signal_number));
    }
    slot.arrived.store(false);
    struct sigaction action {};
    action.sa_handler = &on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(signal_number, &action, &registration.before) != 0) {
        int error = errno;
        registrations_.erase(signal_number);
        slot.loop.store(nullptr);
        throw_system_error(error, fmt::format("sigaction({})", signal_number));
    }
    registration.callback = std::move(callback);
}

bool SignalHandlers::remove(int signal_number) noexcept {
    auto found = registrations_.find(signal_number);
    if (found == registrations_.end()) return false;
    sigaction(signal_number, &found->second.before, nullptr);
    Slot& slot = slots[signal_number];
    slot.loop.store(nullptr);
    // The loop may end next: another thread's handler may have found it in the slot before that. It will not take long.
    while (slot.handlers_running.load() != 0) std::this_thread::yield();
    // What the callback holds may call back as it ends.
    auto removed = registrations_.extract(found);
    return true;
}

void SignalHandlers::deliver() {
    for (auto& [signal_number, registration] : registrations_) {
        if (!slots[signal_number].arrived.exchange(false)) continue;
        try {
            loop_.call_soon([this, number = signal_number] { call(number); });
        } catch (const std::bad_alloc&) {
            // It has come all the same: the next turn tries again.
            slots[signal_number].arrived.store(true);
            return loop_.signal_arrived();
        }
    }
}

// Unless it was removed meanwhile. A copy is called, since the callback may remove or replace itself.
void SignalHandlers::call(int signal_number) {
    auto found = registrations_.find(signal_number);
    if (found == registrations_.end()) return;
    std::function<void()> callback = found->second.callback;
    callback();
}

void EventLoop::add_signal_handler(int signal_number, Callback callback) {
    check_thread("EventLoop::add_signal_handler");
    signals_->add(signal_number, std::move(callback));
    if (debug_) debug_->signal_taken(signal_number);
}

bool EventLoop::remove_signal_handler(int signal_number) {
    check_thread("EventLoop::remove_signal_handler");
    if (debug_) debug_->signal_taken(signal_number);
    return signals_->remove(signal_number);
}

}  // namespace stepwise
