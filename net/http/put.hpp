// Writing into bytes that a ByteSink has prepared: each function puts its bytes at `out` and returns their end. There
// must be room; who prepares it counts beforehand.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace stepwise::http::detail {

inline constexpr std::size_t number_bytes_max = 20;

inline char* put(char* out, std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    return out + bytes.size();
}

inline char* put_number(char* out, std::uint64_t number) {
    return std::to_chars(out, out + number_bytes_max, number).ptr;
}

inline char* put_field(char* out, std::string_view name, std::string_view value) {
    out = put(out, name);
    out = put(out, ": ");
    out = put(out, value);
    return put(out, "\r\n");
}

}  // namespace stepwise::http::detail
