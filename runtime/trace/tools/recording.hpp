// A trace that is kept, to be looked at in any order: its events, and who is who in them.
//
// Grows as bytes arrive, from a file or from a program that runs. Keeps at most `events_max` events, and says that it
// stopped there. One thread.
#pragma once

#include <stepwise/runtime/trace/reader.hpp>
#include <stepwise/runtime/trace/tools/cast.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace stepwise::trace {

class Recording {
public:
    static constexpr std::size_t events_max = 4'000'000;

    // Any number of bytes, cut anywhere.
    void receive_data(std::span<const char> bytes);
    void receive_end();

    const Reader& reader() const noexcept { return reader_; }
    const Cast& cast() const noexcept { return cast_; }
    const std::vector<Record>& events() const noexcept { return events_; }
    // By its number; nullptr for 0, and for one that was dropped.
    const Record* find(std::uint64_t seq) const noexcept;
    // Seconds since the first event.
    double seconds(const Record& event) const noexcept;
    // Why there is no more, in words; empty for a whole trace.
    std::string problem() const;

private:
    void take_events();

    Reader reader_;
    Cast cast_;
    std::vector<Record> events_;
    bool full_ = false;
};

}  // namespace stepwise::trace
