// A trace that is kept, to be looked at in any order: its events, and who is who in them.
//
// Grows as bytes arrive, from a file or from a program that runs. Keeps at most `events_max` events, and says that it
// stopped there. One thread.
#pragma once

#include <stepwise/runtime/trace/reader.hpp>
#include <stepwise/runtime/trace/tools/cast.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace stepwise::trace {

class Recording {
public:
    static constexpr std::size_t events_max = 4'000'000;

    // A whole file, block by block, `-` for standard input. Empty, or why it cannot be read.
    std::string read_file(const std::string& path);
    // It holds all that it may.
    bool is_full() const noexcept { return full_; }
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

// Gives a file to `take` until that is false; a trace may be larger than the memory. Empty, or why it cannot be read.
std::string read_in_blocks(const std::string& path, const std::function<bool(std::span<const char>)>& take);

}  // namespace stepwise::trace
