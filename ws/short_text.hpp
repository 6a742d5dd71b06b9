// A text that is written once and mostly short, an address for instance: up to 15 bytes of it need no memory elsewhere.
//
// Half of a std::string, for what every idle connection holds. Neither copied nor moved: its view is good while it
// lives.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace stepwise::ws {

class ShortText {
public:
    static constexpr std::size_t bytes_in_place_max = 15;

    // What is beyond 4 GiB is left out.
    explicit ShortText(std::string_view text) {
        const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), UINT32_MAX));
        if (size <= bytes_in_place_max) {
            size_in_place_ = static_cast<std::uint8_t>(size);
            std::copy_n(text.data(), size, bytes_);
            return;
        }
        char* elsewhere = new char[size];
        std::copy_n(text.data(), size, elsewhere);
        size_in_place_ = is_elsewhere;
        std::memcpy(bytes_, &elsewhere, sizeof elsewhere);
        std::memcpy(bytes_ + sizeof elsewhere, &size, sizeof size);
    }
    ShortText(const ShortText&) = delete;
    ShortText& operator=(const ShortText&) = delete;
    ~ShortText() {
        if (size_in_place_ == is_elsewhere) delete[] view().data();
    }

    std::string_view view() const noexcept {
        if (size_in_place_ != is_elsewhere) return {bytes_, size_in_place_};
        const char* elsewhere = nullptr;
        std::uint32_t size = 0;
        std::memcpy(&elsewhere, bytes_, sizeof elsewhere);
        std::memcpy(&size, bytes_ + sizeof elsewhere, sizeof size);
        return {elsewhere, size};
    }

private:
    static constexpr std::uint8_t is_elsewhere = 255;

    alignas(char*) char bytes_[bytes_in_place_max];  // or where the text is, and its size
    std::uint8_t size_in_place_;
};

}  // namespace stepwise::ws
