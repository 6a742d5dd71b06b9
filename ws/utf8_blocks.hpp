// UTF-8 checked sixteen bytes at a time, where the processor can: long texts, whatever they are written in.
//
// It only ever skips what is valid. Where it stops, and why, is for a Utf8Validator to find out byte by byte: a bad
// byte, too few bytes left for a block, or a processor without the instructions.
#pragma once

#include <cstddef>

namespace stepwise::ws {

constexpr std::ptrdiff_t utf8_block_bytes = 16;  // of fewer none is skipped

// `at` is where a code point begins, and so is the result. All between them is valid.
[[nodiscard]] const char* skip_utf8_blocks(const char* at, const char* end) noexcept;

}  // namespace stepwise::ws
