// The reactor on epoll: tries each system call at once and waits for readiness only when the kernel says EAGAIN.
//
// Regular files are never "not ready", so that epoll refuses them: their reads and writes go to the host's threads.
// Invariant: no user code runs within wait(), so that no descriptor is forgotten, closed or reused between the kernel's
// events of one batch.
#include <stepwise/runtime/reactor/attempt.hpp>
#include <stepwise/runtime/reactor/doorbell.hpp>
#include <stepwise/runtime/reactor/epoll_streams.hpp>
#include <stepwise/runtime/reactor/epoll_table.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>
#include <system_error>
#include <utility>

namespace stepwise {

namespace {

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLPRI == POLLPRI && EPOLLERR == POLLERR &&
              EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP);

bool reads(OperationKind kind) noexcept {
    return kind == OperationKind::accept || kind == OperationKind::recv || kind == OperationKind::read;
}

Operation*& list_of(EpollEntry& entry, OperationKind kind) noexcept {
    if (kind == OperationKind::poll) return entry.polls;
    return reads(kind) ? entry.readers : entry.writers;
}

void append(Operation*& list, Operation& operation) noexcept {
    Operation** end = &list;
    while (*end != nullptr) end = &(*end)->next;
    *end = &operation;
}

void unlink(Operation*& list, Operation& operation) noexcept {
    Operation** link = &list;
    while (*link != &operation) link = &(*link)->next;
    *link = std::exchange(operation.next, nullptr);
}

// Tries to read or write, and learns from it what the entry's bits say.
int try_now(EpollEntry& entry, const Operation& operation) noexcept {
    int result = attempt(operation);
    if (result == -EAGAIN) {
        (reads(operation.kind) ? entry.readable : entry.writable) = false;
    } else if (result > 0 && reads(operation.kind) && operation.kind != OperationKind::accept) {
        entry.note_read(operation.fd, static_cast<std::size_t>(result), operation.size);
    }
    return result;
}

using Clock = std::chrono::steady_clock;

class EpollReactor final : public Reactor {
public:
    EpollReactor(ReactorHost& host, const ReactorOptions& options);
    ~EpollReactor() override {
        assert(waiting_ == 0 && "operations are cancelled or abandoned before the reactor ends");
    }

    std::string_view name() const noexcept override { return "epoll"; }

    bool submit(Operation& operation) override;
    void cancel(Operation& operation) noexcept override;
    void abandon(Operation& operation) noexcept override;

    void start_receiving(int socket, Receiver& receiver) override { streams_.start(socket, receiver); }
    void stop_receiving(Receiver& receiver) noexcept override { streams_.stop(receiver); }
    void pause_receiving(Receiver& receiver) noexcept override { streams_.pause(receiver); }
    void resume_receiving(Receiver& receiver) override { streams_.resume(receiver); }

    void start_accepting(int socket, Acceptor& acceptor) override { streams_.start(socket, acceptor); }
    void stop_accepting(Acceptor& acceptor) noexcept override { streams_.stop(acceptor); }

    void forget(int fd) noexcept override { table_.forget(fd); }

    void wait(std::optional<Duration> timeout) override;
    // What a thread has of a file shows up as a wake, not here.
    bool idle() const noexcept override { return waiting_ == 0 && streams_.started() == 0; }
    void wake() noexcept override { doorbell_.ring(); }

private:
    static constexpr int events_per_wait_max = 512;

    bool submit_to_file(Operation& operation);
    bool try_at_submit(EpollEntry& entry, Operation& operation) noexcept;

    int wait_for_events(std::optional<Duration> timeout) noexcept;
    void dispatch(const epoll_event& event) noexcept;
    void retry(EpollEntry& entry, Operation*& list, const bool& ready) noexcept;
    void finish_polls(EpollEntry& entry, std::uint32_t events) noexcept;

    void take_out(Operation& operation) noexcept {
        unlink(list_of(table_.at(operation.fd), operation.kind), operation);
        operation.state = Operation::State::idle;
        --waiting_;
    }
    // It is out of its list already.
    void finish(Operation& operation, int result) noexcept {
        operation.result = result;
        operation.state = Operation::State::idle;
        --waiting_;
        progressed_ = true;
        complete(operation);
    }

