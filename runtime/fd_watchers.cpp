#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/fd_watchers.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <cerrno>

namespace stepwise {

// Removed while its own callback runs, it ends after that: `map_` is where it still stands, or it is on its own.
class FdWatchers::Watcher final : public ReadyNode, public Operation {
public:
    Watcher(EventLoop& loop, int fd, std::uint32_t mask, std::function<void()> callback)
        : ReadyNode(&Watcher::call), Operation(&Watcher::ready), loop_(loop), callback_(std::move(callback)) {
        prepare_poll(fd, mask);
    }

    void replace(std::function<void()> callback) {
        // It cannot be polled any more: the number may mean another descriptor by now.
        if (!calling_ && !armed()) arm();
        callback_ = std::move(callback);
    }

    void arm() {
        prepare_poll(fd, poll_mask);
        if (!loop_.reactor().submit(*this)) return;
        check_result();
        queue();
    }

    // Gives itself up: ends now, or when the handle that stands in the ready queue comes up.
    static void end(std::unique_ptr<Watcher> watcher) noexcept {
        if (watcher->pending()) watcher->loop_.reactor().abandon(*watcher);
        watcher->removed_ = true;
        if (watcher->queued_ || watcher->calling_) static_cast<void>(watcher.release());
    }

private:
    static void ready(Operation& operation) noexcept { static_cast<Watcher&>(operation).queue(); }
    void queue() noexcept {
        queued_ = true;
        loop_.push_ready(static_cast<ReadyNode&>(*this));
    }
    static void call(ReadyNode& node) {
        auto& self = static_cast<Watcher&>(node);
        self.queued_ = false;
        if (!self.removed_ && !self.loop_.discarding()) {
            self.calling_ = true;
            self.call_and_arm_again();
            self.calling_ = false;
        }
        if (self.removed_) delete &self;
    }
    void call_and_arm_again() noexcept {
        try {
            check_result();
            call_back();
            if (!removed_) arm();
        } catch (...) {
            loop_.call_exception_handler(std::current_exception(), "a reader or writer that can no longer be polled");
        }
    }
    void call_back() noexcept {
        try {
            std::function<void()> callback = callback_;  // it may replace or remove itself
            callback();
        } catch (...) {
            loop_.call_exception_handler(std::current_exception(), "a reader or writer callback");
        }
    }
    void check_result() const {
        if (result < 0) throw_system_error(-result, "poll of the descriptor");
    }
    bool armed() const noexcept { return pending() || queued_; }

    EventLoop& loop_;
    std::function<void()> callback_;
    bool queued_ = false;
    bool calling_ = false;
    bool removed_ = false;
};

FdWatchers::FdWatchers(EventLoop& loop) noexcept : loop_(loop) {}

FdWatchers::~FdWatchers() {
    clear();
}

bool FdWatchers::clear() noexcept {
    if (readers_.empty() && writers_.empty()) return false;
    // One by one: what a callback holds may call back as it ends.
    while (!readers_.empty()) remove(readers_.begin()->first, Direction::read);
    while (!writers_.empty()) remove(writers_.begin()->first, Direction::write);
    return true;
}

void FdWatchers::add(int fd, Direction direction, std::function<void()> callback) {
    Map& map = watchers(direction);
    auto found = map.find(fd);
    if (found != map.end()) return found->second->replace(std::move(callback));
    // io_uring would say so in a later turn.
    if (loop_.simulation() == nullptr && ::fcntl(fd, F_GETFD) < 0)
        throw_system_error(errno, fmt::format("add_reader, or add_writer, of descriptor {}", fd));
    std::uint32_t mask = direction == Direction::read ? POLLIN | POLLRDHUP : POLLOUT;
    auto added = map.emplace(fd, std::make_unique<Watcher>(loop_, fd, mask, std::move(callback))).first;
    try {
        added->second->arm();
    } catch (...) {
        map.erase(added);
        throw;
    }
}

bool FdWatchers::remove(int fd, Direction direction) noexcept {
    Map& map = watchers(direction);
    auto found = map.find(fd);
    if (found == map.end()) return false;
    std::unique_ptr<Watcher> watcher = std::move(found->second);
    map.erase(found);
    Watcher::end(std::move(watcher));
    if (!readers_.contains(fd) && !writers_.contains(fd)) loop_.reactor().forget(fd);
    return true;
}

void EventLoop::add_reader(int fd, Callback callback) {
    check_thread("EventLoop::add_reader");
    watchers_->add(fd, FdWatchers::Direction::read, std::move(callback));
}

void EventLoop::add_writer(int fd, Callback callback) {
    check_thread("EventLoop::add_writer");
    watchers_->add(fd, FdWatchers::Direction::write, std::move(callback));
}

bool EventLoop::remove_reader(int fd) {
    check_thread("EventLoop::remove_reader");
    return watchers_->remove(fd, FdWatchers::Direction::read);
}

bool EventLoop::remove_writer(int fd) {
    check_thread("EventLoop::remove_writer");
    return watchers_->remove(fd, FdWatchers::Direction::write);
}

}  // namespace stepwise
