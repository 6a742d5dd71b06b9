// C++ source as HTML: comments, texts, keywords, numbers and directives in spans, everything escaped.
//
// Spans carry one-letter classes: c comment, s text, k keyword, n number, p directive. It looks at words, not at
// grammar, and never fails: what it does not know stays plain. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

namespace course {

std::string escape_html(std::string_view text);
std::string highlight_cpp(std::string_view source);

}  // namespace course
