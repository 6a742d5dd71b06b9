// RFC 6455 §4, §9.1, §11.3 and RFC 7692 §7.1: requests that a server gets, responses that a client gets.
#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/tests/ws/conformance/cases.hpp>
#include <stepwise/ws/client_handshake.hpp>
#include <stepwise/ws/handshake.hpp>

#include <array>

namespace stepwise::ws::test {
namespace {

constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr std::string_view spoken[] = {"chat", "echo"};
const std::string offered[] = {"chat", "echo"};
constexpr CompressionOptions compression{};

std::string outcome(const UpgradeAccepted& accepted) {
    std::string text = "101 ";
    if (!accepted.subprotocol.empty()) text += std::string(accepted.subprotocol) + " ";
    if (accepted.compression) text += extension_field(*accepted.compression) + " ";
    return text;
}

std::string events_behind(Role role, const std::optional<CompressionTerms>& terms, std::string_view unconsumed,
                          const Pieces& pieces, std::size_t next) {
    Protocol protocol(role, {}, fixed_mask_keys(), terms);
    std::string seen;
    const auto feed = [&](std::string_view piece) {
        ShortLived lent(piece);
        protocol.receive_data(lent.span());
        for (Protocol::Event event = protocol.next_event(); event.index() != 0; event = protocol.next_event()) {
            seen += describe(event);
            if (std::holds_alternative<net::ProtocolError>(event)) return;
        }
    };
    feed(unconsumed);
    for (; next < pieces.size(); ++next) feed(pieces[next]);
    return seen;
}

std::string refusal(const net::ProtocolError& error) {
    return std::to_string(error.code) + " " + std::string(error.section);
}

std::string outcome_of_request(const Pieces& pieces) {
    http::RequestParser parser;
    std::optional<UpgradeResult> result;
    for (std::size_t index = 0; index < pieces.size(); ++index) {
        ShortLived lent(pieces[index]);
        parser.receive_data(lent.view());
        for (http::Event event = parser.next_event(); !std::holds_alternative<http::NeedMore>(event);
             event = parser.next_event()) {
            if (const auto* start = std::get_if<http::StartOfMessage>(&event)) {
                UpgradeRequest request{.method = start->head->method()};
                request.http_minor = start->head->version() == http::Version::http_1_0 ? 0 : 1;
                for (const http::HeaderField field : start->head->headers()) request.add_field(field.name, field.value);
                result = check_upgrade(request, spoken, compression);
                if (const auto* rejected = std::get_if<UpgradeRejected>(&*result)) return refusal(rejected->error);
            } else if (const auto* mistake = std::get_if<net::ProtocolError>(&event)) {
                return "no HTTP: " + refusal(*mistake);
            } else if (std::holds_alternative<http::EndOfMessage>(event)) {
                const auto& accepted = std::get<UpgradeAccepted>(*result);
                const std::string unconsumed(parser.unconsumed());
                return outcome(accepted) +
                       events_behind(Role::server, accepted.compression, unconsumed, pieces, index + 1);
            }
        }
    }
    return "waits";
}

std::string outcome_of_response(const Pieces& pieces) {
    http::ResponseParser parser;
    parser.expect_response("GET");
    std::optional<UpgradeAccepted> agreed;
    for (std::size_t index = 0; index < pieces.size(); ++index) {
        ShortLived lent(pieces[index]);
        parser.receive_data(lent.view());
        for (http::ResponseEvent event = parser.next_event(); !std::holds_alternative<http::NeedMore>(event);
             event = parser.next_event()) {
            if (const auto* mistake = std::get_if<net::ProtocolError>(&event)) return "no HTTP: " + refusal(*mistake);
            const auto* start = std::get_if<http::StartOfResponse>(&event);
            if (start == nullptr) continue;
            UpgradeResponse response{.status = start->head->status()};
            for (const http::HeaderField field : start->head->headers()) response.add_field(field.name, field.value);
            if (const auto refused = check_response(response, key, offered, compression)) return refusal(*refused);
            agreed = {{}, chosen_subprotocol(response), agreed_compression(response, compression)};
            const std::string begun = outcome(*agreed);
            const std::string unconsumed(parser.unconsumed());
            return begun + events_behind(Role::client, agreed->compression, unconsumed, pieces, index + 1);
        }
    }
    return "waits";
}

// The fields of a handshake that is right, by name, so that a case can change one.
struct Fields {
    std::string first_line;
    std::vector<std::pair<std::string, std::string>> lines;

