#include <stepwise/tests/net/http/response_support.hpp>

#include <fmt/format.h>

namespace stepwise::http::test {

namespace {

std::string describe_head(const ResponseHead& head) {
    std::string text =
        fmt::format("{} {}{}{} {}", head.status(), head.reason(), head.reason().empty() ? "" : " ",
                    head.version() == Version::http_1_1 ? "1.1" : "1.0", head.keep_alive() ? "keep-alive" : "close");
    if (head.content_length()) text += fmt::format(" length {}", *head.content_length());
    if (head.body_framing() == BodyFraming::chunked) text += " chunked";
    if (head.body_framing() == BodyFraming::until_close) text += " until close";
    if (head.switches_protocol()) text += " switches";
    return text + (head.headers().empty() ? "" : "; ") + describe_fields(head.headers());
}

// False after an error.
bool add_events(ResponseParser& parser, Transcript& transcript) {
    for (ResponseEvent event = parser.next_event(); !std::holds_alternative<NeedMore>(event);
         event = parser.next_event()) {
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
void check_that_error_stays(ResponseParser& parser) {
    const std::string error = describe(parser.next_event());
    CHECK(parser.unconsumed().empty());
    parser.expect_response("GET");
    parser.receive_data("HTTP/1.1 200 OK\r\n\r\n");
    CHECK(describe(parser.next_event()) == error);
    CHECK(describe(*parser.receive_eof()) == error);
}

std::string responses_of_pieces(const Pieces& pieces, const Asked& asked) {
    ResponseParser parser(asked.limits);
    for (const std::string_view method : asked.methods) parser.expect_response(method);
    Transcript transcript;
    bool is_open = true;
    for (std::size_t index = 0; index < pieces.size() && is_open; ++index) {
        const ShortLived bytes(pieces[index]);
        parser.receive_data(bytes.view());
        is_open = add_events(parser, transcript);
    }
    if (is_open && !parser.unconsumed().empty() && parser.is_between_messages()) transcript.add("left over");
    // Twice: the first one may be the end of a body, and the next response is then still missing.
    for (int round = 0; round < 2 && is_open && asked.and_ends; ++round) {
        if (const std::optional<net::ProtocolError> error = parser.receive_eof()) {
            transcript.add(describe(*error));
            is_open = false;
        } else {
            CHECK(add_events(parser, transcript));
        }
    }
    if (!is_open) check_that_error_stays(parser);
    return transcript.text();
}

net::ProtocolError error_of_responses(std::string_view bytes, const Asked& asked) {
    const std::string events = responses_of(bytes, asked);
    ResponseParser parser(asked.limits);
    for (const std::string_view method : asked.methods) parser.expect_response(method);
    parser.receive_data(bytes);
    for (;;) {
        const ResponseEvent event = parser.next_event();
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) return *error;
        if (!std::holds_alternative<NeedMore>(event)) continue;
        if (const auto error = parser.receive_eof(); asked.and_ends && error) return *error;
        FAIL_CHECK("no error in: ", events);
        return {0, "", ""};
    }
}

}  // namespace

std::string describe(const ResponseEvent& event) {
    if (const auto* start = std::get_if<StartOfResponse>(&event)) return "head(" + describe_head(*start->head) + ")";
    if (const auto* word = std::get_if<InterimResponse>(&event)) return "interim(" + describe_head(*word->head) + ")";
    if (const auto* data = std::get_if<BodyData>(&event)) return fmt::format("body({})", data->bytes);
    if (const auto* end = std::get_if<EndOfMessage>(&event)) {
        return end->trailers->empty() ? "end" : "end(" + describe_fields(*end->trailers) + ")";
    }
    if (const auto* error = std::get_if<net::ProtocolError>(&event)) return describe(*error);
    return "need more";
}

std::string responses_of(std::string_view bytes, const Asked& asked) {
    return same_however_cut(bytes, [&asked](const auto& pieces) { return responses_of_pieces(pieces, asked); });
}

std::string response_refusal_of(std::string_view bytes, const Asked& asked) {
    const net::ProtocolError error = error_of_responses(bytes, asked);
    CHECK(!error.message.empty());
    return fmt::format("{} {}", error.code, error.section);
}

std::string response_complaint_of(std::string_view bytes, const Asked& asked) {
    return error_of_responses(bytes, asked).message;
}

}  // namespace stepwise::http::test
