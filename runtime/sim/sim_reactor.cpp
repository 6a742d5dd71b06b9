// The reactor on a simulated world: an operation is tried at once, and again when its socket has changed.
//
// `wait` gives the turn to other threads of its world, if there are any, or jumps to the next happening, until
// something completes or its time is over. Where nothing can happen any more and there is no limit it throws: a real
// loop would stand still for ever. Invariant: no user code runs within wait() but that of other threads.
#include <stepwise/runtime/sim/streams.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace stepwise {

void throw_not_simulated(const char* call, const char* why) {
    throw std::logic_error(fmt::format("{} cannot be simulated: {}", call, why));
}

namespace sim {

namespace {

const char* call_of(const Operation& operation) noexcept {
    return operation.kind == OperationKind::poll ? "poll (add_reader, add_writer, io::poll)" : name_of(operation.kind);
}

Operation*& list_of(Socket::Use& use, OperationKind kind) noexcept {
    switch (kind) {
        case OperationKind::poll:
            return use.polls;
        case OperationKind::accept:
        case OperationKind::recv:
        case OperationKind::read:
            return use.readers;
        default:
            return use.writers;
    }
}

class SimReactor final : public Reactor {
public:
    SimReactor(ReactorHost& host, const ReactorOptions& options)
        : seat_(host, options.sim),
          world_(seat_.world()),
          streams_(world_, host, this, options.receive_block_bytes),
          lots_(world_.network.options.seed) {}
    ~SimReactor() override { assert(waiting_ == 0 && "operations are cancelled or abandoned before the reactor ends"); }

    std::string_view name() const noexcept override { return "sim"; }
    Simulation* simulation() noexcept override { return &seat_; }

    bool submit(Operation& operation) override;
    void cancel(Operation& operation) noexcept override;
    void abandon(Operation& operation) noexcept override;

    void start_receiving(int socket, Receiver& receiver) override {
        streams_.start(socket, checked(socket, "start_receiving"), receiver);
    }
    void stop_receiving(Receiver& receiver) noexcept override { streams_.stop(receiver.receive_record); }
    void pause_receiving(Receiver& receiver) noexcept override { streams_.pause(receiver); }
    void resume_receiving(Receiver& receiver) override { streams_.resume(receiver); }
    void start_accepting(int socket, Acceptor& acceptor) override {
        world_.adopt_listener(socket);
        streams_.start(socket, checked(socket, "start_accepting"), acceptor);
    }
    void stop_accepting(Acceptor& acceptor) noexcept override { streams_.stop(acceptor.accept_record); }

    // Closing is what ends a simulated socket: nothing is kept by its number.
    void forget(int) noexcept override {}
    int send_now(int socket, const msghdr& message) noexcept override;

    void wait(std::optional<Duration> timeout) override;
    bool idle() const noexcept override {
        return waiting_ == 0 && streams_.started() == 0 && seat_.has_nothing_to_do();
    }
    void wake() noexcept override { woken_.store(true); }

private:
    class OfDisk;

    std::shared_ptr<Socket> checked(int fd, const char* call) const;
    bool submit_to_disk(Operation& operation, const std::shared_ptr<OpenFile>& file);
    int attempt(Socket& socket, const Operation& operation);
    void look_at_changed();
    void retry(Socket& socket, Operation*& list);
    void take_out(Operation& operation) noexcept;
    void finish(Operation& operation, int result) noexcept;

