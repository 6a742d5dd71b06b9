#include <doctest/doctest.h>

#include <algorithm>
#include <stepwise/ws/handshake.hpp>

using namespace stepwise;
using namespace stepwise::ws;

namespace {

constexpr std::string_view rfc_key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view rfc_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// The client's handshake of RFC 6455 §1.2.
UpgradeRequest rfc_request() {
    UpgradeRequest request{.method = "GET"};
    request.add_field("Host", "server.example.com");
    request.add_field("Upgrade", "websocket");
    request.add_field("Connection", "Upgrade");
    request.add_field("Sec-WebSocket-Key", rfc_key);
    request.add_field("Origin", "http://example.com");
    request.add_field("Sec-WebSocket-Protocol", "chat, superchat");
    request.add_field("Sec-WebSocket-Version", "13");
    request.add_field("User-Agent", "a test");
    return request;
}

bool accepted(const UpgradeRequest& request) {
    return std::holds_alternative<UpgradeAccepted>(check_upgrade(request));
}

UpgradeRejected rejection(const UpgradeRequest& request) {
    UpgradeResult result = check_upgrade(request);
    REQUIRE(std::holds_alternative<UpgradeRejected>(result));
    return std::get<UpgradeRejected>(result);
}

std::string_view field(const UpgradeRejected& rejected, std::string_view name) {
    const auto found = std::find_if(rejected.fields.begin(), rejected.fields.end(),
                                    [=](const HandshakeField& candidate) { return candidate.name == name; });
    return found == rejected.fields.end() ? std::string_view("(absent)") : found->value;
}

std::string_view chosen(const std::vector<std::string_view>& lines, std::span<const std::string_view> spoken) {
    UpgradeRequest request = rfc_request();
    request.sec_websocket_protocol = lines;
    const UpgradeResult result = check_upgrade(request, spoken);
    return std::get<UpgradeAccepted>(result).subprotocol;
}

}  // namespace

TEST_CASE("the key of RFC 6455 §1.3 gets the answer of RFC 6455 §1.3") {
    CHECK(accept_key(rfc_key) == rfc_accept);
    const UpgradeResult result = check_upgrade(rfc_request());
    REQUIRE(std::holds_alternative<UpgradeAccepted>(result));
    CHECK(std::get<UpgradeAccepted>(result).accept_key == rfc_accept);
    CHECK(std::get<UpgradeAccepted>(result).subprotocol.empty());
}

TEST_CASE("the 101 response carries the accept key and the chosen subprotocol") {
    std::string bytes;
    net::StringSink sink(bytes);
    append_accept_response(sink, {std::string(rfc_accept), {}});
    CHECK(bytes ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    bytes.clear();
    append_accept_response(sink, {std::string(rfc_accept), "chat"});
    CHECK(bytes ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
}

TEST_CASE("field names and the tokens in Upgrade and Connection have no case and may stand in lists") {
    UpgradeRequest request{.method = "GET"};
    request.add_field("HOST", "a");
    request.add_field("upgrade", "h2c, WebSocket");
    request.add_field("connection", "keep-alive");
    request.add_field("Connection", " ,\tUPGRADE ");
    request.add_field("sec-websocket-key", rfc_key);
    request.add_field("SEC-WEBSOCKET-VERSION", "13");
    CHECK(accepted(request));
}

TEST_CASE("a request without Upgrade: websocket gets 426 that says what to ask for") {
    for (const char* value : {"", "h2c", "websockets", "web socket"}) {
        CAPTURE(value);
        UpgradeRequest request = rfc_request();
        request.upgrade = {value};
        const UpgradeRejected rejected = rejection(request);
        CHECK(rejected.error.code == 426);
        CHECK(field(rejected, "Upgrade") == "websocket");
        CHECK(field(rejected, "Connection") == "Upgrade");
    }
    CHECK(rejection(UpgradeRequest{.method = "GET", .host = {"a"}}).error.code == 426);
}

TEST_CASE("an upgrade by another method gets 405 and Allow: GET") {
    for (const char* method : {"POST", "HEAD", "get"}) {
        UpgradeRequest request = rfc_request();
        request.method = method;
        const UpgradeRejected rejected = rejection(request);
        CHECK(rejected.error.code == 405);
        CHECK(field(rejected, "Allow") == "GET");
    }
}

TEST_CASE("an upgrade over HTTP/1.0 gets 400") {
    UpgradeRequest request = rfc_request();
    request.http_minor = 0;
    CHECK(rejection(request).error.code == 400);
}

TEST_CASE("an upgrade needs exactly one Host") {
    UpgradeRequest request = rfc_request();
    request.host.clear();
    CHECK(rejection(request).error.code == 400);
    request.host = {"a", "b"};
    CHECK(rejection(request).error.code == 400);
}

TEST_CASE("an upgrade needs the upgrade token in Connection") {
    for (const char* value : {"", "keep-alive", "close, upgraded"}) {
        CAPTURE(value);
        UpgradeRequest request = rfc_request();
        request.connection = {value};
        const UpgradeRejected rejected = rejection(request);
        CHECK(rejected.error.code == 400);
        CHECK(rejected.error.section == "RFC 6455 §4.2.1");
    }
}

TEST_CASE("a version other than 13 gets 426 that names 13, a repeated one 400") {
    for (const char* value : {"", "8", "12", "013", "13, 8"}) {
        CAPTURE(value);
        UpgradeRequest request = rfc_request();
        request.sec_websocket_version = {value};
        const UpgradeRejected rejected = rejection(request);
        CHECK(rejected.error.code == 426);
        CHECK(field(rejected, "Sec-WebSocket-Version") == "13");
        CHECK(field(rejected, "Upgrade") == "websocket");
    }
    UpgradeRequest request = rfc_request();
    request.sec_websocket_version.clear();
    CHECK(rejection(request).error.code == 426);
    request.sec_websocket_version = {"13", "13"};
    CHECK(rejection(request).error.code == 400);
}

TEST_CASE("the key must be there once and be the base64 form of 16 bytes") {
    UpgradeRequest request = rfc_request();
    request.sec_websocket_key.clear();
    CHECK(rejection(request).error.code == 400);
    request.sec_websocket_key = {rfc_key, rfc_key};
    CHECK(rejection(request).error.message == "Sec-WebSocket-Key is there more than once");
    for (const char* key : {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQA=",
                            "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZSEh==", "dGhlIHNhbXBsZSBub25j-_==",
                            "dGhlIHNhbXBs ZSBub25jZ==", "=GhlIHNhbXBsZSBub25jZQ=="}) {
        CAPTURE(key);
        request.sec_websocket_key = {key};
        const UpgradeRejected rejected = rejection(request);
        CHECK(rejected.error.code == 400);
        CHECK(rejected.error.message == "Sec-WebSocket-Key is not the base64 form of 16 bytes");
    }
    request.sec_websocket_key = {"AAAAAAAAAAAAAAAAAAAA+/=="};
    CHECK(accepted(request));
}

TEST_CASE("the first subprotocol of the client's that the server speaks is chosen") {
    constexpr std::string_view spoken[] = {"superchat", "chat"};
    CHECK(chosen({"chat, superchat"}, spoken) == "chat");
    CHECK(chosen({"other,superchat,chat"}, spoken) == "superchat");
    CHECK(chosen({"other", "chat"}, spoken) == "chat");
    CHECK(chosen({"Chat"}, spoken).empty());
    CHECK(chosen({" , ,"}, spoken).empty());
    CHECK(chosen({}, spoken).empty());
    CHECK(chosen({"chat"}, {}).empty());
}
