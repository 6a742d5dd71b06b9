#include <algorithm>
#include <cstring>
#include <stepwise/ws/utf8.hpp>
#include <stepwise/ws/utf8_blocks.hpp>

namespace stepwise::ws {
namespace {

constexpr std::uint64_t high_bits = 0x8080808080808080;

// The first byte in [at, end) that is not ASCII, or the end: 32 bytes a time while they last, then 8, then one.
const char* skip_ascii(const char* at, const char* end) {
    std::uint64_t words[4];
    for (; end - at >= 32; at += 32) {
        std::memcpy(words, at, 32);
        if ((words[0] | words[1] | words[2] | words[3]) & high_bits) break;
    }
    for (; end - at >= 8; at += 8) {
        std::memcpy(words, at, 8);
        if (words[0] & high_bits) break;
    }
    while (at != end && static_cast<unsigned char>(*at) < 0x80) ++at;
    return at;
}

}  // namespace

// The ranges are the table of RFC 3629 §4. Only the first continuation byte has a narrower range than 80–BF.
bool Utf8Validator::feed_lead(unsigned char lead) {
    if (lead < 0xC2) return false;  // a continuation byte out of place, or an overlong form
    if (lead < 0xE0) {
        missing_ = 1;
    } else if (lead < 0xF0) {
        missing_ = 2;
        if (lead == 0xE0) low_ = 0xA0;   // below: overlong
        if (lead == 0xED) high_ = 0x9F;  // above: surrogates
    } else if (lead < 0xF5) {
        missing_ = 3;
        if (lead == 0xF0) low_ = 0x90;   // below: overlong
        if (lead == 0xF4) high_ = 0x8F;  // above: beyond U+10FFFF
    } else {
        return false;
    }
    return true;
}

bool Utf8Validator::feed_continuation(unsigned char byte) {
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xBF;
    --missing_;
    return true;
}

bool Utf8Validator::feed(std::string_view bytes) {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end) {
        const auto byte = static_cast<unsigned char>(*at);
        if (missing_ != 0) {
            if (!feed_continuation(byte)) return false;
            ++at;
        } else if (byte < 0x80) {
            at = skip_ascii(at, end);
        } else {
            const char* const after = end - at < utf8_block_bytes ? at : skip_utf8_blocks(at, end);
            if (after == at && !feed_lead(byte)) return false;
            at = std::max(after, at + 1);
        }
    }
    return true;
}

bool is_valid_utf8(std::string_view text) {
    const char* const end = text.data() + text.size();
    const char* const after_ascii = skip_ascii(text.data(), end);
    if (after_ascii == end) return true;
    Utf8Validator validator;
    return validator.feed({after_ascii, end}) && validator.is_complete();
}

std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) {
    Utf8Validator validator;
    std::size_t whole = 0;
    for (std::size_t size = 0; size < text.size() && size < bytes_max;) {
        if (!validator.feed(text.substr(size, 1))) break;
        ++size;
        if (validator.is_complete()) whole = size;
    }
    return text.substr(0, whole);
}

}  // namespace stepwise::ws
