// The provided buffers: memory that the kernel fills for any multishot receive, and takes a buffer of only when bytes
// have come, so that an idle connection holds none.
//
// Each buffer is the kernel's, or was taken by a completion and waits, linked in some record's chain, to be given back.
// Must outlive every request that selects from it. One thread.
#pragma once

#include <stepwise/runtime/reactor/uring_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stepwise {

class UringBuffers {
public:
    static constexpr std::uint16_t group = 0;
    static constexpr std::uint32_t none = 0xffff'ffff;

    // `count` must be a power of two, at most 32768.
    UringBuffers(unsigned count, std::size_t bytes);
    ~UringBuffers();
    UringBuffers(const UringBuffers&) = delete;
    UringBuffers& operator=(const UringBuffers&) = delete;

    // Throws std::system_error; EINVAL where the kernel has no rings of buffers (before Linux 5.19).
    void register_with(UringRing& ring);

    // The kernel filled `length` bytes of it.
    void take(std::uint16_t id, std::size_t length) noexcept;
    void give_back(std::uint16_t id) noexcept;
    std::span<char> bytes(std::uint16_t id) noexcept { return {at(id), taken_[id].length}; }
    unsigned in_kernel() const noexcept { return in_kernel_; }

    // A chain of taken buffers, in order of arrival.
    struct Chain {
        std::uint32_t first = none;
        std::uint32_t last = none;
        bool empty() const noexcept { return first == none; }
    };
    void append(Chain& chain, std::uint16_t id) noexcept;
    std::uint16_t pop(Chain& chain) noexcept;
    void give_back_all(Chain& chain) noexcept;

private:
    struct Taken {
        std::uint32_t next = none;
        std::uint32_t length = 0;
    };

    char* at(std::uint16_t id) const noexcept { return memory_ + id * bytes_; }
    void offer(std::uint16_t id) noexcept;

    unsigned count_;
    std::size_t bytes_;
    std::size_t ring_bytes_;
    unsigned in_kernel_ = 0;
    io_uring_buf_ring* ring_ = nullptr;
    char* memory_ = nullptr;
    std::vector<Taken> taken_;
};

}  // namespace stepwise
