// Suspension: what a suspended task waits for. The base of every awaiter, in the task's frame while it is suspended.
//
// Its kind says how to end it early and how to tell a reader what it is. One thread.
#pragma once

#include <cstdint>
#include <string>

namespace stepwise {

class FutureBase;
struct Operation;
struct Suspension;
struct Waiter;
struct WaitDescription;

struct WaitKind {
    // Asks it to end early: wakeup() follows, at once or later. Called at most once a suspension.
    void (*cancel)(Suspension&) noexcept = nullptr;
    // Writes what it is, for dump_tasks and why_blocked. nullptr: nothing is known.
    void (*describe)(const Suspension&, WaitDescription&) = nullptr;
    // For those that wait for a future: it is done; or nullptr: it was dropped while pending, and with it all that
    // could finish it.
    void (*told)(Waiter&, FutureBase*) noexcept = nullptr;
    // For the trace: what it is in a word; and the future, or the operation, that it waits for, if it is one.
    const char* name = nullptr;
    const FutureBase* (*future)(const Suspension&) noexcept = nullptr;
    const Operation* (*operation)(const Suspension&) noexcept = nullptr;
};

// For describe: what it waits for, in words; and which task could give it, if one is known to hold it.
void describe_wait(WaitDescription& description, std::string what);
void describe_wait(WaitDescription& description, std::string what, std::uint32_t holder_task_id);

struct Suspension {
    explicit Suspension(const WaitKind& own_kind) noexcept : wait_kind(&own_kind) {}
    Suspension(const Suspension&) = delete;
    Suspension& operator=(const Suspension&) = delete;

    const WaitKind* wait_kind;
};

// One who waits for a future. Unlinked by the future when it is told, or by remove_waiter.
struct Waiter : Suspension {
    using Suspension::Suspension;

    bool linked() const noexcept { return next != nullptr; }

    Waiter* next = nullptr;
    Waiter* previous = nullptr;
};

}  // namespace stepwise
