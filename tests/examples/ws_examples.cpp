// The examples in the headers of ws/, between marks that name the header.
#include <stepwise/net/http/server.hpp>
#include <stepwise/tests/net/support.hpp>
#include <stepwise/ws/broadcast.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/client_handshake.hpp>
#include <stepwise/ws/compression.hpp>
#include <stepwise/ws/deflate.hpp>
#include <stepwise/ws/extensions.hpp>
#include <stepwise/ws/reconnecting.hpp>
#include <stepwise/ws/route.hpp>
#include <stepwise/ws/shared_broadcast.hpp>
#include <stepwise/ws/shared_message.hpp>
#include <stepwise/ws/topics.hpp>

using namespace net_test;

namespace {

//[ ws/handler.hpp
struct Echo : ws::WebSocketHandler {
    void on_message(ws::MessageView message) { write_message(message.data, !message.is_text); }
};
//]

//[ ws/connection.hpp
Coro<void> echo(ws::Connection& connection) {
    while (auto message = co_await connection.receive()) co_await connection.send(message->data());
}
//]

ws::SharedBroadcast everybody;

template <class Room>
struct Member : ws::WebSocketHandler {
    explicit Member(Room& its_room) : room(its_room) {}
    void open() {
        enter(connection());
        everybody.add(connection());
    }
    void on_message(std::string_view) {}
    void on_close() {
        leave(connection());
        everybody.remove(connection());
    }
    void enter(ws::Connection& connection) {
        //[ ws/broadcast.hpp
        room.add(connection);
        room.send("somebody came");
        //]
    }
    void leave(ws::Connection& connection) {
        //[ ws/broadcast.hpp
        room.remove(connection);
        //]
    }
    Room& room;
};
using Chat = Member<ws::Broadcast>;

http::Router all_routes(ws::Broadcast& room) {
    http::Router router;
    ws::ConnectionOptions options;
    //[ ws/route.hpp
    router.get("/chat", ws::handler<Chat>(options, std::ref(room)));
    router.get("/echo", ws::coroutine(echo));
    //]
    router.get("/handler", ws::handler<Echo>());
    return router;
}

Coro<std::string> ask(std::string url) {
    std::string answer;
    auto use = [&](std::string_view text) { answer = text; };
    //[ ws/client.hpp
    ws::ClientConnection connection = co_await ws::connect(url);
    co_await connection->send("hello");
    auto message = co_await connection->receive();
    if (message) use(message->data());
    //]
    connection->close();
    co_await connection->wait_closed();
    co_return answer;
}

TEST_CASE("what is sent comes back, from a handler and from a coroutine") {
    World world;
    ws::Broadcast room;
    http::Server server(world.loop(), all_routes(room));
    std::string base = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string();
    CHECK(world.run(ask(base + "/echo")) == "hello");
    CHECK(world.run(ask(base + "/handler")) == "hello");
}

TEST_CASE("who is in the room hears what is sent there, from any thread too") {
    World world;
    ws::Broadcast room;
    http::Server server(world.loop(), all_routes(room));
    std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/chat";
    CHECK(world.run(ask(url)) == "somebody came");
    auto hears = [](std::string url) -> Coro<std::string> {
        ws::ClientConnection connection = co_await ws::connect(url);
        auto first = co_await connection->receive();
        //[ ws/shared_broadcast.hpp
        everybody.send("from any thread");
        //]
        auto second = co_await connection->receive();
        connection->close();
        co_await connection->wait_closed();
        co_return std::string(second->data());
    };
    CHECK(world.run(hears(url)) == "from any thread");
    world.run_until([&] { return room.size() == 0; });
    CHECK(everybody.size() == 0);
}

TEST_CASE("who subscribed to a topic hears what is published on it") {
    struct Programs {
        static Coro<void> serve(ws::Topics& topics, std::size_t& subscribers_seen, ws::Connection& connection) {
            //[ ws/topics.hpp
            std::optional<net::ProtocolError> refused = topics.subscribe(connection, "news/sport");
            std::size_t subscribers = topics.publish("news/sport", "one to nil");
            topics.unsubscribe(connection, "news/sport");
            //]
            subscribers_seen = refused ? 0 : subscribers;
            co_return;
        }
    };
    World world;
    ws::Topics topics;
    std::size_t subscribers = 0;
    http::Router router;
    router.get("/news", ws::coroutine([&](ws::Connection& c) { return Programs::serve(topics, subscribers, c); }));
    http::Server server(world.loop(), std::move(router));
    const std::string url = "ws://" + server.listen(net::Address::tcp("127.0.0.1", 0)).to_string() + "/news";
    auto hears = [](std::string url_of_news) -> Coro<std::string> {
        ws::ClientConnection connection = co_await ws::connect(url_of_news);
        auto message = co_await connection->receive();
        co_return std::string(message->data());
    };
    CHECK(world.run(hears(url)) == "one to nil");
    CHECK(subscribers == 1);
    CHECK(topics.size() == 0);
}

TEST_CASE("a message is kept by a copy of its own") {
    ws::MessageView view{"hello"};
    //[ ws/message.hpp
    ws::Message kept(view);
    std::string_view text = kept.data();
    //]
    CHECK(text == "hello");
}

TEST_CASE("a close code has a name, and may stand in a frame or not") {
    //[ ws/close_code.hpp
    std::string_view words = ws::name(ws::CloseCode::going_away);
    bool sendable = ws::is_valid_on_wire(ws::CloseCode::abnormal_closure);
    //]
    CHECK(words == "going away");
    CHECK_FALSE(sendable);
}

TEST_CASE("frames go from one end's bytes to the other's events") {
    std::string out;
    net::StringSink sink(out);
    ws::MaskKey key{1, 2, 3, 4};
    //[ ws/frame.hpp
    ws::append_frame(sink, ws::Opcode::text, "hello", true, key);
    //]
    std::span<char> bytes(out);
    //[ ws/protocol.hpp
    ws::Protocol protocol(ws::Role::server);
    protocol.receive_data(bytes);
    ws::Protocol::Event event = protocol.next_event();
    //]
    CHECK(std::get<ws::Protocol::Message>(event).payload == "hello");
}

TEST_CASE("both ends agree on a handshake") {
    std::array<std::byte, 16> random{};
    //[ ws/client_handshake.hpp
    std::string key = ws::make_client_key(random);
    //]
    //[ ws/handshake.hpp
    ws::UpgradeRequest request{.method = "GET"};
    request.add_field("Upgrade", "websocket");
    //]
    request.add_field("Host", "example.com");
    request.add_field("Connection", "Upgrade");
    request.add_field("Sec-WebSocket-Version", "13");
    request.add_field("Sec-WebSocket-Key", key);
    //[ ws/handshake.hpp
    ws::UpgradeResult result = ws::check_upgrade(request);
    //]
    std::string accepted = std::get<ws::UpgradeAccepted>(result).accept_key;
    //[ ws/client_handshake.hpp
    ws::UpgradeResponse response{.status = 101};
    //]
    response.add_field("Upgrade", "websocket");
    response.add_field("Connection", "Upgrade");
    response.add_field("Sec-WebSocket-Accept", accepted);
    //[ ws/client_handshake.hpp
    std::optional<net::ProtocolError> refused = ws::check_response(response, key);
    //]
    CHECK_FALSE(refused);
}

TEST_CASE("both ends agree on compression, and one packs what the other unpacks") {
    ws::CompressionOptions options{.message_bytes_min = 1};
    //[ ws/compression.hpp
    std::string offer = ws::compression_offer(options);  // a client's
    //]
    //[ ws/extensions.hpp
    std::optional<std::vector<ws::Extension>> offers = ws::parse_extensions({offer});
    //]
    REQUIRE(offers);
    //[ ws/compression.hpp
    std::optional<ws::CompressionTerms> terms = ws::accept_compression(*offers, options);
    std::string answer = ws::extension_field(*terms);  // the server's
    //]
    CHECK(answer == "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    std::string text(100, 't');
    ws::MessageCompression other(ws::Role::client, *terms, options);
    std::string bytes(*other.pack(text));
    bool is_last = true;
    std::array<char, 200> room;
    auto agreed = *terms;
    {
        auto terms = agreed;
        //[ ws/deflate.hpp
        ws::MessageCompression compression(ws::Role::server, terms, options);
        std::optional<std::string_view> packed = compression.pack(text);  // nothing: it goes as it is
        compression.receive(bytes, is_last);
        std::optional<std::string_view> piece = compression.next_piece(room);  // until it is empty; nothing: corrupt
        //]
        CHECK(packed->size() < text.size());
        CHECK(*piece == text);
    }
}

TEST_CASE("a message for many is encoded once") {
    //[ ws/shared_message.hpp
    ws::SharedEncoder encoder;
    ws::SharedMessage message = encoder.encode(ws::Opcode::text, "to all");  // who reads it: add(connection)
    //]
    CHECK(message.plain.size() == 8);
}

Coro<int> talks_again(std::string url) {
    int talks = 0;
    auto talk = [&](ws::Connection& connection) {
        connection.close();
        ++talks;
        return connection.wait_closed();
    };
    //[ ws/reconnecting.hpp
    ws::Reconnecting server = ws::reconnecting(url);
    while (ws::ClientConnection connection = co_await server.next()) co_await talk(*connection);
    //]
    co_return talks;
}

TEST_CASE("a client that nobody can reach for good is told when it is made") {
    World world;
    Task<int> talking = world.loop().create_task(talks_again("http://127.0.0.1/"));
    world.run_until([&] { return talking.done(); });
    CHECK_THROWS_AS(talking.result(), std::invalid_argument);
}

TEST_CASE("a text is checked") {
    //[ ws/utf8.hpp
    bool valid = ws::is_valid_utf8("gr\xC3\xBC\xC3\x9F");
    //]
    CHECK(valid);
}

}  // namespace
