#include <doctest/doctest.h>

#include <algorithm>
#include <stepwise/ws/client_handshake.hpp>
#include <stepwise/ws/handshake.hpp>
#include <vector>

using namespace stepwise;
using namespace stepwise::ws;

namespace {

// The key and the answer of RFC 6455 §1.3.
constexpr std::string_view rfc_key = "dGhlIHNhbXBsZSBub25jZQ==";

UpgradeResponse rfc_response() {
    UpgradeResponse response{.status = 101};
    response.add_field("upgrade", "websocket");
    response.add_field("Connection", "Upgrade");
    response.add_field("SEC-WEBSOCKET-ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    response.add_field("Server", "a test");
    return response;
}

std::string refusal(const UpgradeResponse& response, const std::vector<std::string>& offered = {}) {
    const auto error = check_response(response, rfc_key, offered);
    return error ? error->message : "opened";
}

}  // namespace

TEST_CASE("a client's key is the base64 form of its 16 bytes") {
    std::array<std::byte, 16> random;
    std::string_view nonce = "the sample nonce";
    std::transform(nonce.begin(), nonce.end(), random.begin(), [](char c) { return static_cast<std::byte>(c); });
    CHECK(make_client_key(random) == rfc_key);
}

TEST_CASE("the response of RFC 6455 §1.3 opens the connection") {
    CHECK(refusal(rfc_response()) == "opened");
    CHECK(chosen_subprotocol(rfc_response()).empty());
}

TEST_CASE("any status but 101 is told as it is") {
    UpgradeResponse response = rfc_response();
    response.status = 403;
    const auto error = check_response(response, rfc_key);
    REQUIRE(error);
    CHECK(error->code == 403);
    CHECK(error->message == "the server answered 403 instead of 101 Switching Protocols");
}

TEST_CASE("a 101 without its fields does not open the connection") {
    UpgradeResponse response = rfc_response();
    SUBCASE("Upgrade") {
        response.upgrade = {"h2c"};
        CHECK(refusal(response) == "the response lacks Upgrade: websocket");
    }
    SUBCASE("Connection") {
        response.connection = {"keep-alive"};
        CHECK(refusal(response) == "the response lacks Connection: Upgrade");
    }
    SUBCASE("the answer to another key") {
        response.sec_websocket_accept = {"HSmrc0sMlYUkAGmm5OPpG2HaGWk="};
        CHECK(refusal(response).starts_with("Sec-WebSocket-Accept does not answer our key"));
    }
    SUBCASE("no answer to the key") {
        response.sec_websocket_accept.clear();
        CHECK(refusal(response).starts_with("Sec-WebSocket-Accept does not answer our key"));
    }
    SUBCASE("two answers to the key") {
        response.sec_websocket_accept.push_back(response.sec_websocket_accept[0]);
        CHECK(refusal(response).starts_with("Sec-WebSocket-Accept does not answer our key"));
    }
}

TEST_CASE("tokens are found in lists, in any case") {
    UpgradeResponse response = rfc_response();
    response.upgrade = {"WebSocket"};
    response.connection = {"keep-alive", " , upgrade"};
    CHECK(refusal(response) == "opened");
}

TEST_CASE("a server may only choose what was offered") {
    UpgradeResponse response = rfc_response();
    SUBCASE("a subprotocol of ours") {
        response.add_field("Sec-WebSocket-Protocol", "chat");
        CHECK(refusal(response, {"superchat", "chat"}) == "opened");
        CHECK(chosen_subprotocol(response) == "chat");
    }
    SUBCASE("another one") {
        response.add_field("Sec-WebSocket-Protocol", "Chat");
        CHECK(refusal(response, {"chat"}) == "the server chose the subprotocol \"Chat\", which was not offered");
    }
    SUBCASE("two") {
        response.sec_websocket_protocol = {"chat", "superchat"};
        CHECK(refusal(response, {"chat", "superchat"}) == "Sec-WebSocket-Protocol is there more than once");
    }
    SUBCASE("an extension") {
        response.add_field("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
        CHECK(refusal(response) ==
              "the server uses the extension \"permessage-deflate\", which was not offered");
    }
    SUBCASE("an empty list of extensions") {
        response.add_field("Sec-WebSocket-Extensions", " ,");
        CHECK(refusal(response) == "opened");
    }
}
