// The reactor: what the loop knows of the kernel. Completion-shaped, so that epoll, io_uring and a simulator are alike.
//
// One-shot requests are Operations that their awaiter owns. Streams of completions (bytes that keep arriving,
// connections that keep coming) have a target, a Receiver or an Acceptor, that the caller owns, and behind it a record
// that the reactor owns: `stop_…` parts the two at once, and the record ends alone when the kernel has let go of it.
// What stands in the ready queue is the record's node, so a target may be destroyed right after its stop.
// All calls belong to the loop's thread, but for `wake`. Nothing here runs user code: results go to the ready queue.
#pragma once

#include <stepwise/runtime/reactor/operation.hpp>
#include <stepwise/runtime/ready_queue.hpp>
#include <stepwise/runtime/sim/options.hpp>
#include <stepwise/runtime/trace/trace.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stepwise {

struct Job;
class Simulation;

// What a reactor needs of its loop.
class ReactorHost {
public:
    virtual void push_ready(ReadyNode& node) noexcept = 0;
    // Runs `operation` (read or write of a regular file) on a thread, stores its result there and calls
    // `Reactor::finish_offloaded` back on the loop's thread. Throws if the thread pool refuses.
    virtual void offload(Operation& operation) = 0;
    // Takes an offloaded operation back that no thread has begun: finish_offloaded will not be called for it. False: it
    // is too late for that.
    virtual bool withdraw_offloaded(Operation& operation) noexcept = 0;
    // Blocks until the thread is done with an offloaded operation; finish_offloaded will not be called for it.
    virtual void abandon_offloaded(Operation& operation) noexcept = 0;
    // Simulator: runs a job of the executor here and now, as a thread of the pool would.
    virtual void run_job(Job& job) noexcept = 0;

protected:
    ~ReactorHost() = default;
};

// Gets the bytes of one socket as they arrive, in handles of their own, in order. While it is started neither the
// object nor the socket may go away: call stop_receiving first.
class Receiver {
public:
    // `bytes` may be changed in place and is gone when the call returns.
    virtual void received(std::span<char> bytes) = 0;
    // Called once, last: the peer ended its side (error 0), or the connection failed (an errno).
    virtual void receive_ended(int error) = 0;

    // The reactor's own, while started.
    int receive_fd = -1;
    void* receive_record = nullptr;

protected:
    Receiver() noexcept = default;
    ~Receiver() = default;
};

// Gets the connections of one listening socket, in handles of its own, at most accepts_per_turn_max of them a turn.
class Acceptor {
public:
    // `socket` is non-blocking, close-on-exec, and now the callee's to close.
    virtual void accepted(int socket) = 0;
    // accept failed (EMFILE, ENFILE, ENOBUFS, ENOMEM …) and accepting has stopped, as if by stop_accepting: start again
    // when there is hope. Errors of one connection only (ECONNABORTED …) are not reported.
    virtual void accept_failed(int error) = 0;

    static constexpr int accepts_per_turn_max = 64;

    int accept_fd = -1;
    void* accept_record = nullptr;

protected:
    Acceptor() noexcept = default;
    ~Acceptor() = default;
};

class Reactor {
public:
    using Duration = std::chrono::nanoseconds;

    virtual ~Reactor() = default;

    virtual std::string_view name() const noexcept = 0;  // "epoll", "io_uring", "sim"

    // What else a simulator does for the loop; nullptr: this is a kernel.
    virtual Simulation* simulation() noexcept { return nullptr; }

    // Starts `operation`. True: it is finished already, `result` is set and `complete` will not be called.
    [[nodiscard]] virtual bool submit(Operation& operation) = 0;

    // Asks a pending operation to end early. It completes as any other, with -ECANCELED, or with its result if that
    // came first; perhaps within this call. Asking twice, or an idle operation, does nothing.
    virtual void cancel(Operation& operation) noexcept = 0;

    // Cancels and waits, blocking, until the kernel has let go of the operation; `complete` is not called. For the
    // destructor of an awaiter whose frame is destroyed from outside.
    virtual void abandon(Operation& operation) noexcept = 0;