    Seat seat_;
    World& world_;
    Streams streams_;
    SeededRandom lots_;
    std::size_t waiting_ = 0;  // operations that were not tried with success yet
    bool progressed_ = false;  // this wait has queued something
    std::atomic<bool> woken_ = false;
};

std::shared_ptr<Socket> SimReactor::checked(int fd, const char* call) const {
    std::shared_ptr<Socket> socket = world_.socket_at(fd);
    if (socket != nullptr) return socket;
    throw std::logic_error(fmt::format(
        "{} on descriptor {} cannot be simulated: only sockets, pipes and files that were made on the simulator are",
        call, fd));
}

bool SimReactor::submit(Operation& operation) {
    assert(!operation.pending() && "an operation is submitted once at a time");
    if (std::shared_ptr<OpenFile> file = world_.file_at(operation.fd)) return submit_to_disk(operation, file);
    if (!world_.owns(operation.fd) && ::fcntl(operation.fd, F_GETFD) < 0) {
        operation.result = -EBADF;
        return true;
    }
    std::shared_ptr<Socket> socket = checked(operation.fd, call_of(operation));
    Operation*& list = list_of(socket->use_of(this), operation.kind);
    bool is_first = list == nullptr || operation.kind == OperationKind::poll;
    operation.result = is_first ? attempt(*socket, operation) : -EAGAIN;
    bool under_way = operation.kind == OperationKind::connect && operation.result == -EINPROGRESS;
    if (!under_way && operation.result != -EAGAIN) return true;
    if (operation.kind == OperationKind::connect && !under_way) return true;  // a Unix listener that is busy
    operation.state = Operation::State::pending;
    Operation** end = &list;
    while (*end != nullptr) end = &(*end)->next;
    *end = &operation;
    ++waiting_;
    begin(operation);
    return false;
}

int SimReactor::attempt(Socket& socket, const Operation& operation) {
    auto* bytes = static_cast<char*>(operation.buffer);
    const iovec part{operation.buffer, operation.size};
    bool at_offset = operation.offset != Operation::current_offset;
    switch (operation.kind) {
        case OperationKind::accept:
            return world_.accept4(operation.fd, SOCK_NONBLOCK | SOCK_CLOEXEC);
        case OperationKind::connect:
            return socket.network.connect(socket, Endpoint(static_cast<const sockaddr*>(operation.buffer),
                                                           static_cast<socklen_t>(operation.size)));
        case OperationKind::read:
            if (at_offset) return -ESPIPE;
            [[fallthrough]];
        case OperationKind::recv:
            return socket.recv(std::span(bytes, operation.size));
        case OperationKind::write:
            if (at_offset) return -ESPIPE;
            [[fallthrough]];
        case OperationKind::send:
            return socket.send(std::span(&part, 1));
        case OperationKind::send_message: {
            const auto& message = *static_cast<const msghdr*>(operation.buffer);
            return socket.send(std::span(message.msg_iov, message.msg_iovlen));
        }
        case OperationKind::poll: {
            std::uint32_t ready = socket.ready() & (operation.poll_mask | POLLERR | POLLHUP);
            return ready == 0 ? -EAGAIN : static_cast<int>(ready);
        }
    }
    return -EINVAL;
}

int SimReactor::send_now(int socket, const msghdr& message) noexcept {
    std::shared_ptr<Socket> to = world_.socket_at(socket);
    return to == nullptr ? -ENOTSOCK : to->send(std::span(message.msg_iov, message.msg_iovlen));
}

// ---- the disk

class SimReactor::OfDisk final : public Happening {
public:
    OfDisk(SimReactor& reactor, Operation& operation, std::shared_ptr<OpenFile> file) noexcept
        : reactor_(reactor), operation_(&operation), file_(std::move(file)) {}

