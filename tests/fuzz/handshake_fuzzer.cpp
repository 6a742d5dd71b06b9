// What a server may answer to our client's handshake; and what our two ends agree on, whatever their options.
//
// The request's side is what ws_server attacks. Here: an HTTP response, which opens a connection only where a plain
// reading of its head says so. The first and the third choice are the options of the client and of the server.
#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/tests/fuzz/support.hpp>
#include <stepwise/ws/client_handshake.hpp>
#include <stepwise/ws/handshake.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

// The example of RFC 6455 §1.3, which the dictionary knows.
constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view accepts_key = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

ws::CompressionOptions compression_of(std::uint8_t choice) {
    ws::CompressionOptions options;
    options.enabled = (choice & 1) != 0;
    options.context_takeover = (choice & 2) != 0;
    options.window_bits_max = 8 + (choice >> 2 & 7);
    return options;
}

std::vector<std::string> subprotocols_of(std::uint8_t choice) {
    std::vector<std::string> offered;
    if ((choice & 32) != 0) offered.push_back("chat");
    if ((choice & 64) != 0) offered.push_back("superchat");
    return offered;
}

std::string lower(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return lowered;
}

// All that the fields of this name list, in lower case.
std::vector<std::string> listed(const http::ResponseHead& head, std::string_view name) {
    std::vector<std::string> all;
    for (const http::HeaderField field : head.headers()) {
        if (lower(field.name) != name) continue;
        std::string text = lower(field.value) + ",";
        for (std::size_t comma; (comma = text.find(',')) != std::string::npos; text.erase(0, comma + 1)) {
            std::string element = text.substr(0, comma);
            element.erase(0, std::min(element.find_first_not_of(" \t"), element.size()));
            element.resize(element.find_last_not_of(" \t") + 1);
            all.push_back(std::move(element));
        }
    }
    return all;
}

std::vector<std::string> values(const http::ResponseHead& head, std::string_view name) {
    std::vector<std::string> all;
    for (const http::HeaderField field : head.headers()) {
        if (lower(field.name) == name) all.emplace_back(field.value);
    }
    return all;
}

// But for its extensions.
bool opens_when_read_plainly(const http::ResponseHead& head, const std::vector<std::string>& offered) {
    const std::vector<std::string> upgrade = listed(head, "upgrade");
    const std::vector<std::string> connection = listed(head, "connection");
    const std::vector<std::string> chosen = values(head, "sec-websocket-protocol");
    return head.status() == 101 && std::ranges::count(upgrade, "websocket") != 0 &&
           std::ranges::count(connection, "upgrade") != 0 &&
           values(head, "sec-websocket-accept") == std::vector<std::string>{std::string(accepts_key)} &&
           (chosen.empty() || (chosen.size() == 1 && std::ranges::count(offered, chosen[0]) != 0));
}

void check_terms(const ws::CompressionTerms& terms, const ws::CompressionOptions& options) {
    expect(options.enabled, "nothing is compressed that was not offered");
    for (const int bits : {terms.server_max_window_bits, terms.client_max_window_bits}) {
        expect(bits >= 8 && bits <= 15, "a window has 8 to 15 bits");
    }
    expect(options.context_takeover || terms.server_no_context_takeover, "who wants no context kept is heard");
}

// What becomes of one head, in words.
std::string answer_to(const http::ResponseHead& head, std::uint8_t choice) {
    const ws::CompressionOptions options = compression_of(choice);
    const std::vector<std::string> offered = subprotocols_of(choice);
    ws::UpgradeResponse response{.status = head.status()};
    for (const http::HeaderField field : head.headers()) response.add_field(field.name, field.value);
    const auto refused = ws::check_response(response, key, offered, options);
    const bool has_extensions = !values(head, "sec-websocket-extensions").empty();
    const bool opens = opens_when_read_plainly(head, offered);
    expect(opens || refused.has_value(), "nothing opens that should not");
    expect(!opens || has_extensions || !refused.has_value(), "what should open does");
    if (refused) {
        expect(refused->code == head.status() && !refused->message.empty(), "a refusal has the status and says why");
        return fmt::format("refused({} {})", refused->code, refused->message);
    }
    const auto terms = ws::agreed_compression(response, options);
    if (terms) check_terms(*terms, options);
    expect(terms || !has_extensions || listed(head, "sec-websocket-extensions") == std::vector<std::string>{""},
           "an extension that was answered is spoken");
    return fmt::format("opened({} {})", ws::chosen_subprotocol(response), terms ? ws::extension_field(*terms) : "");
}

std::string transcript(const Pieces& pieces, std::uint8_t choice) {
    http::ResponseParser parser;
    parser.expect_response("GET");
    std::string text;
    for (const std::string_view piece : pieces) {
        const LentBytes lent(piece);
        parser.receive_data(lent.view());
        for (;;) {
            const http::ResponseEvent event = parser.next_event();
            if (const auto* start = std::get_if<http::StartOfResponse>(&event)) return answer_to(*start->head, choice);
            if (const auto* error = std::get_if<net::ProtocolError>(&event)) return "no response: " + error->message;
            if (std::holds_alternative<http::NeedMore>(event)) break;
        }
    }
    return text;
}

void check_both_ends(std::uint8_t clients, std::uint8_t servers) {
    const ws::CompressionOptions client = compression_of(clients);
    const ws::CompressionOptions server = compression_of(servers);
    const std::vector<std::string> offered = subprotocols_of(clients);
    const std::string offer = client.enabled ? ws::compression_offer(client) : "";
    const std::string protocols = fmt::format("{}", fmt::join(offered, ", "));
    ws::UpgradeRequest request{.method = "GET"};
    request.host = {"fuzz"};
    request.upgrade = {"websocket"};
    request.connection = {"Upgrade"};
    request.sec_websocket_version = {"13"};
    request.sec_websocket_key = {key};
    if (!offer.empty()) request.sec_websocket_extensions = {offer};
    if (!offered.empty()) request.sec_websocket_protocol = {protocols};
    const std::vector<std::string> spoken = subprotocols_of(servers);
    const std::vector<std::string_view> spoken_views(spoken.begin(), spoken.end());
    const ws::UpgradeResult result = ws::check_upgrade(request, spoken_views, server);
    const auto* accepted = std::get_if<ws::UpgradeAccepted>(&result);
    expect(accepted != nullptr, "our server takes our client's request");
    const std::string field = accepted->compression ? ws::extension_field(*accepted->compression) : "";
    ws::UpgradeResponse response{.status = 101};
    response.upgrade = {"websocket"};
    response.connection = {"Upgrade"};
    response.sec_websocket_accept = {accepted->accept_key};
    if (!field.empty()) response.sec_websocket_extensions = {field};
    if (!accepted->subprotocol.empty()) response.sec_websocket_protocol = {accepted->subprotocol};
    const auto refused = ws::check_response(response, key, offered, client);
    expect(!refused.has_value(), "our client takes our server's answer", refused ? refused->message : "");
    const auto terms = ws::agreed_compression(response, client);
    expect(terms.has_value() == (client.enabled && server.enabled), "they compress if both want to");
    expect_equal(terms ? ws::extension_field(*terms) : "", field, "both ends mean the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    check_both_ends(input.choices[0], input.choices[2]);
    const std::string whole = transcript({input.bytes}, input.choices[0]);
    for (const Pieces& pieces : ways_to_cut(input)) {
        expect_equal(transcript(pieces, input.choices[0]), whole, "an answer does not depend on how it was cut");
    }
    return 0;
}
