#include <stepwise/ws/utf8_blocks.hpp>

#if defined(__x86_64__)
#include <tmmintrin.h>

#include <array>
#include <cstdint>
#endif

namespace stepwise::ws {

#if defined(__x86_64__)

namespace {

// What two bytes in a row can have wrong, a bit each: nearly all that is not UTF-8 shows there (RFC 3629 §4). Each is
// a range of first bytes before a range of second ones.
struct Mistake {
    std::uint8_t bit;
    unsigned first_min, first_max;
    unsigned second_min, second_max;
};
constexpr std::uint8_t two_continuations = 0x80;  // none, where a third or fourth byte is due
constexpr Mistake mistakes[] = {
    {0x01, 0xC0, 0xFF, 0x00, 0x7F},                                  // a code point broken off
    {0x01, 0xC0, 0xFF, 0xC0, 0xFF}, {0x02, 0x00, 0x7F, 0x80, 0xBF},  // a continuation byte out of place
    {0x04, 0xC0, 0xC1, 0x80, 0xBF},                                  // overlong, of two bytes
    {0x08, 0xE0, 0xE0, 0x80, 0x9F},                                  // overlong, of three
    {0x10, 0xED, 0xED, 0xA0, 0xBF},                                  // surrogates
    {0x20, 0xF0, 0xF0, 0x80, 0x8F},                                  // overlong, of four
    {0x20, 0xF5, 0xFF, 0x80, 0x8F},                                  // beyond U+10FFFF
    {0x40, 0xF4, 0xFF, 0x90, 0xBF}, {two_continuations, 0x80, 0xBF, 0x80, 0xBF},
};

// Three questions, of four bits each, answer which mistakes two bytes make: those that are in all three answers. So the
// ranges of a bit must be told apart by the nibbles one by one.
struct Answers {
    alignas(16) std::array<std::uint8_t, 16> first_high{}, first_low{}, second_high{};
};
constexpr Answers answers = [] {
    Answers made;
    for (const Mistake& mistake : mistakes) {
        for (unsigned first = mistake.first_min; first <= mistake.first_max; ++first) {
            made.first_high[first >> 4] |= mistake.bit;
            made.first_low[first & 15] |= mistake.bit;
        }
        for (unsigned second = mistake.second_min; second <= mistake.second_max; ++second) {
            made.second_high[second >> 4] |= mistake.bit;
        }
    }
    return made;
}();

using Block = __m128i;
constexpr int block_bytes = utf8_block_bytes;

[[gnu::target("ssse3")]] inline Block answer(const std::array<std::uint8_t, 16>& answers, Block nibbles) {
    return _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const Block*>(answers.data())), nibbles);
}

[[gnu::target("ssse3")]] inline Block low_nibbles(Block bytes) {
    return _mm_and_si128(bytes, _mm_set1_epi8(0x0F));
}
[[gnu::target("ssse3")]] inline Block high_nibbles(Block bytes) {
    return low_nibbles(_mm_srli_epi16(bytes, 4));
}

// Not zero where a byte cannot follow those before it.
[[gnu::target("ssse3")]] inline Block wrong_in(Block block, Block before) {
    const Block first = _mm_alignr_epi8(block, before, block_bytes - 1);
    const Block pairs = _mm_and_si128(
        answer(answers.second_high, high_nibbles(block)),
        _mm_and_si128(answer(answers.first_high, high_nibbles(first)), answer(answers.first_low, low_nibbles(first))));
    // Their top bit is set where two bytes before is a lead of three or more, three before one of four.
    const Block third = _mm_subs_epu8(_mm_alignr_epi8(block, before, block_bytes - 2), _mm_set1_epi8(0xE0 - 0x80));
    const Block fourth = _mm_subs_epu8(_mm_alignr_epi8(block, before, block_bytes - 3), _mm_set1_epi8(0xF0 - 0x80));
    const Block due = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8(static_cast<char>(two_continuations)));
    return _mm_xor_si128(pairs, due);
}

// The beginning of the code point that is not complete before `at`, or `at`. What comes before it was checked.
const char* complete_before(const char* at) noexcept {
    const auto byte = [at](int back) { return static_cast<unsigned char>(at[-back]); };
    if (byte(1) >= 0xC0) return at - 1;
    if (byte(2) >= 0xE0) return at - 2;
    return byte(3) >= 0xF0 ? at - 3 : at;
}

[[gnu::target("ssse3")]] const char* skip_blocks(const char* const begin, const char* end) noexcept {
    const char* at = begin;
    Block before = _mm_setzero_si128();
    for (; end - at >= block_bytes; at += block_bytes) {
        const Block block = _mm_loadu_si128(reinterpret_cast<const Block*>(at));
        const Block wrong = wrong_in(block, before);
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) != 0xFFFF) break;
        before = block;
    }
    return at == begin ? at : complete_before(at);
}

const bool has_blocks = [] {
    __builtin_cpu_init();
    return __builtin_cpu_supports("ssse3") != 0;
}();

}  // namespace

const char* skip_utf8_blocks(const char* at, const char* end) noexcept {
    return has_blocks ? skip_blocks(at, end) : at;
}

#else

const char* skip_utf8_blocks(const char* at, const char*) noexcept {
    return at;
}

#endif

}  // namespace stepwise::ws
