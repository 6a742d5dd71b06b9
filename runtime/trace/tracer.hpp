// A loop's tracer: turns what the core tells it into records, and knows which number each object has and what caused
// what will happen to it.
//
// It follows objects by their address, from the hook that begins them to the one that ends them; nothing is added to
// them. It allocates when it is made and never again. The loop's thread.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/trace/object_table.hpp>
#include <stepwise/runtime/trace/record.hpp>
#include <stepwise/runtime/trace/sink.hpp>
#include <stepwise/runtime/trace/trace.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace stepwise::trace {

class Tracer {
public:
    // What an event has besides its number, time, thread and cause.
    struct Fields {
        std::uint32_t id = 0;
        std::uint32_t at = 0;
        std::uint8_t detail = 0;
        std::uint32_t other = 0;
        std::int64_t a = 0;
        std::int64_t b = 0;
    };
    using Entry = ObjectTable::Entry;

    static constexpr std::size_t objects_max = std::size_t{1} << 17;
    static constexpr std::size_t names_max = std::size_t{1} << 15;
    static constexpr std::size_t string_bytes_max = 1024;

    Tracer(EventLoop& loop, std::unique_ptr<Sink> sink, std::int64_t wall_offset);
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;
    ~Tracer();

    // Writes an event, and gives its number.
    std::uint64_t add(Kind kind, const Fields& fields) noexcept { return add_by(cause_, kind, fields); }
    std::uint64_t add_by(std::uint64_t by, Kind kind, const Fields& fields) noexcept;
    std::uint64_t last() const noexcept { return seq_; }
    std::uint64_t cause() const noexcept { return cause_; }
    std::uint64_t cause_is(std::uint64_t seq) noexcept { return std::exchange(cause_, seq); }

    // The number of a string, or of a place in the source; 0 if it can't be told.
    std::uint32_t string(std::string_view text) noexcept;
    // `text` is the program's for good, so that its address tells it.
    std::uint32_t literal(const char* text) noexcept;
    std::uint32_t source(const std::source_location& place) noexcept;

    // Begins to follow an object. nullptr: too many are followed; its number is 0.
    Entry* follow(Of of, const void* address) noexcept;
    Entry* find(Of of, const void* address) noexcept { return objects_.find(ObjectTable::key_of(of, address)); }
    std::uint32_t id_of(Of of, const void* address) noexcept {
        const Entry* entry = address == nullptr ? nullptr : find(of, address);
        return entry == nullptr ? 0 : entry->id;
    }
    // The same object by another of its addresses.
    Entry* follow_also(Of of, const void* address, std::uint32_t id) noexcept;
    void forget(Of of, const void* address) noexcept {
        if (Entry* entry = find(of, address)) objects_.erase(*entry);
    }
    void forget(Entry& entry) noexcept { objects_.erase(entry); }

    void ask_at(std::uint32_t at) noexcept { asked_at_ = at; }
    std::uint32_t take_asked_at() noexcept { return std::exchange(asked_at_, 0); }

    // A good moment to hand over what there is.
    void offer() noexcept;
    // In the child of a fork.
    void abandon() noexcept;

    EventLoop& loop() const noexcept { return loop_; }
    std::int64_t turns = 0;

private:
    friend class Tracers;

    Record* next_record() noexcept;
    void write_string(std::uint32_t id, std::string_view text) noexcept;

    EventLoop& loop_;
    std::unique_ptr<Sink> sink_;
    std::span<Record> window_;
    std::size_t filled_ = 0;
    std::int64_t wall_offset_;
    std::uint64_t seq_ = 0;
    std::uint64_t cause_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint32_t asked_at_ = 0;
    std::uint32_t last_id_ = 0;
    std::uint32_t last_string_ = 0;
    std::uint32_t last_source_ = 0;
    ObjectTable objects_{objects_max};
    ObjectTable names_{names_max};
    Tracer* next_ = nullptr;  // of this thread's, the one before
};

}  // namespace stepwise::trace
