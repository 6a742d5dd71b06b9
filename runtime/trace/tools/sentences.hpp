// The table of the narration: a kind of event, perhaps one value of its detail or of its amount, and two sentences.
//
// Blanks: {it} the object, {target} another one, {what} a string of the trace, {place} " at file:line" or nothing,
// {n} an amount, {m} another, {fd} a descriptor, {why} the reason, {time} a duration, {left} how long until it is due.
// Of the rows of a kind the first that fits is taken; the last one fits always.
#pragma once

#include <stepwise/runtime/trace/record.hpp>

#include <span>
#include <string_view>

namespace stepwise::trace {

enum class If : std::uint8_t {
    always,
    detail,  // the detail is `value`
    a_is,    // a is `value`
    a_is_negative,
    other_is,         // other is `value`
    target_is_known,  // the other object has a number
    by_own_thread,
};

struct Sentence {
    Kind kind;
    If when;
    std::int64_t value;
    std::string_view english;
    std::string_view chinese;
};

std::span<const Sentence> sentences() noexcept;

}  // namespace stepwise::trace
