#include <stepwise/tests/net/http/support.hpp>

#include <fmt/format.h>
#include <cstdlib>
#include <new>

namespace {

std::size_t allocations = 0;
std::size_t bytes_of_allocations = 0;

void* counted_allocation(std::size_t size) {
    ++allocations;
    bytes_of_allocations += size;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
    return counted_allocation(size);
}
void* operator new[](std::size_t size) {
    return counted_allocation(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace stepwise::http::test {

namespace {

std::string describe_head(const RequestHead& head) {
    std::string text =
        fmt::format("head({} {} {} {}", head.method(), head.target(),
                    head.version() == Version::http_1_1 ? "1.1" : "1.0", head.keep_alive() ? "keep-alive" : "close");
    if (head.content_length()) text += fmt::format(" length {}", *head.content_length());
    if (head.chunked()) text += " chunked";
    if (head.expect_continue()) text += " expects continue";
    return text + "; " + describe_fields(head.headers()) + ")";
}

}  // namespace

std::string describe_fields(const HeaderFields& fields) {
    std::string text;
    for (const HeaderField field : fields) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", field.name, field.value);
    }
    return text;
}

std::string describe(const net::ProtocolError& error) {
    return fmt::format("error({} {}: {})", error.code, error.section, error.message);
}

std::string describe(const Event& event) {
    if (const auto* start = std::get_if<StartOfMessage>(&event)) return describe_head(*start->head);
    if (const auto* data = std::get_if<BodyData>(&event)) return fmt::format("body({})", data->bytes);
    if (const auto* end = std::get_if<EndOfMessage>(&event)) {
        return end->trailers->empty() ? "end" : fmt::format("end({})", describe_fields(*end->trailers));
    }
    if (const auto* error = std::get_if<net::ProtocolError>(&event)) return describe(*error);
    return "need more";
}

namespace {

// False after an error.
bool add_events(RequestParser& parser, Transcript& transcript) {
    for (Event event = parser.next_event(); !std::holds_alternative<NeedMore>(event); event = parser.next_event()) {
        if (const auto* data = std::get_if<BodyData>(&event)) {
            transcript.add_body(data->bytes);
            continue;
        }
        transcript.add(describe(event));
        if (std::holds_alternative<net::ProtocolError>(event)) return false;
    }
    return true;
}

// The bytes that an error came with are gone.
void check_that_error_stays(RequestParser& parser) {
    const std::string error = describe(parser.next_event());
    CHECK(parser.unconsumed().empty());
    parser.receive_data("GET / HTTP/1.1\r\nHost: later\r\n\r\n");
    CHECK(describe(parser.next_event()) == error);
    CHECK(describe(*parser.receive_eof()) == error);
}

std::string events_of_pieces(const Pieces& pieces, const ParserLimits& limits, bool and_ends) {
    RequestParser parser(limits);
    Transcript transcript;
    bool is_open = true;
    for (std::size_t index = 0; index < pieces.size() && is_open; ++index) {
        const ShortLived bytes(pieces[index]);
        parser.receive_data(bytes.view());
        is_open = add_events(parser, transcript);
    }
    if (is_open && and_ends) {
        if (const auto error = parser.receive_eof()) {
            transcript.add(describe(*error));
            is_open = false;
        }
    }
    if (!is_open) check_that_error_stays(parser);
    return transcript.text();
}

}  // namespace

std::string events_of(std::string_view bytes, const ParserLimits& limits) {
    return same_however_cut(bytes, [&](const Pieces& pieces) { return events_of_pieces(pieces, limits, false); });
}

std::string events_to_the_end_of(std::string_view bytes) {
    return same_however_cut(bytes, [](const Pieces& pieces) { return events_of_pieces(pieces, {}, true); });
}

net::ProtocolError error_of(std::string_view bytes, const ParserLimits& limits) {
    events_of(bytes, limits);
    RequestParser parser(limits);
    parser.receive_data(bytes);
    for (;;) {
        const Event event = parser.next_event();
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) return *error;
        if (!std::holds_alternative<NeedMore>(event)) continue;
        FAIL_CHECK("no error in: ", bytes.substr(0, 200));
        return {0, "", ""};
    }
}

std::string refusal_of(std::string_view bytes, const ParserLimits& limits) {
    const net::ProtocolError error = error_of(bytes, limits);
    CHECK(!error.message.empty());
    return fmt::format("{} {}", error.code, error.section);
}

std::size_t allocation_count() {
    return allocations;
}
std::size_t allocated_bytes() {
    return bytes_of_allocations;
}

}  // namespace stepwise::http::test
