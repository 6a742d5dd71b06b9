// Immutable bytes that many hold: a broadcast's frame, encoded once. The only thing that loops share (law 5).
//
// The count is atomic, the bytes never change, so copies may end on any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace stepwise::net {

class SharedBytes {
public:
    SharedBytes() noexcept = default;
    explicit SharedBytes(std::string bytes) : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

    std::string_view view() const noexcept { return bytes_ ? std::string_view(*bytes_) : std::string_view(); }
    std::size_t size() const noexcept { return bytes_ ? bytes_->size() : 0; }

private:
    std::shared_ptr<const std::string> bytes_;
};

}  // namespace stepwise::net
