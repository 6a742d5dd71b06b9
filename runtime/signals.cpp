#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/signals.hpp>

#include <fmt/format.h>

#include <atomic>
#include <cerrno>

namespace stepwise {

namespace {

// Per process, as signals are. Lock-free, since the kernel's handler reads them.
struct Slot {
    std::atomic<EventLoop*> loop = nullptr;
    std::atomic<bool> arrived = false;
};
Slot slots[NSIG];

void on_signal(int signal_number) {
    int saved_errno = errno;
    Slot& slot = slots[signal_number];
    slot.arrived.store(true);
    if (EventLoop* loop = slot.loop.load()) loop->signal_arrived();
    errno = saved_errno;
}

}  // namespace

SignalHandlers::~SignalHandlers() {
    while (!registrations_.empty()) remove(registrations_.begin()->first);
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
    EventLoop* nobody = nullptr;
    if (!slot.loop.compare_exchange_strong(nobody, &loop_)) {
        throw std::logic_error(fmt::format("signal {} belongs to another event loop", signal_number));
    }
    slot.arrived.store(false);
    struct sigaction action {};
    action.sa_handler = &on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    struct sigaction before {};
    if (sigaction(signal_number, &action, &before) != 0) {
        int error = errno;
        slot.loop.store(nullptr);
        throw_system_error(error, fmt::format("sigaction({})", signal_number));
    }
    registrations_.emplace(signal_number, Registration{std::move(callback), before});
}

bool SignalHandlers::remove(int signal_number) noexcept {
    auto found = registrations_.find(signal_number);
    if (found == registrations_.end()) return false;
    sigaction(signal_number, &found->second.before, nullptr);
    slots[signal_number].loop.store(nullptr);
    registrations_.erase(found);
    return true;
}

void SignalHandlers::deliver() {
    for (auto& [signal_number, registration] : registrations_) {
        if (slots[signal_number].arrived.exchange(false)) loop_.call_soon(registration.callback);
    }
}

}  // namespace stepwise
