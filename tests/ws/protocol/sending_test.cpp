#include <stdexcept>

#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

TEST_CASE("a server sends plain frames, a client masked ones (RFC 6455 §5.1)") {
    std::string out;
    net::StringSink sink(out);
    Protocol server(Role::server);
    CHECK(server.send_text(sink, "Hello"));
    CHECK(out == "\x81\x05Hello"s);
    out.clear();
    unsigned draws = 0;
    auto mask_keys = [&draws] {
        ++draws;
        return std::bit_cast<std::uint32_t>(MaskKey{0x37, 0xFA, 0x21, 0x3D});
    };
    Protocol client(Role::client, {}, MaskKeySource(mask_keys));
    CHECK(client.send_text(sink, "Hello"));
    CHECK(out == "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);
    CHECK(client.send_ping(sink));
    CHECK(client.send_close(sink));
    CHECK(draws == 3);
}

TEST_CASE("a client without mask keys is a mistake of the program") {
    CHECK_THROWS_AS(Protocol{Role::client}, std::invalid_argument);
}

TEST_CASE("what one end sends the other receives, at every length form") {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 65535U, 65536U}) {
        std::string payload;
        for (std::size_t at = 0; at < size; ++at) payload += static_cast<char>('a' + at % 26);
        std::string from_client;
        std::string from_server;
        net::StringSink client_sink(from_client);
        net::StringSink server_sink(from_server);
        Protocol client(Role::client, {}, fixed_mask_keys());
        Protocol server(Role::server);
        CHECK(client.send_text(client_sink, payload));
        CHECK(server.send_binary(server_sink, payload));
        CHECK(from_client.size() == size + frame_header_size(size, true));
        CHECK(from_server.size() == size + frame_header_size(size, false));
        const bool server_sees = events_of(Role::server, from_client) == "text(" + payload + ")";
        const bool client_sees = events_of(Role::client, from_server) == "binary(" + payload + ")";
        CHECK(server_sees);
        CHECK(client_sees);
    }
}

TEST_CASE("a pong repeats what the ping carried") {
    const std::string bytes = frame_to(Role::server, Opcode::ping, "are you there?");
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        CAPTURE(cut);
        std::string out;
        net::StringSink sink(out);
        Protocol server(Role::server);
        std::string begin = bytes.substr(0, cut);
        std::string end = bytes.substr(cut);
        server.receive_data(begin);
        CHECK(describe(server.next_event()) == "need more");
        server.receive_data(end);
        const Protocol::Event event = server.next_event();
        CHECK(server.send_pong(sink, std::get<Protocol::Ping>(event).payload));
        CHECK(events_of(Role::client, out) == "pong(are you there?)");
    }
}

TEST_CASE("what must not be sent throws and writes nothing") {
    std::string out;
    net::StringSink sink(out);
    Protocol server(Role::server);
    for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 2000U, 5000U}) {
        CHECK_THROWS_AS(server.send_close(sink, static_cast<CloseCode>(code)), std::invalid_argument);
    }
    CHECK_THROWS_AS(server.send_close(sink, CloseCode::normal_closure, std::string(124, 'r')), std::invalid_argument);
    CHECK_THROWS_AS(server.send_close(sink, CloseCode::normal_closure, "\xFF"), std::invalid_argument);
    CHECK_THROWS_AS((void)server.send_ping(sink, std::string(126, 'p')), std::invalid_argument);
    CHECK_THROWS_AS((void)server.send_pong(sink, std::string(126, 'p')), std::invalid_argument);
    CHECK_THROWS_AS((void)server.send_message(sink, Opcode::ping, "p"), std::invalid_argument);
    CHECK_THROWS_AS((void)server.send_message(sink, Opcode::continuation, "p"), std::invalid_argument);
    CHECK_THROWS_AS(server.fail(sink, {400, "a status, not a close code", ""}), std::invalid_argument);
    CHECK(out.empty());
    CHECK(server.state() == Protocol::State::open);
    CHECK(server.send_close(sink, CloseCode::normal_closure, std::string(123, 'r')));
    CHECK(events_of(Role::client, out) == "close(1000 " + std::string(123, 'r') + ")");
}

namespace {

// A sink that has no memory for what it is asked for so many calls from now.
class Sparse {
public:
    char* prepare(std::size_t bytes) {
        if (calls_left-- == 0) throw std::bad_alloc();
        return sink_.prepare(bytes);
    }
    void commit(std::size_t bytes) { sink_.commit(bytes); }

    std::string out;
    int calls_left = -1;

private:
    net::StringSink sink_{out};
};

}  // namespace

TEST_CASE("a frame that its sink has no memory for has changed nothing, and may be sent again") {
    const CompressionTerms takeover;
    const std::string text = "as long as what is packed must be, which is 128 bytes: " + std::string(100, '.');
    for (std::size_t cut = 0; cut < 2 * cuts; ++cut) {
        CAPTURE(cut);
        const auto terms = cut % 2 == 0 ? std::optional(takeover) : std::nullopt;
        Protocol server(Role::server, {}, {}, terms);
        Protocol client(Role::client, {}, fixed_mask_keys(), terms);
        Sparse sink;
        for (const std::string& message : {text + "one", text + "two", std::string(20'000, 'l'), text + "three"}) {
            for (sink.calls_left = 0; sink.out.empty();) {
                const int calls = sink.calls_left;
                try {
                    const bool is_sent = server.send_text(sink, message);
                    CHECK(is_sent);
                } catch (const std::bad_alloc&) {
                    CHECK(sink.out.empty());
                    sink.calls_left = calls + 1;
                }
            }
            const bool is_whole = receive(client, cut / 2, sink.out) == "text(" + message + ")";
            CHECK(is_whole);
            sink.out.clear();
        }
        sink.calls_left = 0;
        CHECK_THROWS_AS(server.send_close(sink), std::bad_alloc);
        CHECK(server.state() == Protocol::State::open);
        sink.calls_left = -1;
        CHECK(server.send_close(sink));
        CHECK(server.state() == Protocol::State::closing);
    }
}
