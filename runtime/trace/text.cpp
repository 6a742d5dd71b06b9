#include <stepwise/runtime/trace/shapes.hpp>
#include <stepwise/runtime/trace/text.hpp>

#include <fmt/format.h>

#include <iterator>

namespace stepwise::trace {

namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char byte : text) {
        auto value = static_cast<unsigned char>(byte);
        if (byte == '"' || byte == '\\') {
            out += '\\';
            out += byte;
        } else if (value < 0x20 || value == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", value);
        } else {
            out += byte;
        }
    }
    return out + '"';
}

std::string_view file_name(std::string_view path) noexcept {
    return path.substr(path.find_last_of('/') + 1);
}

std::string place_of(const Reader& reader, std::uint32_t at) {
    Source source = reader.source(at);
    return source.line == 0 ? std::string() : fmt::format("{}:{}", file_name(source.file), source.line);
}

// Words and strings go between quotes in JSON.
struct Value {
    std::string text;
    bool is_text = false;
};

Value value_of(const Reader& reader, Meaning meaning, std::int64_t value) {
    switch (meaning) {
        case Meaning::string:
            return {std::string(reader.string(static_cast<std::uint64_t>(value))), true};
        case Meaning::hash:
        case Meaning::address:
            return {fmt::format("{:016x}", static_cast<std::uint64_t>(value)), true};
        case Meaning::boolean:
            return {value != 0 ? "true" : "false"};
        default:
            break;
    }
    std::string_view word = word_of(meaning, static_cast<std::uint64_t>(value));
    return word.empty() ? Value{std::to_string(value)} : Value{std::string(word), true};
}

// Calls `with(name, value, meaning)` for each field that the kind has.
template <class With>
void each_field(const Reader& reader, const Record& record, With with) {
    const Shape& shape = shape_of(record.kind);
    auto tell = [&](const Field& field, std::int64_t value) {
        bool absent = field.meaning == Meaning::none || (field.meaning == Meaning::object && value == 0) ||
                      (field.meaning == Meaning::string && value == 0);
        if (!absent) with(field.name, value_of(reader, field.meaning, value), field.meaning);
    };
    tell(shape.detail, record.detail);
    tell(shape.other, static_cast<std::int32_t>(record.other));
    tell(shape.a, record.a);
    tell(shape.b, record.b);
}

}  // namespace

std::string header_as_json(const Reader& reader) {
    const Header& header = reader.header();
    return fmt::format(
        R"({{"schema":{},"program":{},"process":{},"loop":{},"reactor":{},"build":{},"seed":{},"own_clock":{}}})",
        header.version, quoted(header.program), header.process, header.loop, quoted(header.reactor),
        quoted(header.build), header.seed, (header.flags & own_clock) != 0);
}

std::string as_json(const Reader& reader, const Record& record) {
    std::string line = fmt::format(R"({{"s":{},"t":{})", record.seq, record.t);
    auto out = std::back_inserter(line);
    if (record.w != 0) fmt::format_to(out, R"(,"w":{})", record.w);
    fmt::format_to(out, R"(,"th":{},"k":"{}")", record.thread, name_of(record.kind));
    if (record.id != 0) fmt::format_to(out, R"(,"id":{})", record.id);
    if (record.by != 0) fmt::format_to(out, R"(,"by":{})", record.by);
    if (Source source = reader.source(record.at); source.line != 0) {
        fmt::format_to(out, R"(,"at":{},"in":{})", quoted(fmt::format("{}:{}", source.file, source.line)),
                       quoted(source.function));
    }
    each_field(reader, record, [&](std::string_view name, const Value& value, Meaning) {
        fmt::format_to(out, R"(,"{}":{})", name, value.is_text ? quoted(value.text) : value.text);
    });
    return line + "}";
}

std::string as_text(const Reader& reader, const Record& record) {
    std::string line =
        fmt::format("{:6}  {:12.6f}  {}", record.seq, static_cast<double>(record.t) / 1e9, name_of(record.kind));
    auto out = std::back_inserter(line);
    if (record.id != 0) fmt::format_to(out, " #{}", record.id);
    each_field(reader, record, [&](std::string_view name, const Value& value, Meaning meaning) {
        fmt::format_to(out, " {}={}{}", name, meaning == Meaning::object ? "#" : "", value.text);
    });
    if (std::string place = place_of(reader, record.at); !place.empty()) fmt::format_to(out, "  at {}", place);
    if (record.by != 0) fmt::format_to(out, "  by {}", record.by);
    return line;
}

}  // namespace stepwise::trace
