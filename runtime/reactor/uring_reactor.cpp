// The reactor on io_uring: one entry in the submission queue a request, one system call a turn.
//
// Nothing is tried before it is submitted, so `submit` always answers "pending". Reads and writes of files complete in
// the kernel: no thread of the pool is used. What stays in flight after a stop_receiving is ended by the next wait; the
// kernel holds the connection open until then.
#include <stepwise/runtime/reactor/doorbell.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>
#include <stepwise/runtime/reactor/uring_accepts.hpp>
#include <stepwise/runtime/reactor/uring_buffers.hpp>
#include <stepwise/runtime/reactor/uring_probe.hpp>
#include <stepwise/runtime/reactor/uring_receives.hpp>
#include <stepwise/runtime/reactor/uring_ring.hpp>

#include <poll.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace stepwise {

namespace {

using namespace std::chrono_literals;

// The kernel transfers no more at once (MAX_RW_COUNT), and the field has 32 bits.
unsigned transfer_size(const Operation& operation) noexcept {
    return static_cast<unsigned>(std::min<std::size_t>(operation.size, 0x7fff'f000));
}

void fill(io_uring_sqe& entry, const Operation& operation) noexcept {
    int fd = operation.fd;
    unsigned size = transfer_size(operation);
    auto offset = static_cast<std::uint64_t>(operation.offset);  // -1 is the current position here too
    switch (operation.kind) {
        case OperationKind::accept:
            io_uring_prep_accept(&entry, fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            break;
        case OperationKind::connect:
            io_uring_prep_connect(&entry, fd, static_cast<const sockaddr*>(operation.buffer),
                                  static_cast<socklen_t>(operation.size));
            break;
        case OperationKind::recv:
            io_uring_prep_recv(&entry, fd, operation.buffer, size, 0);
            break;
        case OperationKind::send:
            io_uring_prep_send(&entry, fd, operation.buffer, size, MSG_NOSIGNAL);
            break;
        case OperationKind::send_message:
            io_uring_prep_sendmsg(&entry, fd, static_cast<const msghdr*>(operation.buffer), MSG_NOSIGNAL);
            break;
        case OperationKind::read:
            io_uring_prep_read(&entry, fd, operation.buffer, size, offset);
            break;
        case OperationKind::write:
            io_uring_prep_write(&entry, fd, operation.buffer, size, offset);
            break;
        case OperationKind::poll:
            io_uring_prep_poll_add(&entry, fd, operation.poll_mask);
            break;
    }
}

class UringReactor final : public Reactor {
public:
    UringReactor(ReactorHost& host, const ReactorOptions& options, const UringSupport& support)
        : multishot_(options.multishot && support.multishot),
          buffers_(multishot_ ? options.receive_buffers : 1, multishot_ ? options.receive_buffer_bytes : 1),
          ring_(options.ring_entries, support.setup_flags),
          receives_(ring_, host, multishot_ ? &buffers_ : nullptr, options.receive_block_bytes),
          accepts_(ring_, host, multishot_) {
        if (multishot_) buffers_.register_with(ring_);
    }

    ~UringReactor() override;

    std::string_view name() const noexcept override { return "io_uring"; }

    bool submit(Operation& operation) override {
        assert(!operation.pending() && "an operation is submitted once at a time");
        io_uring_sqe& entry = ring_.next_entry();
        fill(entry, operation);
        entry.user_data = tagged(&operation, UringTag::operation);
        operation.state = Operation::State::pending;
        ++operations_;
        begin(operation);
        return false;
    }

    void cancel(Operation& operation) noexcept override {
        if (operation.state != Operation::State::pending) return;
        operation.state = Operation::State::cancelling;
        ring_.cancel(tagged(&operation, UringTag::operation));
    }

    void abandon(Operation& operation) noexcept override;

    void start_receiving(int socket, Receiver& receiver) override { receives_.start(socket, receiver); }
    void stop_receiving(Receiver& receiver) noexcept override { receives_.stop(receiver); }
    void pause_receiving(Receiver& receiver) noexcept override { receives_.pause(receiver); }
    void resume_receiving(Receiver& receiver) override { receives_.resume(receiver); }

    void start_accepting(int socket, Acceptor& acceptor) override { accepts_.start(socket, acceptor); }
    void stop_accepting(Acceptor& acceptor) noexcept override;

    // Nothing is kept by number: the kernel's requests hold the open file, and those of stopped records never start.
    void forget(int) noexcept override {}

    void wait(std::optional<Duration> timeout) override;

    bool idle() const noexcept override {
        return operations_ == 0 && requests_in_flight() == 0 && receives_.idle() && accepts_.idle();
    }

    void wake() noexcept override { doorbell_.ring(); }

private:
    std::size_t requests_in_flight() const noexcept { return ring_.in_flight() - (wake_.in_flight ? 1 : 0); }

    void arm_wake() {
        if (wake_.in_flight) return;
        io_uring_sqe& entry = ring_.start(wake_);
        io_uring_prep_poll_multishot(&entry, doorbell_.fd(), POLLIN);
        entry.user_data = tagged(nullptr, UringTag::wake);
    }

    void finish(Operation& operation, int result) noexcept {
        // A read that a thread of the kernel was blocked in ends with EINTR when it is cancelled.
        bool interrupted = result == -EINTR && operation.state == Operation::State::cancelling;
        operation.result = interrupted ? -ECANCELED : result;
        operation.state = Operation::State::idle;
        --operations_;
    }

    void dispatch(const UringCompletion& completion) {
        void* owner = reinterpret_cast<void*>(completion.user_data & ~uring_tag_mask);
        switch (static_cast<UringTag>(completion.user_data & uring_tag_mask)) {
            case UringTag::operation: {
                auto& operation = *static_cast<Operation*>(owner);
                finish(operation, completion.result);
                complete(operation);
                break;
            }
            case UringTag::receive:
                receives_.completed(*static_cast<ReceiveRecord*>(owner), completion);
                break;
            case UringTag::accept:
                accepts_.completed(*static_cast<AcceptRecord*>(owner), completion);
                break;
            case UringTag::wake:
                if (completion.is_last()) ring_.finish(wake_);
                break;
            case UringTag::none:
                break;
        }
    }

    void drain() {
        ring_.drain([this](const UringCompletion& completion) { dispatch(completion); });
    }

    bool multishot_;
    Doorbell doorbell_;
    UringRequest wake_;
    std::size_t operations_ = 0;
    UringBuffers buffers_;  // before the ring, which must be gone when its memory is unmapped
    UringRing ring_;
    UringReceives receives_;
    UringAccepts accepts_;
};

void UringReactor::wait(std::optional<Duration> timeout) {
    bool more_to_arm = receives_.arm_waiting();
    accepts_.arm_waiting();
    if (Doorbell::serves_loops && idle() && (!timeout || *timeout > Duration::zero())) return doorbell_.wait(timeout);
    arm_wake();
    if (more_to_arm) timeout = Duration::zero();
    if (!ring_.enter(timeout)) throw std::logic_error("an io_uring reactor belongs to the thread that used it first");
    drain();
}

// How long a blocking end of a request waits before it asks the kernel again.
constexpr auto patience = 100ms;

void UringReactor::abandon(Operation& operation) noexcept {
    if (!operation.pending()) return;
    Operation::Complete complete = std::exchange(operation.complete, [](Operation&) noexcept {});
    while (operation.pending()) {
        operation.state = Operation::State::cancelling;
        ring_.cancel(tagged(&operation, UringTag::operation));
        bool entered = ring_.enter(patience);
        drain();
        // The ring's thread has ended: the kernel ended its requests with it.
        if (entered || !operation.pending()) continue;
        finish(operation, -ECANCELED);
        abandoned(operation);
    }
    operation.complete = complete;
}

// Blocks until the kernel has let go of the listening socket, so that its port is free when the caller closes it.
void UringReactor::stop_accepting(Acceptor& acceptor) noexcept {
    const UringRequest* request = accepts_.stop(acceptor);
    while (request != nullptr && request->in_flight) {
        if (!ring_.enter(patience)) break;
        drain();
    }
}

UringReactor::~UringReactor() {
    receives_.close();
    accepts_.close();
    ring_.stop(wake_, tagged(nullptr, UringTag::wake));
    // Until then the kernel may write: into the provided buffers, into the memory of an operation that was forgotten.
    // Those that were cancelled one by one come first: to cancel everything, the kernel looks through all requests for
    // each that it ends, which took 20 s of 10,000 idle connections.
    bool brought_something = true;
    while (ring_.entered() && (ring_.in_flight() != 0 || operations_ != 0)) {
        if (!std::exchange(brought_something, false) || ring_.in_flight() == 0) ring_.cancel_everything();
        if (!ring_.enter(patience)) break;
        ring_.drain([&](const UringCompletion& completion) {
            brought_something = true;
            bool of_operation = (completion.user_data & uring_tag_mask) == static_cast<unsigned>(UringTag::operation);
            if (!of_operation) return dispatch(completion);
            finish(*reinterpret_cast<Operation*>(completion.user_data & ~uring_tag_mask), completion.result);
        });
    }
}

}  // namespace

std::unique_ptr<Reactor> make_uring_reactor(ReactorHost& host, const ReactorOptions& options, std::string& why_not) {
    UringSupport support = probe_uring();
    why_not = support.why_not;
    if (!why_not.empty()) return nullptr;
    try {
        return std::make_unique<UringReactor>(host, options, support);
    } catch (const std::system_error& failure) {
        why_not = failure.what();
        return nullptr;
    }
}

}  // namespace stepwise
