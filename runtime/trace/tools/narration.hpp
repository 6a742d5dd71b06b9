// One sentence for each event, in English or Chinese: what every tool tells people.
//
// A table of sentences with blanks, and what fills them: names from the cast, lines, amounts, and for a wakeup its
// reason, which is the event that caused it and never a guess. Sees a recording, changes nothing.
#pragma once

#include <stepwise/runtime/trace/tools/recording.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace stepwise::trace {

enum class Language : std::uint8_t { english, chinese };

// "en", "zh".
std::optional<Language> language_of(std::string_view word) noexcept;

// "Task-2 request_a waits for a sleep, at 08_coroutine.cpp:41."
std::string narrate(const Recording& recording, const Record& event, Language language);

// "    36      0.0002 s  " and the sentence.
std::string told_line(const Recording& recording, const Record& event, Language language);

// Whether a person wants to hear of it: not of each phase, not of what its beginning has told already.
bool is_worth_telling(const Record& event) noexcept;

// "1.5 s", "20 ms", "none".
std::string duration_text(std::int64_t nanoseconds);

}  // namespace stepwise::trace
