// What the tasks of a loop are doing: who awaits whom, in which frames, at which lines, and for how long.
//
//     std::fputs(dump_tasks(loop).c_str(), stderr);     // also SIGUSR1, in debug mode
//     log(why_blocked(task));                           // "Task-3 waits for send on descriptor 7, a TCP socket to …"
//
// For how long is known in debug mode only. For people: the wording may change. The loop's thread.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/wait_description.hpp>

#include <string>

namespace stepwise {

// Of all tasks, the oldest first, those that wait for each other as a tree.
std::string dump_tasks(EventLoop& loop);
// Why this one does not go on: what it waits for, where, for how long, and how far those for whom it waits have come.
std::string why_blocked(const TaskBase& task);
template <class T>
std::string why_blocked(const Task<T>& task) {
    return why_blocked(*task.shared_state().as_task());
}

namespace detail {

WaitDescription describe_wait_of(const TaskBase& task);
// "Task-3 waits for Task-4, 1.20 s so far, at server.cpp:12, in serve(); made at server.cpp:40"
std::string one_line(EventLoop& loop, const TaskBase& task);

}  // namespace detail

}  // namespace stepwise
