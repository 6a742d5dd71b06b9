// What our parsers make of bytes, for comparison with other people's: reads one case a line, `KIND HEX`, and prints
// what came out as one line of JSON. KIND is request, response:METHOD, server or client (frames that this end
// receives), packed_server or packed_client (the same where compression with context takeover was agreed on). Texts of
// the peer are hexadecimal, as they may be any bytes.
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/ws/protocol.hpp>
#include <string>
#include <string_view>
#include <variant>

using namespace stepwise;
using Json = nlohmann::json;

namespace {

std::string hex(std::string_view bytes) {
    std::string digits;
    for (const char byte : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return digits;
}

std::string from_hex(std::string_view digits) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
        bytes += static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16));
    }
    return bytes;
}

Json fields(const http::HeaderFields& all) {
    Json list = Json::array();
    for (const http::HeaderField field : all) list.push_back({hex(field.name), hex(field.value)});
    return list;
}

Json head(const http::RequestHead& request) {
    return {{"method", hex(request.method())},
            {"target", hex(request.target())},
            {"version", request.version() == http::Version::http_1_1 ? "1.1" : "1.0"},
            {"fields", fields(request.headers())},
            {"keep_alive", request.keep_alive()}};
}

Json head(const http::ResponseHead& response) {
    return {{"status", response.status()},
            {"version", response.version() == http::Version::http_1_1 ? "1.1" : "1.0"},
            {"fields", fields(response.headers())},
            {"keep_alive", response.keep_alive()},
            {"switches", response.switches_protocol()}};
}

void refuse(Json& outcome, const net::ProtocolError& error) {
    outcome["ending"] = "refused";
    outcome["why"] = fmt::format("{} {}: {}", error.code, error.section, error.message);
}

// Puts the messages that are whole into the outcome.
template <class Start, class Parser>
bool draw_messages(Parser& parser, Json& message, Json& outcome) {
    for (auto event = parser.next_event(); !std::holds_alternative<http::NeedMore>(event);
         event = parser.next_event()) {
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            refuse(outcome, *error);
            return false;
        }
        if (const auto* start = std::get_if<Start>(&event)) message = head(*start->head);
        if (const auto* data = std::get_if<http::BodyData>(&event)) {
            message["body"] = message.value("body", "") + hex(data->bytes);
        }
        if (const auto* end = std::get_if<http::EndOfMessage>(&event)) {
            message["trailers"] = fields(*end->trailers);
            outcome["messages"].push_back(std::move(message));
        }
    }
    return true;
}

template <class Start, class Parser>
Json messages(Parser parser, const std::string& bytes) {
    Json outcome = {{"messages", Json::array()}, {"ending", "complete"}, {"why", ""}};
    Json message;
    parser.receive_data(bytes);
    if (!draw_messages<Start>(parser, message, outcome)) return outcome;
    // The end may be that of a body.
    if (const auto too_early = parser.receive_eof()) {
        outcome["ending"] = "incomplete";
        outcome["why"] = too_early->message;
    } else {
        draw_messages<Start>(parser, message, outcome);
    }
    return outcome;
}

Json responses(const std::string& method, const std::string& bytes) {
    http::ResponseParser parser;
    parser.expect_response(method);
    return messages<http::StartOfResponse>(std::move(parser), bytes);
}

Json frames(ws::Role role, std::string bytes, const std::optional<ws::CompressionTerms>& terms) {
    static auto key = [] { return 1U; };
    ws::Protocol protocol(role, {}, ws::MaskKeySource(key), terms);
    protocol.receive_data(bytes);
    Json outcome = {{"messages", Json::array()}, {"ending", "complete"}, {"why", ""}};
    const auto add = [&outcome](const char* what, std::string_view payload) {
        outcome["messages"].push_back({what, hex(payload)});
    };
    for (ws::Protocol::Event event = protocol.next_event(); event.index() != 0; event = protocol.next_event()) {
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            refuse(outcome, *error);
            break;
        }
        if (const auto* message = std::get_if<ws::Protocol::Message>(&event)) {
            add(message->opcode == ws::Opcode::text ? "text" : "binary", message->payload);
        } else if (const auto* ping = std::get_if<ws::Protocol::Ping>(&event)) {
            add("ping", ping->payload);
        } else if (const auto* pong = std::get_if<ws::Protocol::Pong>(&event)) {
            add("pong", pong->payload);
        } else if (const auto* close = std::get_if<ws::Protocol::Close>(&event)) {
            add("close", std::to_string(static_cast<unsigned>(close->code)) + " " + std::string(close->reason));
        }
    }
    return outcome;
}

Json outcome_of(const std::string& kind, const std::string& bytes) {
    if (kind == "request") return messages<http::StartOfMessage>(http::RequestParser(), bytes);
    if (kind.starts_with("response:")) return responses(kind.substr(9), bytes);
    const bool packed = kind.starts_with("packed_");
    return frames(kind.ends_with("server") ? ws::Role::server : ws::Role::client, bytes,
                  packed ? std::optional(ws::CompressionTerms()) : std::nullopt);
}

}  // namespace

int main() {
    std::string kind;
    std::string line;
    while (std::cin >> kind && std::getline(std::cin, line)) {
        const std::string digits = line.empty() ? line : line.substr(1);
        std::cout << outcome_of(kind, from_hex(digits)).dump() << std::endl;
    }
}
