// Markdown as HTML for the course's pages: CommonMark and tables, with raw HTML left out.
//
// Fences become scrolling boxes, C++ in them is highlighted, and above a listing stands the name of its file; an image
// alone in a paragraph becomes a figure; headings get the anchors that links in the text name. Link targets go through
// a function of the caller. No I/O; any thread, once prepare_markdown was called.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace course {

// Gives the address on the site for a target in the text, which begins with a slash if it counts from the project's
// root. An empty address makes the link plain text.
using LinkRewriter = std::function<std::string(std::string_view target)>;

// Once, before the first call of markdown_to_html, on one thread.
void prepare_markdown();

std::string markdown_to_html(std::string_view text, const LinkRewriter& rewrite_link);

// A fence's inside, as on the pages.
std::string code_box(std::string_view language, std::string_view text);

}  // namespace course
