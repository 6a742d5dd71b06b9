// Reads a trace: bytes in, events out, from a file or as they arrive from a program that runs.
//
// It keeps the strings and the places in the source, gives everything else, and owns what it gives views of. What is
// no trace, or one of another version, is a value that says so. Nothing of the runtime is needed to read. One thread.
#pragma once

#include <stepwise/runtime/trace/record.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::trace {

struct Source {
    std::string_view file;
    std::string_view function;
    unsigned line = 0;
    unsigned column = 0;
};

class Reader {
public:
    // Any number of bytes, cut anywhere. Those behind the end are not kept.
    void receive_data(std::span<const char> bytes);
    // There will be no more.
    void receive_end() noexcept { input_ended_ = true; }

    // The next event; nullopt: more bytes are needed, or there are none, or this is no trace (see problem).
    std::optional<Record> next_event();

    // Not before the first event, or has_header.
    const Header& header() const noexcept { return header_; }
    bool has_header() const noexcept { return has_header_; }
    // Empty for number 0 and for one that never came.
    std::string_view string(std::uint64_t id) const noexcept;
    Source source(std::uint32_t id) const noexcept;

    // What is wrong: "not a trace of Stepwise", "schema 7, this program reads 1" … or, after the end of the input, that
    // it stops short; empty for a whole trace. Nothing comes after it.
    const std::string& problem() const noexcept { return problem_; }
    // The loop told of its own end.
    bool complete() const noexcept { return complete_; }
    // Whatever comes now is not looked at: a file may go on with nothing, for ever.
    bool has_ended() const noexcept { return complete_ || stopped_ || !problem_.empty(); }

private:
    enum class Taken { no, yes };

    Taken take(void* to, std::size_t bytes) noexcept;
    Taken take_header();
    Taken take_string(const Record& record);
    bool refuse(std::string why);
    void say_how_it_ended();

    struct SourceRow {
        std::uint64_t file;
        std::uint64_t function;
        unsigned line;
        unsigned column;
    };

    std::vector<char> input_;
    std::size_t taken_ = 0;
    bool input_ended_ = false;
    bool has_header_ = false;
    bool complete_ = false;
    bool stopped_ = false;  // at the room that a file has left for events
    Header header_{};
    std::uint64_t last_seq_ = 0;
    std::vector<std::string> strings_;
    std::size_t string_bytes_ = 0;
    std::vector<SourceRow> sources_;
    std::string problem_;
};

// The whole file. Empty bytes and a reason if it cannot be read.
std::vector<char> read_whole(const std::string& path, std::string& why_not);

}  // namespace stepwise::trace
