// A terminal that gives keys one by one and shows screens; it is as before when this ends, also by Ctrl-C or a crash
// of what is shown.
//
// Signals that would end the process become the key `interrupted`. One at a time. The thread that made it.
#pragma once

#include <stepwise/runtime/trace/tools/grid.hpp>

#include <termios.h>

#include <string>

namespace stepwise::trace {

enum class Key : std::uint8_t { none, letter, enter, escape, erase, left, right, home, end, resized, interrupted };

struct Pressed {
    Key key = Key::none;
    char letter = 0;
};

class Terminal {
public:
    // Whether both standard input and output are terminals.
    static bool is_there() noexcept;

    Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();

    Size size() const noexcept;
    void show(const Grid& grid);
    // Waits for at most so long: `none` then.
    Pressed next_key(int timeout_ms);

private:
    Pressed read_key();
    static void write_all(const std::string& text) noexcept;

    termios before_{};
    bool ended_ = false;
};

}  // namespace stepwise::trace
