#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/multipart.hpp>
#include <stepwise/net/http/parameters.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace stepwise::http {

namespace {

constexpr std::string_view boundary_section = "RFC 2046 §5.1.1";
constexpr std::string_view form_section = "RFC 7578 §4.2";
constexpr std::size_t boundary_bytes_max = 70;
constexpr std::string_view boundary_signs = "'()+_,-./:=? ";

bool is_boundary(std::string_view text) {
    const bool has_only_allowed = std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter(c) || is_digit(c) || boundary_signs.find(c) != std::string_view::npos;
    });
    return has_only_allowed && !text.empty() && text.size() <= boundary_bytes_max && text.back() != ' ';
}

// Where `delimiter`, or a beginning of it that reaches the end of `bytes`, is found first; bytes.size() if nowhere.
std::size_t find_possible(std::string_view bytes, std::string_view delimiter) {
    for (std::size_t at = bytes.find('\r'); at != std::string_view::npos; at = bytes.find('\r', at + 1)) {
        const std::string_view there = bytes.substr(at, delimiter.size());
        if (delimiter.starts_with(there)) return at;
    }
    return bytes.size();
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
    if (!has_media_type(content_type, "multipart/form-data")) return std::nullopt;
    std::optional<std::string> boundary = find_parameter(content_type, "boundary");
    if (!boundary || !is_boundary(*boundary)) return std::nullopt;
    return boundary;
}

std::string base_name_of(std::string_view filename, std::size_t name_bytes_max) {
    filename.remove_prefix(filename.find_last_of("/\\") + 1);  // npos + 1 is 0
    std::string name;
    for (const char c : filename) {
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) name += c;
    }
    if (name.size() > name_bytes_max) {
        std::size_t end = name_bytes_max;
        while (end > 0 && (name[end] & 0xc0) == 0x80) --end;  // no part of a character
        name.resize(end);
    }
    return name == "." || name == ".." ? std::string() : name;
}

MultipartParser::MultipartParser(std::string_view boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits) {
    if (!is_boundary(boundary)) throw std::invalid_argument("this boundary is none: RFC 2046 §5.1.1");
}

MultipartEvent MultipartParser::next_event() {
    for (;;) {
        std::optional<MultipartEvent> event;
        switch (step_) {
            case Step::preamble:
                event = skip_preamble();
                break;
            case Step::delimiter:
                event = next_delimiter();
                break;
            case Step::header:
                event = next_header();
                break;
            case Step::data:
                event = next_data();
                break;
            case Step::end_of_part:
                step_ = Step::delimiter;
                return EndOfPart();
            case Step::over:
                return NeedMore();
            case Step::failed:
                return *error_;
        }
        if (event) return std::move(*event);
    }
}

std::optional<net::ProtocolError> MultipartParser::receive_eof() {
    if (step_ == Step::over) return std::nullopt;
    if (step_ != Step::failed) fail_with(400, boundary_section, "the body ended before the form's last boundary");
    return *error_;
}

MultipartEvent MultipartParser::need_more() {
    input_.keep();
    return NeedMore();
}

MultipartEvent MultipartParser::fail_with(int status, std::string_view section, std::string message) {
    if (!error_) fail(error_, status, section, std::move(message));
    step_ = Step::failed;
    input_.forget();
    return *error_;
}

// The first boundary may stand at the very begin, without the line end that is part of all others.
std::optional<MultipartEvent> MultipartParser::skip_preamble() {
    const std::string_view bytes = input_.view();
    const std::string_view first = std::string_view(delimiter_).substr(2);
    if (skipped_ == 0 && first.starts_with(bytes.substr(0, first.size()))) {
        if (bytes.size() < first.size()) return need_more();
        input_.consume(first.size());
        step_ = Step::delimiter;
        return std::nullopt;
    }
    const std::size_t at = find_possible(bytes, delimiter_);
    skipped_ += at;
    if (skipped_ > limits_.preamble_bytes_max) {
        return fail_with(400, boundary_section,
                         fmt::format("more than {} bytes before the first boundary (preamble_bytes_max)",
                                     limits_.preamble_bytes_max));
    }
    input_.consume(at);
    if (input_.view().size() < delimiter_.size()) return need_more();
    input_.consume(delimiter_.size());
    step_ = Step::delimiter;
    return std::nullopt;
}

// Behind a boundary: "--" after the last one, else blanks and the line's end.
std::optional<MultipartEvent> MultipartParser::next_delimiter() {
    const std::string_view bytes = input_.view();
    if (bytes.starts_with("--")) {
        input_.forget();
        step_ = Step::over;
        return EndOfForm();
    }
    if (bytes.empty() || bytes == "-") return need_more();
    const std::size_t blanks = std::min(bytes.find_first_not_of(" \t"), bytes.size());
    if (blanks > limits_.part_header_bytes_max) {
        return fail_with(400, boundary_section, "too many blanks behind a boundary");
    }
    const std::string_view line_end = bytes.substr(blanks, 2);
    if (!std::string_view("\r\n").starts_with(line_end)) {
        return fail_with(400, boundary_section, "a boundary is followed by " + name_of_byte(line_end.front()));
    }
    if (line_end.size() < 2) return need_more();
    if (++parts_ > limits_.parts_max) {
        return fail_with(413, "RFC 9110 §15.5.14", fmt::format("more than {} parts (parts_max)", limits_.parts_max));
    }
    input_.consume(blanks + 2);
    fields_.clear();
    scanner_.start(0);
    step_ = Step::header;
    return std::nullopt;
}

std::optional<MultipartEvent> MultipartParser::next_header() {
    ParserLimits limits;
    limits.header_bytes_max = limits_.part_header_bytes_max;
    limits.header_count_max = limits_.part_header_count_max;
    for (;;) {
        const ScanResult result = scanner_.next(input_.block(), input_.block_size(), limits, error_);
        if (result == ScanResult::item) {
            fields_.add(scanner_.field());
            continue;
        }
        if (result == ScanResult::need_more) return need_more();
        if (result == ScanResult::failed) return fail_with(0, {}, {});
        fields_.set_block(input_.block());
        return start_part(fields_);
    }
}

MultipartEvent MultipartParser::start_part(const HeaderFields& fields) {
    const std::string_view disposition = fields.get("Content-Disposition");
    const bool is_form_data =
        fields.count("Content-Disposition") == 1 && equal_ignoring_case(first_word(disposition), "form-data");
    std::optional<std::string> name = is_form_data ? find_parameter(disposition, "name") : std::nullopt;
    if (!name) {
        return fail_with(400, form_section, "a part has no Content-Disposition: form-data with one name");
    }
    StartOfPart part;
    part.name = std::move(*name);
    part.filename = find_parameter(disposition, "filename");
    part.content_type = fields.get("Content-Type", "text/plain");
    input_.consume(scanner_.position());
    part_bytes_ = 0;
    step_ = Step::data;
    return part;
}

std::optional<MultipartEvent> MultipartParser::next_data() {
    const std::string_view bytes = input_.view();
    const std::size_t size = find_possible(bytes, delimiter_);
    part_bytes_ += size;
    if (part_bytes_ > limits_.part_bytes_max) {
        return fail_with(413, "RFC 9110 §15.5.14",
                         fmt::format("a part has more than {} bytes (part_bytes_max)", limits_.part_bytes_max));
    }
    if (size > 0) {
        input_.consume(size);
        return PartData{bytes.substr(0, size)};
    }
    if (bytes.size() < delimiter_.size()) return need_more();
    input_.consume(delimiter_.size());
    step_ = Step::end_of_part;
    return std::nullopt;
}

}  // namespace stepwise::http
