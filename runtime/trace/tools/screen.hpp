// The panels of the stepper, drawn for one moment of a timeline: source line, tasks with their call chains, ready
// queue, timers in due order, futures, descriptors, and the sentence.
//
// Draws and keeps the lines of the source files that it has shown; knows no terminal and no keys. One thread.
#pragma once

#include <stepwise/runtime/trace/tools/grid.hpp>
#include <stepwise/runtime/trace/tools/timeline.hpp>

#include <map>
#include <string>
#include <vector>

namespace stepwise::trace {

struct Shown {
    std::string name;       // of the program
    std::string footer;     // keys, a question, or what was wrong with the last key
    std::string how_ended;  // empty: the program runs
    bool runs = false;      // and is not held
    Language language = Language::english;
};

class Screen {
public:
    static constexpr Size size_min{60, 16};

    // `folders`: where the files that a trace names are looked for.
    explicit Screen(std::vector<std::string> folders) : folders_(std::move(folders)) {}

    Grid draw(const Recording& recording, const Timeline& timeline, const Shown& shown, Size size);

private:
    const std::vector<std::string>& lines_of(std::string_view file);
    void draw_source(Grid& grid, const Recording& recording, const Timeline& timeline, int row, int end);

    std::vector<std::string> folders_;
    std::map<std::string, std::vector<std::string>, std::less<>> files_;
};

// The folder of a program, and those above it: a compiler's relative paths begin at one of them.
std::vector<std::string> folders_above(const std::string& program);

}  // namespace stepwise::trace
