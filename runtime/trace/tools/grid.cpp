#include <stepwise/runtime/trace/tools/grid.hpp>

#include <algorithm>

namespace stepwise::trace {

namespace {

struct Letter {
    std::string_view bytes;
    int columns = 1;
};

// The next letter of UTF-8; a byte that is none is shown as `?`.
Letter next_letter(std::string_view text) noexcept {
    auto first = static_cast<unsigned char>(text.front());
    std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 0;
    if (length == 0 || length > text.size()) return {text.substr(0, 1), 1};
    if (length < 3) return {text.substr(0, length), 1};
    auto byte = [&](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]) & 0x3FU);
    };
    std::uint32_t code = length == 3 ? (first & 0x0FU) << 12U | byte(1) << 6U | byte(2) : 0x1F300;
    bool wide = (code >= 0x2E80 && code <= 0xA4CF) || (code >= 0xAC00 && code <= 0xD7A3) ||
                (code >= 0xF900 && code <= 0xFAFF) || (code >= 0xFE30 && code <= 0xFE4F) ||
                (code >= 0xFF00 && code <= 0xFF60) || code >= 0x1F300;
    return {text.substr(0, length), wide ? 2 : 1};
}

std::string shown(std::string_view letter) {
    if (letter.size() > 1) return std::string(letter);
    auto byte = static_cast<unsigned char>(letter.front());
    if (byte < 0x20 || byte == 0x7F) return " ";
    return byte < 0x80 ? std::string(letter) : "?";
}

std::string_view escape_of(Look look) noexcept {
    switch (look) {
        case Look::strong:
            return "\x1b[0;1m";
        case Look::quiet:
            return "\x1b[0;2m";
        case Look::marked:
            return "\x1b[0;1;4m";
        case Look::bar:
            return "\x1b[0;7m";
        case Look::plain:
            break;
    }
    return "\x1b[0m";
}

}  // namespace

int Grid::put(int row, int column, int end, std::string_view text, Look look) {
    end = std::min(end, size_.columns);
    if (row < 0 || row >= size_.rows) return column;
    while (!text.empty()) {
        Letter letter = next_letter(text);
        if (column + letter.columns > end) break;
        cells_[index(row, column)] = {shown(letter.bytes), look};
        if (letter.columns == 2) cells_[index(row, column + 1)] = {"", look};
        column += letter.columns;
        text.remove_prefix(letter.bytes.size());
    }
    if (!text.empty() && column > 0 && column <= end) {
        // Instead of a wide letter's second half: not the first alone.
        if (cells_[index(row, end - 1)].letter.empty()) cells_[index(row, end - 2)] = {" ", look};
        cells_[index(row, end - 1)] = {"…", look};
    }
    return column;
}

void Grid::fill(int row, int column, int end, Look look) {
    if (row < 0 || row >= size_.rows) return;
    for (; column < std::min(end, size_.columns); ++column) cells_[index(row, column)] = {" ", look};
}

std::string Grid::row_text(int row) const {
    std::string text;
    for (int column = 0; column < size_.columns; ++column) text += cells_[index(row, column)].letter;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string Grid::drawn() const {
    std::string text = "\x1b[H";
    Look look = Look::plain;
    text += escape_of(look);
    for (int row = 0; row < size_.rows; ++row) {
        for (int column = 0; column < size_.columns; ++column) {
            const Cell& cell = cells_[index(row, column)];
            if (cell.look != look) text += escape_of(look = cell.look);
            text += cell.letter;
        }
        if (row + 1 < size_.rows) text += "\r\n";
    }
    return text + "\x1b[0m";
}

int columns_of(std::string_view text) noexcept {
    int columns = 0;
    while (!text.empty()) {
        Letter letter = next_letter(text);
        columns += letter.columns;
        text.remove_prefix(letter.bytes.size());
    }
    return columns;
}

std::vector<std::string> wrapped(std::string_view text, int columns) {
    std::vector<std::string> lines(1);
    int used = 0;
    while (!text.empty()) {
        // A word, with the blank behind it, or one wide letter.
        std::string_view piece = next_letter(text).bytes;
        int wide = next_letter(text).columns;
        while (wide == 1 || piece.size() < 3) {
            std::string_view rest = text.substr(piece.size());
            if (piece.back() == ' ' || rest.empty() || next_letter(rest).columns == 2) break;
            piece = text.substr(0, piece.size() + next_letter(rest).bytes.size());
        }
        int width = columns_of(piece.back() == ' ' ? piece.substr(0, piece.size() - 1) : piece);
        if (used > 0 && used + width > columns) {
            lines.emplace_back();
            used = 0;
        }
        lines.back() += piece;
        used += columns_of(piece);
        text.remove_prefix(piece.size());
    }
    return lines;
}

}  // namespace stepwise::trace
