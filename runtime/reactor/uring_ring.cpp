#include <poll.h>
#include <stepwise/runtime/reactor/uring_ring.hpp>

#include <cerrno>
#include <mutex>
#include <system_error>

#if defined(__SANITIZE_THREAD__)
#define STEPWISE_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STEPWISE_UNDER_TSAN
#endif
#endif

namespace stepwise {

namespace {

constexpr unsigned completions_per_entry = 8;

// ThreadSanitizer does not see liburing's mmap and munmap, and takes a ring that lies where another thread's has been
// for the same memory. The kernel orders the two; this tells it so.
class MappingOrder {
#ifdef STEPWISE_UNDER_TSAN
    static inline std::mutex mutex;
    std::lock_guard<std::mutex> lock_{mutex};
#endif
};

}  // namespace

UringRing::UringRing(unsigned entries, unsigned setup_flags) {
    io_uring_params parameters{};
    parameters.flags = setup_flags | IORING_SETUP_CQSIZE;
    parameters.cq_entries = entries * completions_per_entry;
    [[maybe_unused]] MappingOrder order;
    int error = io_uring_queue_init_params(entries, &ring_, &parameters);
    if (error < 0) throw std::system_error(-error, std::generic_category(), "io_uring_setup");
    enabled_ = (setup_flags & IORING_SETUP_R_DISABLED) == 0;
}

UringRing::~UringRing() {
    [[maybe_unused]] MappingOrder order;
    io_uring_queue_exit(&ring_);
}

void UringRing::enable() {
    if (enabled_) return;
    // The helper for this is declared in liburing 2.3 but not in its shared object.
    int error = io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (error < 0) throw std::system_error(-error, std::generic_category(), "io_uring_register(ENABLE_RINGS)");
    enabled_ = true;
}

io_uring_sqe& UringRing::entry_of_full_queue() {
    enable();
    for (;;) {
        int submitted = io_uring_submit(&ring_);
        if (submitted == -EBUSY || submitted == -EAGAIN) {
            // The kernel takes nothing more before its backlog of completions has gone somewhere.
            set_aside();
            io_uring_get_events(&ring_);
        } else if (submitted < 0 && submitted != -EINTR) {
            throw std::system_error(-submitted, std::generic_category(), "io_uring_enter");
        }
        if (io_uring_sqe* entry = io_uring_get_sqe(&ring_)) return *entry;
    }
}

void UringRing::set_aside() {
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
        aside_.push_back({completion->user_data, completion->res, completion->flags});
        ++count;
    }
    io_uring_cq_advance(&ring_, count);
}

bool UringRing::stop(UringRequest& request, std::uint64_t user_data) {
    if (!request.in_flight) return false;
    bool unseen = static_cast<int>(request.position - *ring_.sq.khead) >= 0;
    if (unseen) {
        // It must never run: by the time of the next submission its descriptor may be closed, and its number reused by
        // another socket, whose bytes it would then take.
        io_uring_sqe& entry = ring_.sq.sqes[request.position & ring_.sq.ring_mask];
        io_uring_prep_nop(&entry);
        entry.user_data = tagged(nullptr, UringTag::none);
        finish(request);
        return false;
    }
    if (!request.cancelling) {
        request.cancelling = true;
        cancel(user_data);
    }
    return true;
}

void UringRing::cancel(std::uint64_t user_data) {
    io_uring_sqe* entry = entry_on_thread();
    if (entry == nullptr) return;
    io_uring_prep_cancel64(entry, user_data, 0);
    entry->user_data = tagged(nullptr, UringTag::none);
    if ((ring_.features & IORING_FEAT_CQE_SKIP) != 0) entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void UringRing::cancel_everything() {
    io_uring_sqe* entry = entry_on_thread();
    if (entry == nullptr) return;
    io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY);
    entry->user_data = tagged(nullptr, UringTag::none);
}

// nullptr: the queue is full, and this is not the ring's thread. That one has ended, and the kernel its requests.
io_uring_sqe* UringRing::entry_on_thread() {
    try {
        return &next_entry();
    } catch (const std::system_error& error) {
        if (error.code().value() == EEXIST) return nullptr;
        throw;
    }
}

int UringRing::submit_and_wait(std::optional<std::chrono::nanoseconds> timeout) {
    io_uring_cqe* first = nullptr;
#ifdef STEPWISE_UNDER_TSAN
    // ThreadSanitizer keeps a signal back until the thread calls something that it knows, such as poll; io_uring_enter
    // is not among that. So it does now and then.
    constexpr std::chrono::nanoseconds slice = std::chrono::milliseconds(20);
    for (;; *timeout -= slice) {
        ::poll(nullptr, 0, 0);
        bool is_last = timeout && *timeout <= slice;
        __kernel_timespec limit{0, (is_last ? *timeout : slice).count()};
        int result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
        if (result != -ETIME || is_last) return result;
        if (!timeout) timeout = std::chrono::nanoseconds::max();
    }
#else
    __kernel_timespec limit{};
    if (timeout) {
        auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*timeout);
        limit.tv_sec = seconds.count();
        limit.tv_nsec = (*timeout - seconds).count();
    }
    return io_uring_submit_and_wait_timeout(&ring_, &first, 1, timeout ? &limit : nullptr, nullptr);
#endif
}

bool UringRing::enter(std::optional<std::chrono::nanoseconds> timeout) {
    enable();
    int result = 0;
    bool no_wait = (timeout && timeout->count() <= 0) || io_uring_cq_ready(&ring_) != 0 || !aside_.empty();
    if (no_wait) {
        unsigned kernel_flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
        bool work_waits = (kernel_flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
        if (!work_waits && io_uring_sq_ready(&ring_) == 0) return true;
        result = io_uring_submit_and_get_events(&ring_);
    } else {
        result = submit_and_wait(timeout);
    }
    // EAGAIN, EBUSY: the kernel is short of memory or of room; what it did not take stays queued for the next turn.
    if (result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY) return true;
    if (result == -EEXIST) return false;
    throw std::system_error(-result, std::generic_category(), "io_uring_enter");
}

}  // namespace stepwise
