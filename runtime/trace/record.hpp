// The trace as it is written: a header, then records of 64 bytes, in the machine's own byte order.
//
// What a field means for a kind stands in shapes.cpp. Strings and places in the source come before the first record
// that names them, and go by number from 1. A file that ends in zeros, or in the middle of a record, was written by a
// program that crashed. Readers and the tracer share this header; it knows nothing of the runtime.
#pragma once

#include <cstdint>
#include <string_view>

namespace stepwise::trace {

// Grows with every change of what is written.
inline constexpr std::uint32_t schema_version = 1;

enum class Kind : std::uint8_t {
    nothing,  // never written
    // The stream's own, without a number:
    string,  // id; a: bytes, which follow in as many whole records as they fill
    source,  // id; a: file, b: function (strings); other: line; thread: column
    // loop
    turn_begin,
    turn_end,
    phase,
    select_enter,
    select_exit,
    wake,
    // handle
    ready_push,
    run_begin,
    run_end,
    handle_cancel,
    // timer
    timer_add,
    timer_fire,
    timer_cancel,
    // io
    watch,
    unwatch,
    ready,
    sqe,
    cqe,
    // future
    future_new,
    callback_add,
    future_done,
    future_retrieved,
    future_drop,
    // task
    task_new,
    task_name,
    step_begin,
    step_end,
    await,
    wakeup,
    cancel_request,
    task_done,
    // frame
    frame_call,
    frame_return,
    // thread
    job_submit,
    job_start,
    job_end,
    threadsafe_push,
    // net
    bytes,
    pause,
    resume,
    ws_frame,
    ws_close,
    // lint
    lint_raise,
    // meta
    snap,
    dropped,
    keyframe_begin,
    keyframe_end,
    payload,
    note,
    held,
    loop_end,
    kinds,  // how many
};

struct Record {
    std::uint64_t seq;  // from 1, without a gap but for those that were dropped; 0: the stream's own
    std::int64_t t;     // the loop's clock, ns
    std::int64_t w;     // the wall's, ns since 1970; 0 where the loop has a clock of its own
    std::uint64_t by;   // the event that caused it, or 0
    std::uint32_t id;   // the object it is about: one row of numbers for all kinds of objects
    std::uint32_t at;   // a source, or 0
    Kind kind;
    std::uint8_t detail;
    std::uint16_t thread;  // 0: the loop's own
    std::uint32_t other;
    std::int64_t a;
    std::int64_t b;
};
static_assert(sizeof(Record) == 64);

// Record::thread of the first, second, … thread that is not the loop's own; those behind the last number share it.
constexpr std::uint16_t thread_number_of(std::uint64_t nth) noexcept {
    return nth < UINT16_MAX ? static_cast<std::uint16_t>(nth) : UINT16_MAX;
}

struct Header {
    char magic[16];
    std::uint32_t version;
    std::uint32_t header_bytes;
    std::uint32_t record_bytes;
    std::uint32_t process;  // 0 where the loop has a clock of its own: the same run gives the same bytes
    std::uint32_t loop;     // counts the loops that are traced to one place, from 1
    std::uint32_t flags;
    std::int64_t wall_offset;  // w - t, before the loop was first held
    std::uint64_t seed;
    char reactor[16];
    char build[24];
    char program[32];
};
static_assert(sizeof(Header) == 128);

inline constexpr char magic_bytes[16] = "stepwise trace\n";
inline constexpr std::uint32_t own_clock = 1;  // a flag: the loop's clock is not the machine's

// What a handle is (ready_push.detail).
enum class HandleOf : std::uint8_t { call, task_step, before_poll };
// How a step ended (step_end.detail).
enum class StepEnd : std::uint8_t { suspended, yielded, returned };
// How a frame ended (frame_return.detail).
enum class FrameEnd : std::uint8_t { returned, destroyed };
// Who woke the loop (wake.detail).
enum class WakeSource : std::uint8_t { thread, signal };

// "run.begin"; static storage.
std::string_view name_of(Kind kind) noexcept;

}  // namespace stepwise::trace
