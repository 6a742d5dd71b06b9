// The rings shared with the kernel: set up, proven to work, entered once a turn. Knows requests, not what they are for.
//
// Invariant: an UringRequest is in flight at most once, so a completion of its user_data can only be its own.
// A request holds a reference to its open file: close(fd) alone ends neither the request nor the connection.
// Made on any thread; the first call that enters the kernel binds the ring to its thread for good.
#pragma once

#include <liburing.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace stepwise {

// What a completion belongs to: the low bits of its user_data. The other bits are a pointer, aligned to 8 at least.
enum class UringTag : std::uint64_t { none, operation, receive, accept, wake };

constexpr std::uint64_t uring_tag_mask = 7;

inline std::uint64_t tagged(const void* owner, UringTag tag) noexcept {
    return reinterpret_cast<std::uintptr_t>(owner) | static_cast<std::uint64_t>(tag);
}

struct UringCompletion {
    std::uint64_t user_data = 0;
    int result = 0;
    unsigned flags = 0;

    bool is_last() const noexcept { return (flags & IORING_CQE_F_MORE) == 0; }
    bool has_buffer() const noexcept { return (flags & IORING_CQE_F_BUFFER) != 0; }
    std::uint16_t buffer() const noexcept { return static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT); }
};

// The kernel's side of a record: whether it still has to post a last completion for it.
struct UringRequest {
    bool in_flight = false;
    bool cancelling = false;
    unsigned position = 0;  // of its entry in the submission queue
};

class UringRing {
public:
    // Throws std::system_error.
    UringRing(unsigned entries, unsigned setup_flags);
    ~UringRing();
    UringRing(const UringRing&) = delete;
    UringRing& operator=(const UringRing&) = delete;

    // An entry to fill, with a prep function first and then its user_data. Enters the kernel only if the queue is full.
    io_uring_sqe& next_entry() {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        return entry != nullptr ? *entry : entry_of_full_queue();
    }

    // The entry for a request that starts now.
    io_uring_sqe& start(UringRequest& request) {
        io_uring_sqe& entry = next_entry();
        request.position = ring_.sq.sqe_tail - 1;
        request.in_flight = true;
        ++in_flight_;
        return entry;
    }

    // The last completion of a request was seen. True: its end had been asked for.
    bool finish(UringRequest& request) noexcept {
        --in_flight_;
        request.in_flight = false;
        return std::exchange(request.cancelling, false);
    }

    // Requests that were started and not finished.
    std::size_t in_flight() const noexcept { return in_flight_; }

    // Asks for the end of a request; false: the kernel had not seen it yet and never will, so that no completion comes.
    bool stop(UringRequest& request, std::uint64_t user_data);

    // Asks for the end of whatever carries `user_data`; what becomes of it, its own completion tells. On another thread
    // than the ring's, which must have ended, perhaps nothing.
    void cancel(std::uint64_t user_data);
    void cancel_everything();

    // Submits what is prepared, and waits for the first completion; nullopt: no limit, zero: does not wait, and makes
    // no system call if there is nothing to gain. Returns early at a signal. False: this is not the thread of the ring.
    [[nodiscard]] bool enter(std::optional<std::chrono::nanoseconds> timeout);

    // Calls `handle(const UringCompletion&)` for each completion. `handle` must not come back to this ring.
    template <class Handle>
    void drain(Handle&& handle) {
        for (const UringCompletion& early : aside_) handle(early);
        aside_.clear();
        for (;;) {
            io_uring_cqe* completion = nullptr;
            unsigned head = 0;
            unsigned count = 0;
            io_uring_for_each_cqe(&ring_, head, completion) {
                handle(UringCompletion{completion->user_data, completion->res, completion->flags});
                ++count;
            }
            io_uring_cq_advance(&ring_, count);
            // What did not fit in the completion queue waits in the kernel until it is asked for.
            if (!io_uring_cq_has_overflow(&ring_)) return;
            io_uring_get_events(&ring_);
        }
    }

    // False: it has no thread yet, and the kernel has seen nothing of it.
    bool entered() const noexcept { return enabled_; }
    io_uring* raw() noexcept { return &ring_; }

private:
    int submit_and_wait(std::optional<std::chrono::nanoseconds> timeout);
    void enable();
    io_uring_sqe& entry_of_full_queue();
    io_uring_sqe* entry_on_thread();
    void set_aside();

    io_uring ring_{};
    bool enabled_ = false;
    std::size_t in_flight_ = 0;
    std::vector<UringCompletion> aside_;  // completions that had to make room for submissions
};

}  // namespace stepwise
