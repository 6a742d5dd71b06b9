// What the fields of a record mean, kind by kind: the schema, as a table.
//
// Readers only. Every field that is not named here is zero.
#pragma once

#include <stepwise/runtime/trace/record.hpp>

#include <string_view>

namespace stepwise::trace {

enum class Meaning : std::uint8_t {
    none,
    number,
    nanoseconds,
    object,   // another object's number; 0 is left out
    string,   // a string's number
    hash,     // 64 bits, as hexadecimal
    address,  // the same
    phase,
    handle_of,
    step_end,
    frame_end,
    future_state,
    wake_source,
    boolean,
};

struct Field {
    std::string_view name;
    Meaning meaning = Meaning::none;
};

struct Shape {
    std::string_view name;   // "run.begin"
    std::string_view group;  // "handle"
    Field detail{};
    Field other{};
    Field a{};
    Field b{};
};

const Shape& shape_of(Kind kind) noexcept;
// "suspended"; empty for a meaning that has no words.
std::string_view word_of(Meaning meaning, std::uint64_t value) noexcept;

}  // namespace stepwise::trace
