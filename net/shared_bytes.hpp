// Immutable bytes that many hold: a broadcast's frame, encoded once. The only thing that loops share (law 5).
//
//     net::SharedBytes bytes("to all");
//     for (net::Transport* member : members) member->write(bytes);
//
// The count is atomic, the bytes never change, so copies may end on any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace stepwise::net {

class SharedBytes {
public:
    SharedBytes() noexcept = default;
    explicit SharedBytes(std::string bytes) {
        auto owner = std::make_shared<const std::string>(std::move(bytes));
        size_ = owner->size();
        bytes_ = {owner, owner->data()};
    }
    SharedBytes(std::shared_ptr<const char> bytes, std::size_t size) noexcept : bytes_(std::move(bytes)), size_(size) {}

    std::string_view view() const noexcept { return {bytes_.get(), size_}; }
    std::size_t size() const noexcept { return size_; }

    // Takes `next` in, if those bytes lie right behind these in the same memory.
    bool extend(const SharedBytes& next) noexcept {
        bool same_owner = !bytes_.owner_before(next.bytes_) && !next.bytes_.owner_before(bytes_);
        if (!same_owner || bytes_.get() + size_ != next.bytes_.get()) return false;
        size_ += next.size_;
        return true;
    }

private:
    std::shared_ptr<const char> bytes_;
    std::size_t size_ = 0;
};

// A ByteSink that makes shared bytes, piece behind piece in blocks: whoever sends two that follow each other sends them
// as one. One thread writes; what was taken is not written to again.
class SharedBytesSink {
public:
    char* prepare(std::size_t bytes) {
        if (end_ + bytes > capacity_) start_block(bytes);
        return block_.get() + end_;
    }
    void commit(std::size_t bytes) noexcept { end_ += bytes; }

    // What was committed since the last take.
    SharedBytes take() {
        std::size_t begin = std::exchange(begin_, end_);
        return SharedBytes(std::shared_ptr<const char>(block_, block_.get() + begin), end_ - begin);
    }

private:
    static constexpr std::size_t block_bytes = 2048;

    void start_block(std::size_t bytes);

    std::shared_ptr<char[]> block_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;  // of what is not taken yet
    std::size_t end_ = 0;
};

}  // namespace stepwise::net
