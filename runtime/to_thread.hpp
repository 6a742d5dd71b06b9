// to_thread: runs a function that blocks on a thread of the loop's pool.
//
//     int lines = co_await to_thread(count_lines, path);
//
// Its result, or exception, comes back on the loop. The function and its arguments are moved to that thread: what they
// refer to must live until it has ended and bear being used there. Cancel-safe in that the wait ends at once; a
// function that no thread has begun is never run, one that runs cannot be interrupted: it goes on and its result is
// dropped. LimitError when the pool's queue is full.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

#include <functional>
#include <tuple>
#include <utility>

namespace stepwise {

// Inside a task.
template <class Function, class... Args>
auto to_thread(Function function, Args... args) -> Future<std::invoke_result_t<Function&, Args&&...>> {
    return EventLoop::current().run_in_executor(
        [function = std::move(function), arguments = std::tuple<Args...>(std::move(args)...)]() mutable {
            return std::apply(function, std::move(arguments));
        });
}

}  // namespace stepwise
