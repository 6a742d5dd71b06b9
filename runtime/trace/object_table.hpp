// Numbers for the runtime's objects by their address, kept beside them, so that they themselves carry nothing for the
// trace: open addressing in memory that is mapped once and never grows.
//
// An entry lives as long as its object is followed. A table that is three quarters full takes no more: the caller
// counts what it could not follow. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stepwise::trace {

enum class Of : std::uint8_t { node = 1, timer, future, frame, operation, job, literal, text, place };

class ObjectTable {
public:
    struct Entry {
        std::uint64_t key;
        std::uint32_t id;
        std::uint32_t other;
        std::uint64_t cause;  // of what will happen to it: the push of a handle, the start of a timer
        std::uint64_t info;
    };

    // `slots` is a power of two. Without memory for it the table is full from the start.
    explicit ObjectTable(std::size_t slots) noexcept;
    ObjectTable(const ObjectTable&) = delete;
    ObjectTable& operator=(const ObjectTable&) = delete;
    ~ObjectTable();

    static std::uint64_t key_of(Of of, const void* address) noexcept {
        return key_of(of, reinterpret_cast<std::uint64_t>(address));
    }
    static std::uint64_t key_of(Of of, std::uint64_t value) noexcept {
        return (value & (UINT64_MAX >> 8)) | std::uint64_t{static_cast<std::uint8_t>(of)} << 56;
    }

    // nullptr if there is none. Until the next insert or erase.
    Entry* find(std::uint64_t key) noexcept;
    // A new entry, empty but for its key; nullptr when the table is full. There is none with that key.
    Entry* insert(std::uint64_t key) noexcept;
    void erase(Entry& entry) noexcept;
    void clear() noexcept;
    std::size_t size() const noexcept { return size_; }

private:
    std::size_t home_of(std::uint64_t key) const noexcept { return (key * 0x9E3779B97F4A7C15U) >> shift_; }

    Entry* entries_ = nullptr;
    std::size_t slots_;
    int shift_;
    std::size_t size_ = 0;
};

}  // namespace stepwise::trace
