// A screen of character cells, drawn in memory: text is cut at a panel's edge, wide letters take two cells.
//
// Knows no terminal. Control characters become blanks: what a program calls its tasks cannot move the cursor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::trace {

enum class Look : std::uint8_t { plain, strong, quiet, marked, bar };

struct Size {
    int columns = 80;
    int rows = 24;
    bool operator==(const Size&) const = default;
};

class Grid {
public:
    explicit Grid(Size size)
        : size_(size), cells_(static_cast<std::size_t>(size.columns) * static_cast<std::size_t>(size.rows)) {}

    Size size() const noexcept { return size_; }
    // In columns [column, end). Returns the column behind it.
    int put(int row, int column, int end, std::string_view text, Look look = Look::plain);
    void fill(int row, int column, int end, Look look);

    // One row without trailing blanks, as plain text.
    std::string row_text(int row) const;
    // Everything, with escape sequences, from the upper left corner on.
    std::string drawn() const;

private:
    struct Cell {
        std::string letter = " ";  // empty: the second half of a wide letter
        Look look = Look::plain;
    };

    std::size_t index(int row, int column) const noexcept {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(size_.columns) +
               static_cast<std::size_t>(column);
    }

    Size size_;
    std::vector<Cell> cells_;
};

// How many columns a text takes.
int columns_of(std::string_view text) noexcept;
// Lines of at most so many columns, broken at blanks or between wide letters.
std::vector<std::string> wrapped(std::string_view text, int columns);

}  // namespace stepwise::trace
