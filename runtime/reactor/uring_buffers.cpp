#include <stepwise/runtime/reactor/uring_buffers.hpp>

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#if defined(__SANITIZE_ADDRESS__)
#define STEPWISE_POISON_BUFFERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STEPWISE_POISON_BUFFERS 1
#endif
#endif

#ifdef STEPWISE_POISON_BUFFERS
#include <sanitizer/asan_interface.h>
#endif

namespace stepwise {

namespace {

// A receiver that keeps a view of its bytes is found by AddressSanitizer, not by the next connection's bytes in it.
void poison([[maybe_unused]] void* from, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef STEPWISE_POISON_BUFFERS
    ASAN_POISON_MEMORY_REGION(from, bytes);
#endif
}

void unpoison([[maybe_unused]] void* from, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef STEPWISE_POISON_BUFFERS
    ASAN_UNPOISON_MEMORY_REGION(from, bytes);
#endif
}

constexpr std::size_t page_bytes = 4096;

}  // namespace

UringBuffers::UringBuffers(unsigned count, std::size_t bytes)
    : count_(count),
      bytes_(bytes),
      ring_bytes_((count * sizeof(io_uring_buf) + page_bytes - 1) / page_bytes * page_bytes),
      taken_(count) {
    if (!std::has_single_bit(count) || count > 32768 || bytes == 0) {
        throw std::logic_error("receive_buffers must be a power of two up to 32768, and receive_buffer_bytes not zero");
    }
    void* mapped =
        ::mmap(nullptr, ring_bytes_ + count_ * bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap of the receive buffers");
    ring_ = static_cast<io_uring_buf_ring*>(mapped);
    memory_ = static_cast<char*>(mapped) + ring_bytes_;
    poison(memory_, count_ * bytes_);
}

UringBuffers::~UringBuffers() {
    unpoison(memory_, count_ * bytes_);
    ::munmap(ring_, ring_bytes_ + count_ * bytes_);
}

void UringBuffers::register_with(UringRing& ring) {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
    registration.ring_entries = count_;
    registration.bgid = group;
    int error = io_uring_register_buf_ring(ring.raw(), &registration, 0);
    if (error < 0) throw std::system_error(-error, std::generic_category(), "io_uring_register(PBUF_RING)");
    io_uring_buf_ring_init(ring_);
    for (unsigned id = 0; id < count_; ++id) offer(static_cast<std::uint16_t>(id));
}

void UringBuffers::offer(std::uint16_t id) noexcept {
    // Not io_uring_buf_ring_add: it would reach the entry through a zero-length array, which is undefined in C++.
    auto* entries = reinterpret_cast<io_uring_buf*>(ring_);
    io_uring_buf& entry = entries[ring_->tail & (count_ - 1)];
    // Field by field: the tail lies over the reserved field of the first entry.
    entry.addr = reinterpret_cast<std::uintptr_t>(at(id));
    entry.len = static_cast<std::uint32_t>(bytes_);
    entry.bid = id;
    io_uring_buf_ring_advance(ring_, 1);
    ++in_kernel_;
}

void UringBuffers::take(std::uint16_t id, std::size_t length) noexcept {
    --in_kernel_;
    taken_[id] = {none, static_cast<std::uint32_t>(length)};
    unpoison(at(id), length);
}

void UringBuffers::give_back(std::uint16_t id) noexcept {
    poison(at(id), bytes_);
    offer(id);
}

void UringBuffers::append(Chain& chain, std::uint16_t id) noexcept {
    if (chain.empty()) {
        chain.first = id;
    } else {
        taken_[chain.last].next = id;
    }
    chain.last = id;
}

std::uint16_t UringBuffers::pop(Chain& chain) noexcept {
    auto id = static_cast<std::uint16_t>(chain.first);
    chain.first = taken_[id].next;
    return id;
}

void UringBuffers::give_back_all(Chain& chain) noexcept {
    while (!chain.empty()) give_back(pop(chain));
}

}  // namespace stepwise