    ReactorHost& host_;
    Doorbell doorbell_;
    EpollTable table_;
    EpollStreams streams_;
    std::size_t waiting_ = 0;  // operations in the table's lists
    bool progressed_ = false;  // this wait has queued something, or was woken
    bool has_nanoseconds_ = true;
    std::array<epoll_event, events_per_wait_max> events_;
};

EpollReactor::EpollReactor(ReactorHost& host, const ReactorOptions& options)
    : host_(host), streams_(table_, host, options.receive_block_bytes) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.fd = doorbell_.fd();
    if (::epoll_ctl(table_.epoll(), EPOLL_CTL_ADD, doorbell_.fd(), &event) != 0)
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

bool EpollReactor::submit(Operation& operation) {
    assert(!operation.pending() && "an operation is submitted once at a time");
    if (int error = table_.watch(operation.fd); error != 0) {
        operation.result = -error;
        return true;
    }
    EpollEntry& entry = table_.at(operation.fd);
    if (entry.kind == EpollEntry::Kind::file) {
        // Not kept: when the file is closed its number may be a socket's, and nobody has to tell the reactor of files.
        table_.forget(operation.fd);
        return submit_to_file(operation);
    }
    if (try_at_submit(entry, operation)) return true;
    operation.state = Operation::State::pending;
    append(list_of(entry, operation.kind), operation);
    ++waiting_;
    begin(operation);
    return false;
}

bool EpollReactor::try_at_submit(EpollEntry& entry, Operation& operation) noexcept {
    switch (operation.kind) {
        case OperationKind::connect:
            operation.result = attempt(operation);
            if (operation.result != -EINPROGRESS) return true;
            entry.writable = false;
            return false;
        case OperationKind::poll:
            // The caller's own reads and writes make no bit false. The descriptor is registered already, so that a
            // change right after this look is an event.
            operation.result = attempt(operation);
            return operation.result != -EAGAIN;
        default:
            break;
    }
    bool ready = reads(operation.kind) ? entry.readable : entry.writable;
    bool is_first = list_of(entry, operation.kind) == nullptr;
    if (!ready || !is_first) return false;
    operation.result = try_now(entry, operation);
    return operation.result != -EAGAIN;
}

bool EpollReactor::submit_to_file(Operation& operation) {
    if (operation.kind != OperationKind::read && operation.kind != OperationKind::write) {
        // A file is ready to read and to write; no other condition can ever come. Socket calls answer ENOTSOCK.
        int result = attempt(operation);
        operation.result = result == -EAGAIN ? -EPERM : result;
        return true;
    }
    operation.offloaded = true;
    operation.state = Operation::State::pending;
    try {
        host_.offload(operation);
    } catch (...) {
        operation.offloaded = false;
        operation.state = Operation::State::idle;
        throw;
    }
    begin(operation);
    return false;
}

void EpollReactor::cancel(Operation& operation) noexcept {
    if (operation.state != Operation::State::pending) return;
    if (operation.offloaded) {
        operation.state = Operation::State::cancelling;
        if (!host_.withdraw_offloaded(operation)) return;
        operation.state = Operation::State::idle;
    } else {
        take_out(operation);
    }
    operation.result = -ECANCELED;
    complete(operation);
}

void EpollReactor::abandon(Operation& operation) noexcept {
    if (!operation.pending()) return;
    if (operation.offloaded) {
        host_.abandon_offloaded(operation);
        abandoned(operation);
        operation.state = Operation::State::idle;
        return;
    }
    take_out(operation);
    abandoned(operation);
    operation.result = -ECANCELED;
}

void EpollReactor::wait(std::optional<Duration> timeout) {
    bool blocks = !timeout || *timeout > Duration::zero();
    if (Doorbell::serves_loops && blocks && idle()) return doorbell_.wait(timeout);
    Clock::time_point start = timeout && blocks ? Clock::now() : Clock::time_point{};
    progressed_ = false;
    for (std::optional<Duration> left = timeout;;) {
        int count = wait_for_events(left);
        if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
        for (int index = 0; index < count; ++index) dispatch(events_[static_cast<std::size_t>(index)]);
        // A registration is answered with an event of its own, which may be of no use to anybody: that ends no wait.
        if (count <= 0 || progressed_ || !blocks) return;
        if (timeout) left = *timeout - (Clock::now() - start);
    }
}

int EpollReactor::wait_for_events(std::optional<Duration> timeout) noexcept {
    if (!timeout) return ::epoll_wait(table_.epoll(), events_.data(), events_per_wait_max, -1);
    if (*timeout <= Duration::zero()) return ::epoll_wait(table_.epoll(), events_.data(), events_per_wait_max, 0);
    if (has_nanoseconds_) {
        auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*timeout);
        timespec limit{static_cast<std::time_t>(seconds.count()), static_cast<long>((*timeout - seconds).count())};
        int count = ::epoll_pwait2(table_.epoll(), events_.data(), events_per_wait_max, &limit, nullptr);
        // Linux before 5.11, or a container's filter that does not know the call.
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
        has_nanoseconds_ = false;
    }
    auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
    auto limit = std::min<std::int64_t>(milliseconds, std::numeric_limits<int>::max());
    return ::epoll_wait(table_.epoll(), events_.data(), events_per_wait_max, static_cast<int>(limit));
}

void EpollReactor::dispatch(const epoll_event& event) noexcept {
    int fd = event.data.fd;
    if (fd == doorbell_.fd()) {
        progressed_ = true;
        return;
    }
    EpollEntry& entry = table_.at(fd);
    if (tracer() != nullptr) [[unlikely]]
        trace::ready(*tracer(), fd, event.events);
    entry.mark(event.events);
    retry(entry, entry.readers, entry.readable);
    retry(entry, entry.writers, entry.writable);
    if (entry.polls != nullptr) finish_polls(entry, event.events);
    if (entry.stream != nullptr && streams_.advance(*entry.stream)) progressed_ = true;
}

void EpollReactor::retry(EpollEntry& entry, Operation*& list, const bool& ready) noexcept {
    while (list != nullptr && ready) {
        Operation& operation = *list;
        bool connecting = operation.kind == OperationKind::connect;
        int result = connecting ? connect_outcome(operation.fd) : try_now(entry, operation);
        if (result == -EAGAIN) return;
        list = std::exchange(operation.next, nullptr);
        finish(operation, result);
    }
}

// An event carries the whole state of its descriptor, as of this wait, and not only what changed.
void EpollReactor::finish_polls(EpollEntry& entry, std::uint32_t events) noexcept {
    Operation** link = &entry.polls;
    while (Operation* operation = *link) {
        std::uint32_t ready = events & (operation->poll_mask | EPOLLERR | EPOLLHUP);
        if (ready == 0) {
            link = &operation->next;
            continue;
        }
        *link = std::exchange(operation->next, nullptr);
        finish(*operation, static_cast<int>(ready));
    }
}

}  // namespace

std::unique_ptr<Reactor> make_epoll_reactor(ReactorHost& host, const ReactorOptions& options) {
    return std::make_unique<EpollReactor>(host, options);
}

}  // namespace stepwise
