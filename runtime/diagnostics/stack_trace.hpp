// The machine stack in words: function, file and line, with what the compiler has put inline told apart.
//
// Lines need libdw (elfutils) when the project is built, and debug information in the program; without them a frame is
// what the dynamic linker knows. Slow, for reports only. Any thread.
#pragma once

#include <stepwise/runtime/timer_queue.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::detail {

struct StackFrame {
    enum class Of { program, runtime, system };  // the last: the C and C++ libraries, installed headers

    std::string function;  // without its namespace's marks, return type and arguments
    std::string file;      // as short_path gives it; empty: not known
    int line = 0;
    Of of = Of::system;
};

inline constexpr std::size_t stack_frames_max = 64;

// Of this thread, innermost first, without this call itself.
std::vector<void*> capture_stack();
// Safe in a signal handler once capture_stack() has run in the process. Returns how many.
std::size_t capture_stack(std::span<void*> to) noexcept;

// How a source file is told: from the folder in which the program runs, or as the compiler was given it without the
// "../" that lead out of a build folder. Both can be opened from the source's root.
std::string short_path(std::string_view file);

std::vector<StackFrame> symbolize(std::span<void* const> addresses);
// "server.cpp:12, in serve(int)"; empty where it is not known.
std::string text_of(const StackFrame& frame);
// The innermost frame of the program itself; empty if none has a known line. `but_for`: a function that is left out if
// it is that frame.
std::string first_place_of_program(std::span<void* const> addresses, std::string_view but_for = {});

// While one lives, this thread works for a report: that is no step of the program, whose time it would be.
class Telling {
public:
    Telling() noexcept;
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;
    ~Telling();

    static bool now() noexcept;
    // What this thread has spent on reports so far.
    static Duration spent() noexcept;

private:
    TimePoint began_;
};

}  // namespace stepwise::detail
