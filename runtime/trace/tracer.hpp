// A loop's tracer: turns what the core tells it into records, and knows which number each object has and what caused
// what will happen to it.
//
// It follows objects by their address, from the hook that begins them to the one that ends them; nothing is added to
// them. It allocates when it is made and never again. The loop's thread.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/trace/gate.hpp>
#include <stepwise/runtime/trace/object_table.hpp>
#include <stepwise/runtime/trace/record.hpp>
#include <stepwise/runtime/trace/sink.hpp>
#include <stepwise/runtime/trace/trace.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

namespace stepwise::trace {

// Of a node that another thread has pushed (Entry::other): it is not in the ready queue yet, and `cause` is that push.
inline constexpr std::uint32_t told_ahead = 2;

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
    static constexpr std::uint64_t snap_every = 256;
    static constexpr std::uint64_t snap_every_large = 65536;
    static constexpr std::uint32_t snap_objects_max = 4096;
    static constexpr std::size_t foreign_max = 1024;

    struct Wishes {
        bool held = false;      // by its listener, from the start
        bool payloads = false;  // the beginnings of messages, too
    };

    Tracer(EventLoop& loop, std::unique_ptr<Sink> sink, std::int64_t wall_offset, Wishes wishes);
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

    // Between two handles: `next` will run. A snap, a keyframe, the gate.
    void between(const ReadyNode& next) noexcept;
    // A phase begins, or a turn.
    void edge(bool of_turn) noexcept;

    // On any thread: kept until take_foreign writes it.
    void told_elsewhere(Kind kind, const ReadyNode& node) noexcept;
    void take_foreign() noexcept;

    bool records_payloads() const noexcept { return wishes_.payloads; }

    // A good moment to hand over what there is.
    void offer() noexcept;
    // In the child of a fork.
    void abandon() noexcept;

    EventLoop& loop() const noexcept { return loop_; }
    std::int64_t turns = 0;

private:
    friend class Tracers;

    // What another thread told.
    struct Foreign {
        Kind kind;
        std::uint16_t thread;
        std::int64_t t;
        const ReadyNode* node;
        std::uint64_t by;  // of the loop's own thread
    };

    Record* next_record() noexcept;
    // The one that was just written with this number; nullptr: it was dropped.
    Record* last_record(std::uint64_t seq) noexcept {
        return filled_ > 0 && window_[filled_ - 1].seq == seq ? &window_[filled_ - 1] : nullptr;
    }
    void take_told(const Foreign& told) noexcept;
    void snap(const ReadyNode& next) noexcept;
    void keyframe(const ReadyNode& next) noexcept;
    void go_on_after_drop() noexcept;
    void pass(Gate::Edge edge) noexcept;
    void hold() noexcept;
    bool read_commands(int wait_ms) noexcept;
    void obey_input() noexcept;
    void look_for_line(std::uint32_t source, const char* file, unsigned line) noexcept;
    void look_for_known_line() noexcept;
    void write_string(std::uint32_t id, std::string_view text) noexcept;

    EventLoop& loop_;
    std::unique_ptr<Sink> sink_;
    std::span<Record> window_;
    std::size_t filled_ = 0;
    std::int64_t wall_offset_;
    const bool has_own_clock_;
    std::uint64_t seq_ = 0;
    std::uint64_t cause_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint32_t asked_at_ = 0;
    std::uint32_t last_id_ = 0;
    std::uint32_t last_string_ = 0;
    std::uint32_t last_source_ = 0;
    ObjectTable objects_{objects_max};
    ObjectTable names_{names_max};
    Wishes wishes_;
    std::uint64_t next_snap_ = snap_every;
    std::uint64_t unfollowed_ = 0;
    std::uint64_t dropped_in_all_ = 0;
    bool keyframe_due_ = false;
    std::unique_ptr<Gate> gate_;  // none, but with a listener
    std::optional<HeldClock> held_clock_;
    Clock* loop_clock_;
    int edges_until_look_ = 0;
    // Places by number, for `until line`.
    struct KnownPlace {
        const char* file = nullptr;
        unsigned line = 0;
    };
    std::unique_ptr<KnownPlace[]> places_;
    std::mutex foreign_mutex_;
    std::unique_ptr<Foreign[]> foreign_{new Foreign[foreign_max]};
    std::size_t foreign_count_ = 0;
    std::uint64_t foreign_lost_ = 0;
    Tracer* next_ = nullptr;  // of this thread's, the one before
};

}  // namespace stepwise::trace
