// The machine stack in words: function, file and line, with what the compiler has put inline told apart.
//
// Lines need libdw (elfutils) when the project is built, and debug information in the program; without them a frame is
// what the dynamic linker knows. Slow, for reports only. Any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::detail {

struct StackFrame {
    std::string function;
    std::string file;  // empty: not known
    int line = 0;
    bool ours = false;  // code of the runtime itself
};

inline constexpr std::size_t stack_frames_max = 64;

// Of this thread, innermost first, without this call itself.
std::vector<void*> capture_stack();
// Safe in a signal handler once capture_stack() has run in the process. Returns how many.
std::size_t capture_stack(std::span<void*> to) noexcept;

std::vector<StackFrame> symbolize(std::span<void* const> addresses);
// "server.cpp:12, in serve(int)"; empty where it is not known.
std::string text_of(const StackFrame& frame);
// The innermost frame that is not the runtime's, nor of a function of that name; empty if none has a known
// line.
std::string first_place_of_program(std::span<void* const> addresses, std::string_view but_not_in = {});

}  // namespace stepwise::detail