    void happen(unsigned) override {
        if (operation_ == nullptr) return;
        Operation& operation = *std::exchange(operation_, nullptr);
        const std::span bytes(static_cast<char*>(operation.buffer), operation.size);
        Disk& disk = reactor_.world_.disk;
        reactor_.finish(operation, operation.kind == OperationKind::read ? disk.read(*file_, bytes, operation.offset)
                                                                         : disk.write(*file_, bytes, operation.offset));
    }
    void let_go() noexcept { operation_ = nullptr; }

private:
    SimReactor& reactor_;
    Operation* operation_;
    std::shared_ptr<OpenFile> file_;
};

bool SimReactor::submit_to_disk(Operation& operation, const std::shared_ptr<OpenFile>& file) {
    if (operation.kind != OperationKind::read && operation.kind != OperationKind::write) {
        // A file is ready to read and to write; no other condition can ever come.
        std::uint32_t ready = operation.poll_mask & (POLLIN | POLLOUT);
        operation.result = operation.kind != OperationKind::poll ? -ENOTSOCK
                           : ready == 0                          ? -EPERM
                                                                 : static_cast<int>(ready);
        return true;
    }
    auto request = std::make_shared<OfDisk>(*this, operation, file);
    const Span& time = world_.network.options.disk_time;
    world_.timeline.add(world_.timeline.present() + lots_.between(time.low, time.high), request, 0);
    operation.offloaded_job = request.get();
    operation.offloaded = true;
    operation.state = Operation::State::pending;
    ++waiting_;
    begin(operation);
    return false;
}

// ---- completions

void SimReactor::take_out(Operation& operation) noexcept {
    if (std::exchange(operation.offloaded, false)) {
        static_cast<OfDisk*>(operation.offloaded_job)->let_go();
    } else if (std::shared_ptr<Socket> socket = world_.socket_at(operation.fd)) {
        Operation** link = &list_of(socket->use_of(this), operation.kind);
        while (*link != nullptr && *link != &operation) link = &(*link)->next;
        if (*link != nullptr) *link = std::exchange(operation.next, nullptr);
    }
    operation.state = Operation::State::idle;
    operation.result = -ECANCELED;
    --waiting_;
}

void SimReactor::finish(Operation& operation, int result) noexcept {
    operation.result = result;
    operation.state = Operation::State::idle;
    operation.offloaded = false;
    --waiting_;
    progressed_ = true;
    complete(operation);
}

void SimReactor::cancel(Operation& operation) noexcept {
    if (operation.state != Operation::State::pending) return;
    take_out(operation);
    complete(operation);
}

void SimReactor::abandon(Operation& operation) noexcept {
    if (!operation.pending()) return;
    take_out(operation);
    abandoned(operation);
}

void SimReactor::retry(Socket& socket, Operation*& list) {
    for (Operation** link = &list; *link != nullptr;) {
        Operation& operation = **link;
        bool connects = operation.kind == OperationKind::connect;
        if (connects && socket.state == Socket::State::connecting) return;
        int result = connects ? -socket.take_error() : attempt(socket, operation);
        if (result == -EAGAIN) {
            if (operation.kind != OperationKind::poll) return;
            link = &operation.next;
            continue;
        }
        *link = std::exchange(operation.next, nullptr);
        finish(operation, result);
    }
}

// In an order that the seed chooses, as the kernel reports in an order of its own.
void SimReactor::look_at_changed() {
    std::vector<Network::Changed> changed = world_.network.take_changed(this);
    for (std::size_t left = changed.size(); left > 1; --left) std::swap(changed[left - 1], changed[lots_.below(left)]);
    for (const auto& [socket, use] : changed) {
        use->told_changed = false;
        retry(*socket, use->readers);
        retry(*socket, use->writers);
        retry(*socket, use->polls);
        if (use->stream != nullptr && streams_.advance(*use->stream)) progressed_ = true;
    }
}

void SimReactor::wait(std::optional<Duration> timeout) {
    // Under a clock of the caller's each wait takes a moment, as it does on a real machine.
    constexpr Duration moment = std::chrono::milliseconds(1);
    Timeline& timeline = world_.timeline;
    progressed_ = false;
    const TimePoint began = timeline.present();
    const bool blocks = !timeout || *timeout > Duration::zero();
    TimePoint limit = !timeout || *timeout > TimePoint::max() - began ? TimePoint::max() : began + *timeout;
    if (!blocks && !seat_.has_own_clock()) limit = began + moment;
    const auto is_ready = [this] { return progressed_ || woken_ || world_.network.has_changed(this); };
    // A loop that always has something to do must not keep the others from their turns, and takes time.
    if (!world_.turns.alone()) world_.turns.wait(timeline.now(), is_ready);
    for (;;) {
        timeline.run_due();
        look_at_changed();
        if (progressed_ || woken_.exchange(false) || limit <= timeline.present()) return;
        world_.turns.wait(limit, is_ready);
    }
}

}  // namespace

}  // namespace sim

std::unique_ptr<Reactor> make_sim_reactor(ReactorHost& host, const ReactorOptions& options) {
    return std::make_unique<sim::SimReactor>(host, options);
}

}  // namespace stepwise
