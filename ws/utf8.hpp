// UTF-8 checked as it arrives (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
//
//     bool valid = ws::is_valid_utf8("gr\xC3\xBC\xC3\x9F");
//
// A Utf8Validator keeps its place inside a code point between two calls, so text may be cut anywhere, and it fails at
// the first byte that no valid text can have there, not at the end. Three bytes of state; it holds no text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stepwise::ws {

class Utf8Validator {
public:
    // False once a byte cannot continue what came before. After that it can only be thrown away.
    [[nodiscard]] bool feed(std::string_view bytes);

    // Whether the text may end here: no code point is open.
    [[nodiscard]] bool is_complete() const { return missing_ == 0; }

private:
    bool feed_lead(unsigned char lead);
    bool feed_continuation(unsigned char byte);

    std::uint8_t missing_ = 0;  // continuation bytes that the open code point still needs
    std::uint8_t low_ = 0x80;   // the range that the next of them must lie in
    std::uint8_t high_ = 0xBF;
};

[[nodiscard]] bool is_valid_utf8(std::string_view text);

// The longest beginning of `text`, itself valid UTF-8, that has at most `bytes_max` bytes and cuts no code point.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max);

}  // namespace stepwise::ws
