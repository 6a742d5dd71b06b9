#include <stepwise/runtime/trace/reader.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace stepwise::trace {

namespace {

// What a tracer writes is far below; a stream that claims more is not one of ours.
constexpr std::int64_t string_bytes_max = 1 << 16;
constexpr std::size_t all_strings_bytes_max = std::size_t{1} << 28;
constexpr std::size_t numbers_max = std::size_t{1} << 22;

std::size_t whole_records(std::int64_t bytes) noexcept {
    return (static_cast<std::size_t>(bytes) + sizeof(Record) - 1) / sizeof(Record) * sizeof(Record);
}

}  // namespace

void Reader::receive_data(std::span<const char> bytes) {
    if (has_ended()) return;
    if (taken_ > input_.size() / 2) {
        input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(taken_));
        taken_ = 0;
    }
    input_.insert(input_.end(), bytes.begin(), bytes.end());
}

Reader::Taken Reader::take(void* to, std::size_t bytes) noexcept {
    if (input_.size() - taken_ < bytes) return Taken::no;
    std::memcpy(to, input_.data() + taken_, bytes);
    taken_ += bytes;
    return Taken::yes;
}

bool Reader::refuse(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
    return false;
}

Reader::Taken Reader::take_header() {
    std::string_view there(input_.data() + taken_, input_.size() - taken_);
    // Told from its first bytes: somebody else's stream may never be long enough.
    std::string_view magic(magic_bytes, sizeof magic_bytes);
    if (there.substr(0, magic.size()) != magic.substr(0, there.size())) {
        refuse("not a trace of Stepwise");
        return Taken::no;
    }
    if (there.size() < sizeof(Header)) {
        if (input_ended_)
            refuse(there.empty() ? "empty: no loop was made, or it was never run" : "cut off in its header");
        return Taken::no;
    }
    take(&header_, sizeof header_);
    if (header_.version != schema_version) {
        refuse(fmt::format("a trace of schema {}: this program reads schema {}", header_.version, schema_version));
    } else if (header_.header_bytes != sizeof(Header) || header_.record_bytes != sizeof(Record)) {
        refuse("a trace from a machine of another kind");
    }
    has_header_ = problem_.empty();
    header_.reactor[sizeof header_.reactor - 1] = '\0';
    header_.build[sizeof header_.build - 1] = '\0';
    header_.program[sizeof header_.program - 1] = '\0';
    return has_header_ ? Taken::yes : Taken::no;
}

Reader::Taken Reader::take_string(const Record& record) {
    if (record.a < 0 || record.a > string_bytes_max || record.id == 0 || record.id > numbers_max) {
        refuse("damaged: a string that cannot be");
        return Taken::no;
    }
    std::size_t padded = whole_records(record.a);
    if (input_.size() - taken_ < padded) return Taken::no;
    string_bytes_ += static_cast<std::size_t>(record.a);
    if (string_bytes_ > all_strings_bytes_max) {
        refuse("damaged: more strings than a tracer makes");
        return Taken::no;
    }
    if (strings_.size() <= record.id) strings_.resize(record.id + std::size_t{1});
    strings_[record.id].assign(input_.data() + taken_, static_cast<std::size_t>(record.a));
    taken_ += padded;
    return Taken::yes;
}

std::optional<Record> Reader::next_event() {
    if (!problem_.empty() || complete_) return std::nullopt;
    if (!has_header_ && take_header() == Taken::no) return std::nullopt;
    for (;;) {
        Record record;
        std::size_t before = taken_;
        const bool is_there = take(&record, sizeof record) == Taken::yes;
        if (!is_there || record.kind == Kind::nothing) {
            stopped_ = is_there;
            taken_ = before;
            if (input_ended_) say_how_it_ended();
            return std::nullopt;
        }
        if (record.kind >= Kind::kinds) {
            refuse(fmt::format("damaged after event {}", last_seq_));
            return std::nullopt;
        }
        if (record.kind == Kind::string) {
            if (take_string(record) == Taken::yes) continue;
            taken_ = before;
            if (input_ended_) say_how_it_ended();
            return std::nullopt;
        }
        if (record.kind == Kind::source) {
            if (record.id == 0 || record.id > numbers_max) {
                refuse("damaged: a place that cannot be");
                return std::nullopt;
            }
            if (sources_.size() <= record.id) sources_.resize(record.id + std::size_t{1});
            sources_[record.id] = SourceRow{static_cast<std::uint64_t>(record.a), static_cast<std::uint64_t>(record.b),
                                            record.other, record.thread};
            continue;
        }
        last_seq_ = record.seq;
        complete_ = record.kind == Kind::loop_end;
        return record;
    }
}

void Reader::say_how_it_ended() {
    refuse(fmt::format("it stops after event {}: the program crashed, was killed, or still runs", last_seq_));
}

std::string_view Reader::string(std::uint64_t id) const noexcept {
    return id < strings_.size() ? std::string_view(strings_[id]) : std::string_view();
}

Source Reader::source(std::uint32_t id) const noexcept {
    if (id >= sources_.size()) return {};
    const SourceRow& row = sources_[id];
    return {string(row.file), string(row.function), row.line, row.column};
}

std::vector<char> read_whole(const std::string& path, std::string& why_not) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"),
                                                         &std::fclose);
    std::vector<char> bytes;
    char block[1 << 16];
    while (file != nullptr && !std::feof(file.get()) && !std::ferror(file.get())) {
        std::size_t count = std::fread(block, 1, sizeof block, file.get());
        bytes.insert(bytes.end(), block, block + count);
    }
    if (file == nullptr || std::ferror(file.get())) why_not = std::strerror(errno);
    return bytes;
}

}  // namespace stepwise::trace
