#include <stepwise/net/http/head_parser.hpp>

#include <fmt/format.h>
#include <stepwise/net/http/characters.hpp>

namespace stepwise::http {

namespace {

Span span_of(std::string_view part, const char* block) {
    if (part.empty()) return {};
    return {static_cast<std::uint32_t>(part.data() - block), static_cast<std::uint32_t>(part.size())};
}

}  // namespace

void HeadParser::start(RequestHead& head) {
    line_.start();
    line_is_done_ = has_host_ = false;
    head.headers_.clear();
    head.framing_ = FramingFields();
    head.expect_continue_ = false;
    head.host_ = {};
}

ScanResult HeadParser::parse(const char* block, std::uint32_t available, const ParserLimits& limits, RequestHead& head,
                             ErrorSlot& error) {
    if (!line_is_done_) {
        const ScanResult line = line_.scan(block, available, limits, error);
        if (line != ScanResult::done) return line;
        if (note_request_line(block, head, error) == ScanResult::failed) return ScanResult::failed;
        line_is_done_ = true;
        fields_.start(line_.position());
    }
    for (;;) {
        const ScanResult field = fields_.next(block, available, limits, error);
        if (field == ScanResult::item) {
            head.headers_.add(fields_.field());
            if (note_field(block, head, error) == ScanResult::failed) return ScanResult::failed;
            continue;
        }
        if (field != ScanResult::done) return field;
        head.block_size_ = size();
        head.set_block(block);
        return finish(limits, head, error);
    }
}

ScanResult HeadParser::note_request_line(const char* block, RequestHead& head, ErrorSlot& error) {
    const std::string_view method = line_.method().in(block);
    const std::string_view target = line_.target().in(block);
    head.method_ = line_.method();
    head.target_ = line_.target();
    head.version_ = line_.version();
    // Most are a path and no more, which was seen on the way.
    if (line_.target_is_plain() && target.front() == '/' && method != "CONNECT") {
        head.target_form_ = TargetForm::origin;
        head.path_ = line_.target();
        head.query_ = head.authority_ = {};
        head.path_has_escapes_ = false;
        return ScanResult::done;
    }
    const std::optional<TargetParts> parts = split_target(method, target);
    if (!parts) {
        return fail(error, 400, "RFC 9112 §3.2",
                    fmt::format("the request target is invalid for {}", method.size() <= 32 ? method : "this method"));
    }
    head.target_form_ = parts->form;
    head.path_ = span_of(parts->path, block);
    head.query_ = span_of(parts->query, block);
    head.authority_ = span_of(parts->authority, block);
    head.path_has_escapes_ = parts->path.find('%') != std::string_view::npos;
    return ScanResult::done;
}

ScanResult HeadParser::note_field(const char* block, RequestHead& head, ErrorSlot& error) {
    const FieldSpan& span = fields_.field();
    const std::string_view name(block + span.name_begin, span.name_size);
    const std::string_view value(block + span.value_begin, span.value_size);
    switch (name.size()) {
        case 4:
            if (equal_ignoring_case(name, "host")) {
                head.host_ = {span.value_begin, span.value_size};
                return note_host(value, head, error);
            }
            break;
        case 6:
            if (equal_ignoring_case(name, "expect") && equal_ignoring_case(value, "100-continue")) {
                head.expect_continue_ = true;
            }
            break;
        default:
            break;
    }
    return head.framing_.note(name, value, line_.version(), error);
}

ScanResult HeadParser::note_host(std::string_view value, RequestHead& head, ErrorSlot& error) {
    if (has_host_) return fail(error, 400, "RFC 9112 §3.2", "more than one Host field");
    if (!is_valid_host(value)) {
        head.host_ = {};
        return fail(error, 400, "RFC 9112 §3.2", "the Host field is not a valid host and port");
    }
    has_host_ = true;
    return ScanResult::done;
}

ScanResult HeadParser::finish(const ParserLimits& limits, RequestHead& head, ErrorSlot& error) const {
    if (!has_host_ && head.version_ == Version::http_1_1) {
        return fail(error, 400, "RFC 9112 §3.2", "an HTTP/1.1 request without a Host field");
    }
    if (head.framing_.finish(error) == ScanResult::failed) return ScanResult::failed;
    if (head.framing_.check_length(limits, error) == ScanResult::failed) return ScanResult::failed;
    if (head.version_ == Version::http_1_0) head.expect_continue_ = false;
    return ScanResult::done;
}

}  // namespace stepwise::http
