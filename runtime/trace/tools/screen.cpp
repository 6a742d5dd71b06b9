#include <stepwise/runtime/trace/shapes.hpp>
#include <stepwise/runtime/trace/tools/panels.hpp>
#include <stepwise/runtime/trace/tools/screen.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace stepwise::trace {

namespace {

// A heading, then as many lines as fit; the last one says how many do not.
void draw_panel(Grid& grid, const Panel& panel, int row, int rows, int column, int end) {
    grid.put(row, column, end, panel.heading, Look::strong);
    auto room = static_cast<std::size_t>(std::max(rows - 1, 0));
    std::size_t shown = panel.lines.size() <= room ? panel.lines.size() : room - std::min<std::size_t>(room, 1);
    for (std::size_t line = 0; line < shown; ++line) {
        const std::string& text = panel.lines[line];
        grid.put(row + 1 + static_cast<int>(line), column, end, text,
                 text.starts_with('>') ? Look::strong : Look::plain);
    }
    if (shown < panel.lines.size() && room > 0) {
        grid.put(row + static_cast<int>(room), column, end, fmt::format("  … {}", panel.lines.size() - shown),
                 Look::quiet);
    }
}

// Where a person should look: the event's own line, or where the task is that it is about.
std::uint32_t place_to_show(const Recording& recording, const State& state, const Record* now) {
    if (now == nullptr) return 0;
    if (now->at != 0) return now->at;
    for (std::uint32_t id : {now->id, static_cast<std::uint32_t>(now->a), state.running}) {
        auto task = state.tasks.find(id);
        if (id == 0 || task == state.tasks.end()) continue;
        if (task->second.awaits_at != 0) return task->second.awaits_at;
        return task->second.frames.empty() ? task->second.made_at : task->second.frames.back().at;
    }
    return recording.cast().of(now->id).at;
}

std::string where_we_are(const Recording& recording, const Timeline& timeline, const Shown& shown) {
    bool english = shown.language == Language::english;
    std::size_t all = recording.events().size();
    const char* words = english      ? shown.runs ? "viewing {} of {}; the program runs, at {}"
                                                  : "viewing {} of {}; the program stands at {}"
                        : shown.runs ? "看的是 {} / {}；程序在跑，到了 {}"
                                     : "看的是 {} / {}；程序停在 {}";
    std::string text = fmt::format(fmt::runtime(words), timeline.position(), all, all);
    std::string end = shown.how_ended.empty() ? recording.problem() : shown.how_ended;
    if (!end.empty()) text += (english ? ": " : "：") + end;
    if (timeline.lost()) text += english ? " (events were lost)" : "（丢了事件）";
    return text;
}

std::string title_of(const Recording& recording, const Timeline& timeline, const Shown& shown) {
    const State& state = timeline.state();
    double seconds = timeline.now() == nullptr ? 0 : recording.seconds(*timeline.now());
    std::string_view phase = word_of(Meaning::phase, state.phase);
    return fmt::format(fmt::runtime(shown.language == Language::english ? " {}  {}  turn {}  {}  {:.4f} s"
                                                                        : " {}  {}  第 {} 圈  {}  {:.4f} s"),
                       shown.name, recording.reader().header().reactor, state.turn, phase, seconds);
}

}  // namespace

std::vector<std::string> folders_above(const std::string& program) {
    std::error_code ignored;
    std::filesystem::path folder = std::filesystem::absolute(program, ignored).parent_path();
    std::vector<std::string> folders;
    while (folders.size() < 8 && folder.has_relative_path()) {
        folders.push_back(folder.string());
        folder = folder.parent_path();
    }
    return folders;
}

const std::vector<std::string>& Screen::lines_of(std::string_view file) {
    auto found = files_.find(file);
    if (found != files_.end()) return found->second;
    std::vector<std::string>& lines = files_[std::string(file)];
    for (const std::string& folder : folders_) {
        std::error_code ignored;
        std::filesystem::path path = std::filesystem::path(folder) / file;
        if (!std::filesystem::is_regular_file(path, ignored)) continue;
        std::ifstream from(path);
        for (std::string line; std::getline(from, line);) lines.push_back(line);
        break;
    }
    return lines;
}

void Screen::draw_source(Grid& grid, const Recording& recording, const Timeline& timeline, int row, int end) {
    Source source = recording.reader().source(place_to_show(recording, timeline.state(), timeline.now()));
    int columns = grid.size().columns;
    std::string where =
        source.line == 0
            ? std::string("-")
            : fmt::format("{}:{}", std::string(source.file.substr(source.file.find_last_of('/') + 1)), source.line);
    grid.put(row++, 0, columns, where, Look::strong);
    if (source.line == 0) return;
    const std::vector<std::string>& lines = lines_of(source.file);
    int rows = end - row;
    int first = std::max(1, static_cast<int>(source.line) - rows / 2);
    for (int line = first; row < end && line <= static_cast<int>(lines.size()); ++line, ++row) {
        bool here = line == static_cast<int>(source.line);
        grid.put(row, 0, columns,
                 fmt::format("{}{:4} {}", here ? '>' : ' ', line, lines[static_cast<std::size_t>(line) - 1]),
                 here ? Look::strong : Look::quiet);
    }
}

Grid Screen::draw(const Recording& recording, const Timeline& timeline, const Shown& shown, Size size) {
    Grid grid(size);
    if (size.columns < size_min.columns || size.rows < size_min.rows) {
        grid.put(0, 0, size.columns,
                 fmt::format("{}x{}: {}x{} >", size.columns, size.rows, size_min.columns, size_min.rows));
        return grid;
    }
    const State& state = timeline.state();
    int source_rows = size.rows / 4;
    int panels = 1 + source_rows;
    int telling = size.rows - 4;
    int right = size.columns / 2;
    int half = (telling - panels) / 2;
    std::int64_t now = timeline.now() == nullptr ? 0 : timeline.now()->t;

    grid.fill(0, 0, size.columns, Look::bar);
    grid.put(0, 0, size.columns, title_of(recording, timeline, shown), Look::bar);
    draw_source(grid, recording, timeline, 1, panels);
    draw_panel(grid, task_panel(recording, state, shown.language), panels, telling - panels - 4, 0, right - 1);
    draw_panel(grid, ready_panel(recording, state, shown.language), panels, half, right, size.columns);
    draw_panel(grid, timer_panel(recording, state, now, shown.language), panels + half, telling - panels - half, right,
               size.columns);
    int low = telling - 4;
    draw_panel(grid, future_panel(recording, state, shown.language), low, 4, 0, right / 2 + 3);
    draw_panel(grid, kernel_panel(recording, state, shown.language), low, 4, right / 2 + 4, right - 1);

    std::string sentence =
        timeline.now() == nullptr ? std::string() : narrate(recording, *timeline.now(), shown.language);
    int row = telling;
    for (const std::string& line : wrapped(sentence, size.columns)) {
        if (row < size.rows - 2) grid.put(row++, 0, size.columns, line, Look::marked);
    }
    grid.put(size.rows - 2, 0, size.columns, where_we_are(recording, timeline, shown), Look::plain);
    grid.fill(size.rows - 1, 0, size.columns, Look::bar);
    grid.put(size.rows - 1, 0, size.columns, shown.footer, Look::bar);
    return grid;
}

}  // namespace stepwise::trace
