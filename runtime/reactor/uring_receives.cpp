#include <stepwise/runtime/reactor/uring_receives.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>

namespace stepwise {

namespace {

// Not the connection's end: the request has to be made again.
bool is_passing(int error, bool asked_to_end) noexcept {
    return error == ENOBUFS || error == EINTR || error == EAGAIN || (error == ECANCELED && asked_to_end);
}

}  // namespace

// A target may throw: the rest of its bytes then comes in the next turn.
struct UringReceives::Delivery {
    explicit Delivery(ReceiveRecord& of) noexcept : record(of) { record.running = true; }
    ~Delivery() { record.owner->after_delivery(record); }
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    ReceiveRecord& record;
};

void UringReceives::start(int socket, Receiver& receiver) {
    assert(receiver.receive_record == nullptr && "this receiver was started already");
    ReceiveRecord& record = records_.acquire(*this);
    record.target = &receiver;
    record.fd = socket;
    record.paused = record.readable = record.ended = false;
    record.error = 0;
    receiver.receive_record = &record;
    receiver.receive_fd = socket;
    arm(record);
}

void UringReceives::stop(Receiver& receiver) {
    auto* record = static_cast<ReceiveRecord*>(receiver.receive_record);
    if (record == nullptr) return;
    part(*record);
    ring_.stop(record->request, tagged(record, UringTag::receive));
    drop_bytes(*record);
    release_if_done(*record);
}

void UringReceives::pause(Receiver& receiver) {
    auto* record = static_cast<ReceiveRecord*>(receiver.receive_record);
    if (record == nullptr || record->paused) return;
    record->paused = true;
    ring_.stop(record->request, tagged(record, UringTag::receive));
    // While it runs, the order of what is held and what is linked is settled by after_delivery.
    if (!record->running) hold_back(*record);
}

void UringReceives::resume(Receiver& receiver) {
    auto* record = static_cast<ReceiveRecord*>(receiver.receive_record);
    if (record == nullptr || !record->paused) return;
    record->paused = false;
    if (record->has_work()) queue(*record);
    // A request that is being cancelled is armed again at its last completion.
    bool must_arm = !record->request.in_flight && !record->waiting && !record->readable && !record->ended;
    if (must_arm) arm(*record);
}

void UringReceives::completed(ReceiveRecord& record, const UringCompletion& completion) {
    if (completion.has_buffer()) take_buffer(record, completion);
    if (!completion.is_last()) return;
    bool asked_to_end = ring_.finish(record.request);
    if (record.target == nullptr) {
        release_if_done(record);
        return;
    }
    int result = completion.result;
    bool polled = buffers_ == nullptr && result > 0;
    if (polled) {
        record.readable = true;
        queue(record);
    } else if (result > 0 || (result < 0 && is_passing(-result, asked_to_end))) {
        if (!record.paused) arm_later(record);
    } else {
        record.ended = true;
        record.error = -result;
        queue(record);
    }
}

void UringReceives::take_buffer(ReceiveRecord& record, const UringCompletion& completion) {
    std::uint16_t id = completion.buffer();
    buffers_->take(id, completion.result > 0 ? static_cast<std::size_t>(completion.result) : 0);
    if (record.target == nullptr || completion.result <= 0) {
        buffers_->give_back(id);
        return;
    }
    buffers_->append(record.chain, id);
    if (!record.paused) {
        queue(record);
    } else if (!record.running) {
        hold_back(record);
    }
}

bool UringReceives::arm_waiting() {
    // More would only fail for want of a buffer, and be back here.
    unsigned allowed = buffers_ != nullptr ? buffers_->in_kernel() : ~0U;
    while (!waiting_.empty() && allowed != 0) {
        ReceiveRecord& record = waiting_.pop_front();
        record.waiting = false;
        if (record.target == nullptr) {
            release_if_done(record);
        } else if (!record.paused) {
            arm(record);
            --allowed;
        }
    }
    return !waiting_.empty();
}

void UringReceives::close() {
    for (ReceiveRecord& record : records_.all()) {
        if (record.target != nullptr) part(record);
        drop_bytes(record);
        ring_.stop(record.request, tagged(&record, UringTag::receive));
    }
}

void UringReceives::run(ReadyNode& node) {
    auto& record = static_cast<ReceiveRecord&>(node);
    record.queued = false;
    Delivery delivery(record);
    record.owner->deliver(record);
}

void UringReceives::deliver(ReceiveRecord& record) {
    if (record.delivering() && !record.held.empty()) {
        std::vector<char> bytes;
        bytes.swap(record.held);
        record.target->received(bytes);
    }
    while (record.delivering() && !record.chain.empty()) {
        if (record.chain.first == record.chain.last || !deliver_joined(record)) deliver_buffer(record);
    }
    if (record.delivering() && record.readable) read_once(record);
    if (record.delivering() && record.ended) end(record);
}

void UringReceives::deliver_buffer(ReceiveRecord& record) {
    struct Lease {
        Lease(UringBuffers& from, std::uint16_t which) noexcept : buffers(from), id(which) {}
        ~Lease() { buffers.give_back(id); }
        UringBuffers& buffers;
        std::uint16_t id;
    };
    Lease lease(*buffers_, buffers_->pop(record.chain));
    record.target->received(buffers_->bytes(lease.id));
}

// What came in several buffers is one piece for the target: of a message longer than a buffer it would keep the parts
// itself, and copy them more than once. False if not even the first of them fits.
bool UringReceives::deliver_joined(ReceiveRecord& record) {
    if (block_.empty()) block_.resize(block_bytes_);
    std::size_t size = 0;
    while (!record.chain.empty()) {
        std::span<char> bytes = buffers_->bytes(static_cast<std::uint16_t>(record.chain.first));
        if (size + bytes.size() > block_.size()) break;
        std::copy(bytes.begin(), bytes.end(), block_.begin() + static_cast<std::ptrdiff_t>(size));
        size += bytes.size();
        buffers_->give_back(buffers_->pop(record.chain));
    }
    if (size != 0) record.target->received(std::span(block_).first(size));
    return size != 0;
}

void UringReceives::read_once(ReceiveRecord& record) {
    if (block_.empty()) block_.resize(block_bytes_);
    record.readable = false;
    ssize_t count = ::recv(record.fd, block_.data(), block_.size(), MSG_DONTWAIT);
    if (count > 0) {
        arm_later(record);
        record.target->received(std::span(block_).first(static_cast<std::size_t>(count)));
    } else if (count < 0 && is_passing(errno, false)) {
        arm_later(record);
    } else {
        record.ended = true;
        record.error = count == 0 ? 0 : errno;
    }
}

void UringReceives::end(ReceiveRecord& record) {
    Receiver& receiver = *record.target;
    part(record);
    receiver.receive_ended(record.error);
}

void UringReceives::after_delivery(ReceiveRecord& record) {
    record.running = false;
    if (record.target == nullptr) {
        drop_bytes(record);
        release_if_done(record);
    } else if (record.paused) {
        hold_back(record);
    } else if (record.has_work()) {
        queue(record);
    }
}

void UringReceives::arm(ReceiveRecord& record) {
    io_uring_sqe& entry = ring_.start(record.request);
    if (buffers_ != nullptr) {
        io_uring_prep_recv_multishot(&entry, record.fd, nullptr, 0, 0);
        entry.flags |= IOSQE_BUFFER_SELECT;
        entry.buf_group = UringBuffers::group;
    } else {
        io_uring_prep_poll_add(&entry, record.fd, POLLIN | POLLRDHUP);
    }
    entry.user_data = tagged(&record, UringTag::receive);
}

void UringReceives::arm_later(ReceiveRecord& record) noexcept {
    if (record.waiting) return;
    record.waiting = true;
    waiting_.push_back(record);
}

void UringReceives::queue(ReceiveRecord& record) noexcept {
    if (record.queued || record.running || record.paused) return;
    record.queued = true;
    host_.push_ready(record);
}

void UringReceives::hold_back(ReceiveRecord& record) noexcept {
    while (!record.chain.empty()) {
        const std::span<char> bytes = buffers_->bytes(static_cast<std::uint16_t>(record.chain.first));
        try {
            record.held.insert(record.held.end(), bytes.begin(), bytes.end());
        } catch (const std::bad_alloc&) {  // they stay where they are, and the kernel goes without these buffers
            return;
        }
        buffers_->give_back(buffers_->pop(record.chain));
    }
}

void UringReceives::part(ReceiveRecord& record) noexcept {
    record.target->receive_record = nullptr;
    record.target->receive_fd = -1;
    record.target = nullptr;
}

void UringReceives::drop_bytes(ReceiveRecord& record) noexcept {
    if (buffers_ != nullptr) buffers_->give_back_all(record.chain);
    record.held = {};
}

void UringReceives::release_if_done(ReceiveRecord& record) noexcept {
    if (record.target == nullptr && !record.referred_to()) records_.release(record);
}

}  // namespace stepwise