    std::string bytes(Role role) const {
        std::string text = first_line + "\r\n";
        for (const auto& [name, value] : lines) text += name + ": " + value + "\r\n";
        return text + "\r\n" + frame_to(role, Opcode::text, "hi");
    }
    Fields with(std::string_view name, std::string_view value) const {
        Fields changed = *this;
        for (auto& line : changed.lines) {
            if (line.first != name) continue;
            line.second = value;
            return changed;
        }
        return changed.and_also(name, value);
    }
    Fields without(std::string_view name) const {
        Fields changed = *this;
        std::erase_if(changed.lines, [&](const auto& line) { return line.first == name; });
        return changed;
    }
    Fields and_also(std::string_view name, std::string_view value) const {
        Fields changed = *this;
        changed.lines.emplace_back(name, value);
        return changed;
    }
    Fields beginning(std::string line) const {
        Fields changed = *this;
        changed.first_line = std::move(line);
        return changed;
    }
};

const std::string open = "101 text(hi)";
const std::string bad_request = "400 RFC 6455 §4.2.1";

Fields good_request() {
    return {"GET /chat HTTP/1.1",
            {{"Host", "example.com"},
             {"Upgrade", "websocket"},
             {"Connection", "Upgrade"},
             {"Sec-WebSocket-Key", std::string(key)},
             {"Sec-WebSocket-Version", "13"}}};
}

void add_requests(Cases& cases) {
    const Fields good = good_request();
    const auto add = [&](std::string section, std::string name, const Fields& fields, std::string expected) {
        cases.push_back({std::move(section), "a request " + name, fields.bytes(Role::server), std::move(expected)});
    };
    add("6455 §4.2.1", "as it should be", good, open);
    for (const std::string method : {"HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
        add("6455 §4.2.1", "of " + method, good.beginning(method + " / HTTP/1.1").and_also("Content-Length", "0"),
            "405 RFC 6455 §4.2.1");
    }
    add("6455 §4.2.1", "of HTTP/1.0", good.beginning("GET / HTTP/1.0"), bad_request);
    for (const std::string value : {"WebSocket", "WEBSOCKET", "h2c, websocket", "websocket, h2c", " websocket"}) {
        add("6455 §4.2.1", "with Upgrade: " + value, good.with("Upgrade", value), open);
    }
    for (const std::string value : {"h2c", "websockets", "web socket", "websocket/13"}) {
        add("6455 §4.2.1", "with Upgrade: " + value, good.with("Upgrade", value), "426 RFC 9110 §15.5.22");
    }
    add("6455 §4.2.1", "without Upgrade", good.without("Upgrade"), "426 RFC 9110 §15.5.22");
    for (const std::string value : {"upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade, keep-alive", "x,,Upgrade"}) {
        add("6455 §4.2.1", "with Connection: " + value, good.with("Connection", value), open);
    }
    for (const std::string value : {"keep-alive", "Upgrade-Insecure", "websocket"}) {
        add("6455 §4.2.1", "with Connection: " + value, good.with("Connection", value), bad_request);
    }
    add("6455 §4.2.1", "without Connection", good.without("Connection"), bad_request);
    for (const std::string value :
         {"AAAAAAAAAAAAAAAAAAAAAA==", "//////////////////////w=", "dGhlIHNhbXBsZSBub25jZR=="}) {
        add("6455 §4.2.1", "with the key " + value, good.with("Sec-WebSocket-Key", value),
            value.ends_with("==") ? open : bad_request);
    }
    for (const std::string value :
         {"short", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZ!==",
          "dGhlIHNhbXBsZSBub25j ZQ==", "========================"}) {
        add("6455 §4.2.1", "with the key " + value, good.with("Sec-WebSocket-Key", value), bad_request);
    }
    add("6455 §4.2.1", "without a key", good.without("Sec-WebSocket-Key"), bad_request);
    add("6455 §11.3.1", "with two keys", good.and_also("Sec-WebSocket-Key", key), "400 RFC 6455 §11.3.1");
    for (const std::string value : {"12", "8", "7", "0", "14", "255", "13.0", "013", "13, 8"}) {
        add("6455 §4.4", "of version " + value, good.with("Sec-WebSocket-Version", value), "426 RFC 6455 §4.4");
    }
    add("6455 §4.4", "without a version", good.without("Sec-WebSocket-Version"), "426 RFC 6455 §4.4");
    add("6455 §11.3.5", "with two versions", good.and_also("Sec-WebSocket-Version", "13"), "400 RFC 6455 §11.3.5");
    add("6455 §4.2.1", "without Host", good.without("Host"), "no HTTP: 400 RFC 9112 §3.2");
    add("6455 §4.2.1", "with two Hosts", good.and_also("Host", "other.example"), "no HTTP: 400 RFC 9112 §3.2");
}

void add_offers(Cases& cases) {
    const auto add = [&](std::string section, std::string name, const Fields& fields, std::string expected) {
        cases.push_back({std::move(section), "a request " + name, fields.bytes(Role::server), std::move(expected)});
    };
    const Fields good = good_request();
    for (const auto& [value, chosen] : {std::pair{"chat", "chat "},
                                        {"echo", "echo "},
                                        {"echo, chat", "echo "},
                                        {"other, chat", "chat "},
                                        {"Chat", ""},
                                        {"other", ""},
                                        {"chatter", ""}}) {
        add("6455 §11.3.4", std::string("that offers the subprotocols ") + value,
            good.and_also("Sec-WebSocket-Protocol", value), std::string("101 ") + chosen + "text(hi)");
    }
    add("6455 §11.3.4", "that offers subprotocols in two lines",
        good.and_also("Sec-WebSocket-Protocol", "other").and_also("Sec-WebSocket-Protocol", "echo"),
        "101 echo text(hi)");
    const std::string agreed = "101 permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for (const auto& [value, terms] :
         {std::pair{"permessage-deflate", ""},
          {"permessage-deflate; client_max_window_bits", ""},
          {"permessage-deflate; server_no_context_takeover", ""},
          {"x-webkit-deflate-frame, permessage-deflate", ""},
          {"permessage-deflate; server_max_window_bits=10", "; server_max_window_bits=10"},
          {"permessage-deflate; server_max_window_bits=16, permessage-deflate", ""},
          {"permessage-deflate; client_max_window_bits=9", "; client_max_window_bits=9"}}) {
        add("7692 §7.1", std::string("that offers ") + value, good.and_also("Sec-WebSocket-Extensions", value),
            agreed + terms + " text(hi)");
    }
    for (const std::string value :
         {"x-webkit-deflate-frame", "permessage-deflate; odd", "permessage-bzip2",
          "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
          "permessage-deflate; client_max_window_bits=16", "permessage-deflate; server_no_context_takeover=1"}) {
        add("7692 §7.1", "that offers " + value + ", which is declined",
            good.and_also("Sec-WebSocket-Extensions", value), open);
    }
    for (const std::string value : {"a;", "a b", "a; b=", "=", "a; b=\"c", "a; =b"}) {
        add("6455 §9.1", "that offers the extensions " + value, good.and_also("Sec-WebSocket-Extensions", value),
            "400 RFC 6455 §9.1");
    }
}

void add_responses(Cases& cases) {
    const Fields good{
        "HTTP/1.1 101 Switching Protocols",
        {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", std::string(accept)}}};
    const auto add = [&](std::string section, std::string name, const Fields& fields, std::string expected) {
        cases.push_back({std::move(section), "a response " + name, fields.bytes(Role::client), std::move(expected)});
    };
    add("6455 §4.1", "as it should be", good, open);
    for (const int status : {200, 204, 301, 302, 307, 400, 401, 403, 404, 426, 500, 503}) {
        const std::string number = std::to_string(status);
        add("6455 §4.1", "with " + number, good.beginning("HTTP/1.1 " + number + " It Is"), number + " RFC 6455 §4.1");
    }
    const std::string refused = "101 RFC 6455 §4.1";
    for (const std::string value : {"WebSocket", "WEBSOCKET"}) {
        add("6455 §4.1", "with Upgrade: " + value, good.with("Upgrade", value), open);
    }
    for (const std::string value : {"h2c", "websockets"}) {
        add("6455 §4.1", "with Upgrade: " + value, good.with("Upgrade", value), refused);
    }
    for (const std::string value : {"upgrade", "keep-alive, Upgrade"}) {
        add("6455 §4.1", "with Connection: " + value, good.with("Connection", value), open);
    }
    add("6455 §4.1", "without Sec-WebSocket-Accept", good.without("Sec-WebSocket-Accept"), refused);
    for (const std::string value : {"", "dGhlIHNhbXBsZSBub25jZQ==", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                                    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "s3pPLMBiTxaQ9kYGzzhZRbK xOo="}) {
        add("6455 §4.1", "with Sec-WebSocket-Accept: " + value, good.with("Sec-WebSocket-Accept", value), refused);
    }
    add("6455 §4.1", "with two Sec-WebSocket-Accepts", good.and_also("Sec-WebSocket-Accept", accept), refused);
    for (const std::string value : {"chat", "echo"}) {
        add("6455 §4.1", "that chooses " + value, good.and_also("Sec-WebSocket-Protocol", value),
            "101 " + value + " text(hi)");
    }
    for (const std::string value : {"other", "Chat", "chat, echo"}) {
        add("6455 §4.1", "that chooses " + value + ", which was not offered",
            good.and_also("Sec-WebSocket-Protocol", value), refused);
    }
    const std::string forgets = "permessage-deflate; server_no_context_takeover";
    const std::string agreed = "101 permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    add("7692 §7.1", "that agrees", good.and_also("Sec-WebSocket-Extensions", forgets), agreed + " text(hi)");
    add("7692 §7.1", "that agrees to the second offer", good.and_also("Sec-WebSocket-Extensions", "permessage-deflate"),
        "101 permessage-deflate; client_no_context_takeover text(hi)");
    for (const std::string more :
         {"; server_max_window_bits=8", "; client_max_window_bits=15", "; client_max_window_bits=8"}) {
        const bool is_widest = more.ends_with("15");
        add("7692 §7.1", "that agrees with " + more, good.and_also("Sec-WebSocket-Extensions", forgets + more),
            agreed + (is_widest ? "" : more) + " text(hi)");
    }
    for (const std::string value : {"permessage-bzip2", "x-webkit-deflate-frame", "a b", "a;"}) {
        add("7692 §7.1", "with the extensions " + value, good.and_also("Sec-WebSocket-Extensions", value), refused);
    }
    for (const std::string more :
         {"; odd", "; server_max_window_bits=16", "; server_max_window_bits", "; client_max_window_bits",
          "; client_max_window_bits=7", "; server_no_context_takeover", "; client_no_context_takeover=1",
          "; server_max_window_bits=9; server_max_window_bits=9", ", permessage-deflate"}) {
        add("7692 §7.1", "that agrees with " + more + ", which is wrong",
            good.and_also("Sec-WebSocket-Extensions", forgets + more), refused);
    }
}

}  // namespace

std::string outcome_of_opening(Role role, const Pieces& pieces) {
    return role == Role::server ? outcome_of_request(pieces) : outcome_of_response(pieces);
}

void add_handshakes(Cases& cases, Role role) {
    if (role == Role::client) return add_responses(cases);
    add_requests(cases);
    add_offers(cases);
}

}  // namespace stepwise::ws::test
