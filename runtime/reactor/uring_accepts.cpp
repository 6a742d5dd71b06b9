#include <stepwise/runtime/reactor/uring_accepts.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>

namespace stepwise {

namespace {

constexpr std::size_t undelivered_max = 4 * Acceptor::accepts_per_turn_max;

// Of one connection that failed before it was accepted, network errors included (accept(2)): the next may be fine.
bool is_of_one_connection(int error, bool asked_to_end) noexcept {
    switch (error) {
        case ECONNABORTED:
        case EPROTO:
        case ENOPROTOOPT:
        case EPERM:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENONET:
        case ETIMEDOUT:
        case EINTR:
        case EAGAIN:
            return true;
        case ECANCELED:
            return asked_to_end;
        default:
            return false;
    }
}

}  // namespace

// A target may throw: the rest then comes in the next turn.
struct UringAccepts::Delivery {
    explicit Delivery(AcceptRecord& of) noexcept : record(of) { record.running = true; }
    ~Delivery() { record.owner->after_delivery(record); }
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    AcceptRecord& record;
};

void UringAccepts::start(int socket, Acceptor& acceptor) {
    assert(acceptor.accept_record == nullptr && "this acceptor was started already");
    AcceptRecord& record = records_.acquire(*this);
    record.target = &acceptor;
    record.fd = socket;
    record.failure = 0;
    acceptor.accept_record = &record;
    acceptor.accept_fd = socket;
    arm(record);
}

const UringRequest* UringAccepts::stop(Acceptor& acceptor) {
    auto* record = static_cast<AcceptRecord*>(acceptor.accept_record);
    if (record == nullptr) return nullptr;
    part(*record);
    bool must_wait = ring_.stop(record->request, tagged(record, UringTag::accept));
    if (!record->running) close_undelivered(*record);
    release_if_done(*record);
    return must_wait ? &record->request : nullptr;
}

void UringAccepts::completed(AcceptRecord& record, const UringCompletion& completion) {
    int result = completion.result;
    if (result >= 0) {
        record.sockets.push_back(result);
        if (record.target == nullptr) close_undelivered(record);
        queue(record);
    }
    if (!completion.is_last()) {
        if (record.undelivered() >= undelivered_max) ring_.stop(record.request, tagged(&record, UringTag::accept));
        return;
    }
    bool asked_to_end = ring_.finish(record.request);
    if (record.target == nullptr) {
        release_if_done(record);
    } else if (result < 0 && !is_of_one_connection(-result, asked_to_end)) {
        record.failure = -result;
        queue(record);
    } else if (record.undelivered() < undelivered_max) {
        arm_later(record);
    }
}

void UringAccepts::arm_waiting() {
    while (!waiting_.empty()) {
        AcceptRecord& record = waiting_.pop_front();
        record.waiting = false;
        if (record.target == nullptr) {
            release_if_done(record);
        } else {
            arm(record);
        }
    }
}

void UringAccepts::close() {
    for (AcceptRecord& record : records_.all()) {
        if (record.target != nullptr) part(record);
        close_undelivered(record);
        ring_.stop(record.request, tagged(&record, UringTag::accept));
    }
}

void UringAccepts::run(ReadyNode& node) {
    auto& record = static_cast<AcceptRecord&>(node);
    record.queued = false;
    Delivery delivery(record);
    record.owner->deliver(record);
}

void UringAccepts::deliver(AcceptRecord& record) {
    for (int count = 0; count < Acceptor::accepts_per_turn_max; ++count) {
        if (record.target == nullptr || record.undelivered() == 0) break;
        int socket = record.sockets[record.delivered++];
        record.target->accepted(socket);
    }
    if (record.target == nullptr || record.undelivered() != 0 || record.failure == 0) return;
    Acceptor& acceptor = *record.target;
    int failure = record.failure;
    part(record);
    acceptor.accept_failed(failure);
}

void UringAccepts::after_delivery(AcceptRecord& record) {
    record.running = false;
    if (record.target == nullptr) {
        close_undelivered(record);
        release_if_done(record);
        return;
    }
    if (record.undelivered() != 0) {
        queue(record);
        return;
    }
    record.sockets.clear();
    record.delivered = 0;
    if (record.failure != 0) {
        queue(record);
    } else if (!record.request.in_flight) {
        arm_later(record);
    }
}

void UringAccepts::arm(AcceptRecord& record) {
    io_uring_sqe& entry = ring_.start(record.request);
    if (multishot_) {
        io_uring_prep_multishot_accept(&entry, record.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } else {
        io_uring_prep_accept(&entry, record.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    entry.user_data = tagged(&record, UringTag::accept);
}

void UringAccepts::arm_later(AcceptRecord& record) noexcept {
    if (record.waiting) return;
    record.waiting = true;
    waiting_.push_back(record);
}

void UringAccepts::queue(AcceptRecord& record) noexcept {
    if (record.queued || record.running || record.target == nullptr) return;
    record.queued = true;
    host_.push_ready(record);
}

void UringAccepts::part(AcceptRecord& record) noexcept {
    record.target->accept_record = nullptr;
    record.target->accept_fd = -1;
    record.target = nullptr;
}

void UringAccepts::close_undelivered(AcceptRecord& record) noexcept {
    for (; record.delivered < record.sockets.size(); ++record.delivered) ::close(record.sockets[record.delivered]);
    record.sockets.clear();
    record.delivered = 0;
}

void UringAccepts::release_if_done(AcceptRecord& record) noexcept {
    if (record.target == nullptr && !record.referred_to()) records_.release(record);
}

}  // namespace stepwise
