// Where a tracer's records go. A window of memory that the tracer fills, handed over and replaced when it is full.
//
// file: the window is the file itself, mapped: whatever was written when the program crashes is in it. unix: the window
// is sent before the loop waits and when it is full; while nobody takes it, it stays full, and the tracer counts what
// it drops. A failure is told once, on stderr, and ends the trace, never the program. The loop's thread.
#pragma once

#include <stepwise/runtime/trace/record.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace stepwise::trace {

class Sink {
public:
    Sink() noexcept = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    // The first `filled` records of the window are written: the room for the next ones, empty if there is none now.
    virtual std::span<Record> next_window(std::size_t filled) noexcept = 0;
    // A good moment to hand over what there is. Changes both where it does.
    virtual void offer(std::span<Record>&, std::size_t&) noexcept {}
    // The last call: `filled` records of the window stand.
    virtual void finish(std::size_t filled) noexcept = 0;
    // In the child of a fork: lets go without a trace.
    virtual void forget() noexcept = 0;
    // Where a listener's commands come from; -1: there are none.
    virtual int descriptor() const noexcept { return -1; }
    // Nobody listens any more, or what comes from there is no command: the end of the trace.
    virtual void listener_left(const char*) noexcept {}
    // It has failed, and was told of.
    bool failed() const noexcept { return failed_; }

protected:
    // One line: "stepwise: the trace to PATH ends: WHY; the program runs on".
    void fail(const char* path, const char* why) noexcept;

private:
    bool failed_ = false;
};

// nullptr, and one line on stderr, if it cannot be opened.
std::unique_ptr<Sink> open_file(const char* path, const Header& header) noexcept;
std::unique_ptr<Sink> open_socket(const char* path, const Header& header) noexcept;

}  // namespace stepwise::trace
