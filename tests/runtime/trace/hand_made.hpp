// Small traces made by hand: the bytes that a tracer would write, so that what shows them is tested without a run.
#pragma once

#include <stepwise/runtime/trace/tools/recording.hpp>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace trace_test {

using namespace stepwise::trace;

// What is not said is 0.
struct Made {
    std::uint64_t by = 0;
    std::uint32_t id = 0;
    std::uint32_t at = 0;
    Kind kind = Kind::note;
    std::uint8_t detail = 0;
    std::uint16_t thread = 0;
    std::uint32_t other = 0;
    std::int64_t a = 0;
    std::int64_t b = 0;
};

class HandMade {
public:
    explicit HandMade(std::string_view program = "story") {
        Header header{};
        std::memcpy(header.magic, magic_bytes, sizeof magic_bytes);
        header.version = schema_version;
        header.header_bytes = sizeof(Header);
        header.record_bytes = sizeof(Record);
        header.flags = own_clock;
        header.loop = 1;
        std::memcpy(header.reactor, "epoll", 5);
        program.copy(header.program, sizeof header.program - 1);
        append(&header, sizeof header);
    }

    std::uint32_t string(std::string_view text) {
        Record record{};
        record.kind = Kind::string;
        record.id = ++strings_;
        record.a = static_cast<std::int64_t>(text.size());
        append(&record, sizeof record);
        bytes_.insert(bytes_.end(), text.begin(), text.end());
        bytes_.resize(bytes_.size() + (sizeof record - text.size() % sizeof record) % sizeof record);
        return strings_;
    }
    std::uint32_t source(std::string_view file, std::string_view function, unsigned line) {
        Record record{};
        record.kind = Kind::source;
        record.a = string(file);
        record.b = string(function);
        record.id = ++sources_;
        record.other = line;
        append(&record, sizeof record);
        return sources_;
    }
    // The number of the event. Each comes a millisecond after the one before.
    std::uint64_t add(const Made& made) {
        std::int64_t time = static_cast<std::int64_t>(++seq_) * 1'000'000;
        Record event{seq_,      time,        0,           made.by,    made.id, made.at,
                     made.kind, made.detail, made.thread, made.other, made.a,  made.b};
        append(&event, sizeof event);
        return seq_;
    }

    const std::vector<char>& bytes() const noexcept { return bytes_; }
    Recording recording() const {
        Recording made;
        made.receive_data(bytes_);
        made.receive_end();
        return made;
    }

private:
    void append(const void* from, std::size_t count) {
        const char* first = static_cast<const char*>(from);
        bytes_.insert(bytes_.end(), first, first + count);
    }

    std::vector<char> bytes_;
    std::uint32_t strings_ = 0;
    std::uint32_t sources_ = 0;
    std::uint64_t seq_ = 0;
};

// A task that sleeps once: 14 events.
inline HandMade one_sleep(std::string_view name = "") {
    HandMade made;
    std::uint32_t at = made.source("../demos/nap.cpp", "stepwise::Coro<void> {anonymous}::nap(int)", 12);
    std::uint32_t sleep = made.string("sleep");
    made.add({.id = 1, .kind = Kind::task_new, .other = 1});          // 1
    made.add({.id = 2, .at = at, .kind = Kind::frame_call, .a = 1});  // 2
    if (!name.empty()) made.add({.id = 1, .kind = Kind::task_name, .a = made.string(name)});
    std::uint64_t pushed = made.add({.id = 1, .kind = Kind::ready_push, .detail = 1});
    std::uint64_t turn = made.add({.kind = Kind::turn_begin, .a = 1});
    std::uint64_t run = made.add({.by = pushed, .id = 1, .kind = Kind::run_begin});
    std::uint64_t step = made.add({.by = run, .id = 1, .kind = Kind::step_begin});
    std::uint64_t timer = made.add({.by = step, .id = 3, .kind = Kind::timer_add, .a = 57'000'000});
    made.add({.by = step, .id = 1, .at = at, .kind = Kind::await, .other = sleep});
    made.add({.by = step, .id = 1, .kind = Kind::step_end});
    made.add({.by = run, .id = 1, .kind = Kind::run_end});
    made.add({.by = turn, .kind = Kind::turn_end, .a = 1});
    std::uint64_t fired = made.add({.by = timer, .id = 3, .kind = Kind::timer_fire});
    made.add({.by = fired, .id = 1, .kind = Kind::wakeup});
    made.add({.kind = Kind::loop_end});
    return made;
}

}  // namespace trace_test
