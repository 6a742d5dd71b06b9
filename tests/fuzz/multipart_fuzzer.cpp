// What anybody may send as a form with files, for http::MultipartParser.
//
// What comes out does not depend on how the bytes were cut; content is part of what was given; the limits hold; an
// error stays; a form that is written from what came out, with a boundary that none of it has, comes out the same.
#include <fmt/format.h>
#include <stepwise/net/http/multipart.hpp>
#include <stepwise/tests/fuzz/support.hpp>
#include <utility>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

constexpr std::string_view boundary = "b";

struct Part {
    std::string name;
    std::optional<std::string> filename;
    std::string content_type;
    std::string content;
    bool operator==(const Part&) const = default;
};

struct Form {
    std::vector<Part> parts;
    bool ended = false;
    std::string error;
    bool operator==(const Form&) const = default;
};

// False: an error was the last event.
bool take(http::MultipartParser& parser, std::string_view lent, Form& form) {
    for (;;) {
        const http::MultipartEvent event = parser.next_event();
        if (std::holds_alternative<http::NeedMore>(event)) return true;
        expect(!form.ended, "nothing follows the form's end");
        if (const auto* start = std::get_if<http::StartOfPart>(&event)) {
            form.parts.push_back({start->name, start->filename, start->content_type, {}});
        } else if (const auto* data = std::get_if<http::PartData>(&event)) {
            expect(!form.parts.empty() && !data->bytes.empty(), "content belongs to a part");
            form.parts.back().content += data->bytes;
        } else if (std::holds_alternative<http::EndOfForm>(event)) {
            form.ended = true;
        } else if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            form.error = fmt::format("{} {} {}", error->code, error->section, error->message);
            expect(error->code >= 400 && error->code < 500, "an error is the peer's", form.error);
            expect(std::get<net::ProtocolError>(parser.next_event()).message == error->message, "an error stays", lent);
            return false;
        }
    }
}

Form parse(const Pieces& pieces, const http::MultipartLimits& limits, std::string_view with_boundary = boundary) {
    http::MultipartParser parser(with_boundary, limits);
    Form form;
    for (const std::string_view piece : pieces) {
        const LentBytes lent(piece);
        parser.receive_data(lent.view());
        if (!take(parser, lent.view(), form)) return form;
    }
    const std::optional<net::ProtocolError> cut = parser.receive_eof();
    expect(cut.has_value() != form.ended, "a form that has not ended is cut, and no other");
    return form;
}

void check_names(const Form& form) {
    for (const Part& part : form.parts) {
        const std::string name = http::base_name_of(part.filename.value_or(""));
        expect(name.find_first_of("/\\\0\r\n") == std::string::npos, "a file's name leads out of no folder", name);
        expect(name != "." && name != ".." && name.size() <= 255, "a file's name is one", name);
    }
}

std::string quoted(std::string_view text) {
    std::string all = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') all += '\\';
        all += c;
    }
    return all + '"';
}

void check_round_trip(const Form& form, std::string_view given) {
    const std::string other = "another-boundary";
    if (!form.ended || given.find(other) != std::string_view::npos) return;
    std::string body;
    for (const Part& part : form.parts) {
        body += fmt::format("--{}\r\nContent-Disposition: form-data; name={}", other, quoted(part.name));
        if (part.filename) body += "; filename=" + quoted(*part.filename);
        body += fmt::format("\r\nContent-Type: {}\r\n\r\n{}\r\n", part.content_type, part.content);
    }
    body += fmt::format("--{}--", other);
    http::MultipartLimits limits;
    limits.part_header_bytes_max = 1 << 20;
    expect(parse({body}, limits, other) == form, "what is written again comes out again", body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    http::MultipartLimits limits;
    limits.parts_max = 1U + input.choices[0] % 8U;
    limits.part_bytes_max = 1U + input.choices[1];
    const Form whole = parse({input.bytes}, limits);
    for (const Pieces& pieces : ways_to_cut(input)) {
        Form cut = parse(pieces, limits);
        // How much of a part's content comes before the error that it is too much depends on the pieces.
        if (!whole.error.empty() && !cut.parts.empty() && cut.parts.size() == whole.parts.size()) {
            cut.parts.back().content = whole.parts.back().content;
        }
        expect(cut == whole, "what comes out does not depend on how the bytes were cut", input.bytes);
    }
    expect(whole.parts.size() <= limits.parts_max, "the limit of parts holds");
    for (const Part& part : whole.parts)
        expect(part.content.size() <= limits.part_bytes_max, "the limit of bytes holds");
    check_names(whole);
    check_round_trip(whole, input.bytes);
    return 0;
}
