// A received message: MessageView where a hook cannot suspend, Message where it can.
//
//     ws::Message kept(view);
//     std::string_view text = kept.data();
//
// A Message owns its bytes, in a block of the frame pool where they are few. Move-only; any thread may hold it, the one
// that ends it keeps the memory. A text is valid UTF-8.
#pragma once

#include <stepwise/runtime/frame_pool.hpp>

#include <cstring>
#include <string_view>
#include <utility>

namespace stepwise::ws {

struct MessageView {
    std::string_view data;  // gone when the hook returns
    bool is_text = true;
};

class Message {
public:
    Message() noexcept = default;
    explicit Message(MessageView view) : size_(view.data.size()), is_text_(view.is_text) {
        if (size_ == 0) return;
        bytes_ = static_cast<char*>(frame_pool::allocate(size_));
        std::memcpy(bytes_, view.data.data(), size_);
    }
    Message(Message&& other) noexcept
        : bytes_(std::exchange(other.bytes_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          is_text_(other.is_text_) {}
    Message& operator=(Message&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        std::swap(size_, other.size_);
        is_text_ = other.is_text_;
        return *this;
    }
    ~Message() {
        if (bytes_ != nullptr) frame_pool::deallocate(bytes_, size_);
    }

    std::string_view data() const noexcept { return {bytes_, size_}; }
    bool is_text() const noexcept { return is_text_; }
    operator MessageView() const noexcept { return {data(), is_text_}; }

private:
    char* bytes_ = nullptr;
    std::size_t size_ = 0;
    bool is_text_ = true;
};

}  // namespace stepwise::ws
