#include <stepwise/runtime/trace/tools/writers.hpp>

#include <fmt/format.h>

#include <iterator>

namespace stepwise::trace {

namespace {

// Mermaid ends a statement at `;` and a line's end, begins a comment at `%%` and an entity at `#`, and hands the rest
// to HTML.
std::string escaped(std::string_view text) {
    std::string out;
    for (char byte : text) {
        if (std::string_view(";#%<>&\"{}").find(byte) != std::string_view::npos) {
            fmt::format_to(std::back_inserter(out), "#{};", static_cast<int>(byte));
        } else {
            out += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
        }
    }
    // A name that is the keyword would end a block.
    return out == "end" ? "#101;nd" : out;
}

}  // namespace

std::string as_mermaid(const Sequence& sequence, Language language) {
    std::string text = "sequenceDiagram\n";
    auto out = std::back_inserter(text);
    for (std::size_t lane = 0; lane < sequence.lanes.size(); ++lane) {
        fmt::format_to(out, "    participant L{} as {}\n", lane, escaped(sequence.lanes[lane].name));
    }
    for (const Row& row : sequence.rows) {
        if (row.is_note()) {
            fmt::format_to(out, "    Note over L{}: {}\n", row.to, escaped(row.label));
        } else {
            fmt::format_to(out, "    L{}->>L{}: {}\n", row.from, row.to, escaped(row.label));
        }
    }
    if (sequence.rows_left_out != 0) {
        text += "    Note over L0: ";
        fmt::format_to(out,
                       fmt::runtime(language == Language::english ? "{} more: choose a range" : "还有 {} 个: 请选一段"),
                       sequence.rows_left_out);
        text += '\n';
    }
    return text;
}

}  // namespace stepwise::trace