    virtual void start_receiving(int socket, Receiver& receiver) = 0;
    // May be called from within received(). Bytes that the reactor already holds are dropped, as the connection is.
    virtual void stop_receiving(Receiver& receiver) noexcept = 0;
    // Backpressure. Bytes that the kernel had already handed over may still come after a pause.
    virtual void pause_receiving(Receiver& receiver) noexcept = 0;
    virtual void resume_receiving(Receiver& receiver) = 0;

    virtual void start_accepting(int socket, Acceptor& acceptor) = 0;
    virtual void stop_accepting(Acceptor& acceptor) noexcept = 0;

    // Must come before close(fd) of any descriptor that was used here; nothing may be pending on it.
    virtual void forget(int fd) noexcept = 0;

    // Waits until something completes, `timeout` passes (nullopt: no limit, zero: do not wait) or wake is called, and
    // queues what completed. One call a turn: it also submits what this turn prepared.
    virtual void wait(std::optional<Duration> timeout) = 0;

    // Sends what the socket takes at once, without an operation: its count, or minus an errno (-EAGAIN: nothing). Not
    // while an operation sends on the same socket.
    virtual int send_now(int socket, const msghdr& message) noexcept;

    // Nothing is pending: a poll without waiting can be left out.
    virtual bool idle() const noexcept = 0;

    // Makes a wait that is going on, or else the next one, return. Any thread, also a signal handler.
    virtual void wake() noexcept = 0;

    // The end of what ReactorHost::offload began, with `result` set; on the loop's thread.
    void finish_offloaded(Operation& operation) noexcept {
        operation.state = Operation::State::idle;
        complete(operation);
    }

    // Whom to tell of operations that begin and end; nullptr: nobody.
    void trace_to(trace::Tracer* tracer) noexcept { tracer_ = tracer; }
    trace::Tracer* tracer() const noexcept { return trace::compiled_in ? tracer_ : nullptr; }

protected:
    // `operation` is pending from here on, and ends with complete, or abandoned.
    void begin(const Operation& operation) noexcept {
        if (tracer() != nullptr) [[unlikely]]
            trace::operation_began(*tracer_, operation);
    }
    void complete(Operation& operation) noexcept {
        if (tracer() != nullptr) [[unlikely]]
            return trace::complete(*tracer_, operation);
        operation.complete(operation);
    }
    void abandoned(const Operation& operation) noexcept {
        if (tracer() != nullptr) [[unlikely]]
            trace::operation_abandoned(*tracer_, operation);
    }

private:
    trace::Tracer* tracer_ = nullptr;
};

struct ReactorOptions {
    // io_uring: entries of the submission queue; the completion queue has eight times as many.
    unsigned ring_entries = 512;
    // io_uring: the provided buffers that multishot receives fill, per loop; count must be a power of two. The kernel
    // fills up to 32 for one connection before others have their turn: larger ones are faster for long messages (64 of
    // 18 KiB for those of 16 KiB), and less fair beside a peer that never stops.
    std::size_t receive_buffer_bytes = 4096;
    unsigned receive_buffers = 512;
    // io_uring: false makes it do without multishot requests and provided buffers, as on a kernel that lacks them.
    bool multishot = true;
    // epoll, simulator: the one buffer per loop that every receive reads into.
    std::size_t receive_block_bytes = 64 * 1024;
    // Simulator: STEPWISE_SEED and STEPWISE_SIM change it. On a simulated thread: as its world's, or as they are here.
    sim::Options sim = {};
};

std::unique_ptr<Reactor> make_epoll_reactor(ReactorHost& host, const ReactorOptions& options);

// nullptr, with the reason in `why_not`, where the build or the kernel does not allow io_uring: the ring is set up and
// a real no-op is run through it before it is trusted.
std::unique_ptr<Reactor> make_uring_reactor(ReactorHost& host, const ReactorOptions& options, std::string& why_not);

// Never fails but for memory, and for what the environment says wrong. A thread has one at a time, for its loop.
std::unique_ptr<Reactor> make_sim_reactor(ReactorHost& host, const ReactorOptions& options);

}  // namespace stepwise
