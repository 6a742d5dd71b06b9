// In debug mode: through which awaits an exception has come, from the frame that threw it to the last that it ended.
//
//     loop.set_exception_handler([&](const std::exception_ptr& error, std::string_view) {
//         for (const std::string& line : await_chain(error)) log(line);  // "at rows.cpp:12, in read_row(), or …"
//     });
//
// Each frame's place is noted as the exception ends it, so that nothing is read of a frame that is gone. An exception
// that a task ends with takes its chain along to the task that awaits it. A loop keeps the last few exceptions, with
// what they hold, until others come or it ends. The loop's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <vector>

namespace stepwise {

class TaskBase;
struct CallFrame;

// A line for each frame, the innermost first. Empty where no loop runs, outside of debug mode, and for an exception
// that has ended no frame, or after which many others have.
std::vector<std::string> await_chain(const std::exception_ptr& error);

namespace detail {

class AwaitChains {
public:
    static constexpr std::size_t chains_max = 16;
    // Of a chain, the innermost; of the others it is told how many.
    static constexpr std::size_t places_max = 30;

    void add(const CallFrame& frame, const std::exception_ptr& error);
    // As it came to this task, if it did; else to the task that it came to last.
    std::vector<std::string> lines(const std::exception_ptr& error, const TaskBase* task) const;

private:
    // What one exception has gone through until it came to, and in, one task.
    struct Chain {
        std::exception_ptr error;
        std::uint32_t task_id = 0;
        const CallFrame* next = nullptr;  // whom it comes to now, not to be read; none: it has ended the task
        std::vector<std::source_location> places;
        std::size_t more = 0;
        std::size_t inherited = 0;  // of the places: from the task that it ended before
    };

    Chain& chain_for(const CallFrame& frame, const std::exception_ptr& error);

    std::array<Chain, chains_max> chains_;  // a ring
    std::size_t begun_ = 0;
};

}  // namespace detail

}  // namespace stepwise
