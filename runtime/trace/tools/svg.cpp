#include <stepwise/runtime/trace/tools/writers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace stepwise::trace {

namespace {

constexpr int row_height = 40;
constexpr int top = 76;
constexpr int margin = 24;
constexpr int times_width = 100;
constexpr int lane_gap_min = 150;
constexpr int lane_gap_max = 330;

constexpr std::string_view style =
    "text{font:16px \"DejaVu Sans Mono\",\"Noto Sans Mono CJK SC\",ui-monospace,monospace;fill:#17212b;"
    "paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}"
    ".head{font-weight:600;font-size:17px;stroke:none}.quiet{fill:#56626e}"
    ".lane{stroke:#c5ced5;stroke-width:1.5}.box{fill:#eef4f7;stroke:#5f7485;stroke-width:1.5}"
    ".arrow{stroke:#0b6f60;stroke-width:2.2}.tip{fill:#0b6f60}.dot{fill:#a3400b}";

std::string escaped(std::string_view text) {
    std::string out;
    for (char byte : text) {
        switch (byte) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
        }
    }
    return out;
}

// Rather too wide than too narrow: 16 px of a monospaced font; letters of East Asia take two places.
int width_of(std::string_view text) noexcept {
    int places = 0;
    for (char letter : text) {
        auto byte = static_cast<unsigned char>(letter);
        if (byte < 0x80) ++places;
        if (byte >= 0xC0) places += byte >= 0xE0 ? 2 : 1;
    }
    return places * 10;
}

class Picture {
public:
    Picture(const Sequence& sequence, bool times) : sequence_(sequence), left_(margin + (times ? times_width : 0)) {
        place_lanes();
        width_ = x_.empty() ? left_ + 300 : x_.back() + margin + width_of(sequence.lanes.back().name) / 2 + 12;
        for (const Row& row : sequence.rows) width_ = std::max(width_, label_x(row) + width_of(row.label) + margin);
        height_ = top + row_height * static_cast<int>(sequence.rows.size() + (sequence.rows_left_out != 0)) + margin;
    }

    std::string draw(const std::string& title, Language language, bool times) {
        fmt::format_to(out(),
                       "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
                       "height=\"{1}\" role=\"img\">\n<title>{2}</title>\n<style>{3}</style>\n"
                       "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
                       width_, height_, escaped(title), style);
        for (std::size_t lane = 0; lane < x_.size(); ++lane) draw_lane(lane);
        int y = top + row_height / 2;
        for (const Row& row : sequence_.rows) {
            if (times) {
                fmt::format_to(out(), "<text class=\"quiet\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.4f} s</text>\n",
                               left_ - 12, y + 6, row.seconds);
            }
            draw_row(row, y);
            y += row_height;
        }
        if (sequence_.rows_left_out != 0) {
            const char* words = language == Language::english ? "… {} more: choose a range with --range"
                                                              : "… 还有 {} 个: 用 --range 选一段";
            text(margin, y + 6, fmt::format(fmt::runtime(words), sequence_.rows_left_out));
        }
        return text_ + "</svg>\n";
    }

private:
    std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }

    // A lane is as far from the one before as the names and the labels between the two ask for, within reason.
    void place_lanes() {
        const auto& lanes = sequence_.lanes;
        std::vector<int> gap(lanes.size(), lane_gap_min);
        for (const Row& row : sequence_.rows) {
            std::size_t begin = std::min(row.from, row.to);
            if (row.is_note() || std::max(row.from, row.to) != begin + 1) continue;
            gap[begin + 1] = std::max(gap[begin + 1], width_of(row.label) + 36);
        }
        for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
            int half = width_of(lanes[lane].name) * 11 / 20 + 14;
            int names = half + (lane == 0 ? left_ : width_of(lanes[lane - 1].name) * 11 / 20 + 22);
            int room = lane == 0 ? names : std::max(names, std::min(gap[lane], lane_gap_max));
            x_.push_back((lane == 0 ? 0 : x_.back()) + room);
        }
    }

    int label_x(const Row& row) const noexcept { return x_[std::min(row.from, row.to)] + (row.is_note() ? 16 : 12); }

    void text(int x, int y, std::string_view words, std::string_view kind = {}) {
        std::string of_kind = kind.empty() ? std::string() : fmt::format(" class=\"{}\"", kind);
        fmt::format_to(out(), "<text{} x=\"{}\" y=\"{}\" xml:space=\"preserve\">{}</text>\n", of_kind, x, y,
                       escaped(words));
    }

    void draw_lane(std::size_t lane) {
        const std::string& name = sequence_.lanes[lane].name;
        int half = width_of(name) * 11 / 20 + 10;
        fmt::format_to(out(),
                       "<line class=\"lane\" x1=\"{0}\" y1=\"56\" x2=\"{0}\" y2=\"{1}\"/>\n<rect class=\"box\" "
                       "x=\"{2}\" y=\"18\" width=\"{3}\" height=\"38\" rx=\"6\"/>\n<text class=\"head\" x=\"{0}\" "
                       "y=\"43\" text-anchor=\"middle\">{4}</text>\n",
                       x_[lane], height_ - margin / 2, x_[lane] - half, 2 * half, escaped(name));
    }

    void draw_row(const Row& row, int y) {
        int to = x_[row.to];
        if (row.is_note()) {
            fmt::format_to(out(), "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"6\"/>\n", to, y);
            return text(label_x(row), y + 6, row.label);
        }
        int from = x_[row.from];
        int back = to > from ? -12 : 12;
        fmt::format_to(out(),
                       "<line class=\"arrow\" x1=\"{0}\" y1=\"{2}\" x2=\"{1}\" y2=\"{2}\"/>\n"
                       "<path class=\"tip\" d=\"M{3} {2}l{4} -6v12z\"/>\n",
                       from, to + back, y + 8, to, back);
        text(label_x(row), y, row.label);
    }

    const Sequence& sequence_;
    int left_;
    int width_ = 0;
    int height_ = 0;
    std::vector<int> x_;
    std::string text_;
};

}  // namespace

std::string as_svg(const Sequence& sequence, const std::string& title, Language language, bool times) {
    return Picture(sequence, times).draw(title, language, times);
}

}  // namespace stepwise::trace
