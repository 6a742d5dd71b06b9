// Handlers that take their time or write as they go: callbacks, streams, events; and what is done around handlers.
#include <stepwise/tests/net/http_support.hpp>

#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/http/content_decoder.hpp>
#include <stepwise/net/http/event_stream.hpp>
#include <stepwise/net/http/request_body.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <doctest/doctest.h>

using namespace net_test;
using http::Request;
using http::RequestBody;
using http::Responder;
using http::Response;
using http::ResponseWriter;
using http::Router;

namespace {

struct Lints {
    Lints() {
        before = set_lint_handler([this](const Lint& lint) { texts.push_back(text_of(lint)); });
    }
    ~Lints() { set_lint_handler(before); }

    std::vector<std::string> texts;
    LintHandler before;
};

// All chunks of a response, and its trailers.
std::string read_chunks(Peer& peer) {
    std::string body;
    for (;;) {
        std::string line = peer.read_until("\r\n");
        std::size_t size = std::stoul(line, nullptr, 16);
        if (size == 0) break;
        body += peer.read(size);
        peer.read(2);
    }
    for (std::string line = peer.read_until("\r\n"); line != "\r\n"; line = peer.read_until("\r\n")) body += "|" + line;
    return body;
}

Coro<> numbers(const Request& request, ResponseWriter& out) {
    out.head().content_type = "text/plain";
    for (int number = 1; number <= 3; ++number) {
        std::string text = std::to_string(number) + " of " + std::string(request.target()) + ";";
        co_await out.write(text);
        co_await sleep(1s);
    }
    out.add_trailer("X-Sum", "6");
}

Coro<> one_event(const Request& request, ResponseWriter& out) {
    http::EventStream events(request, out);
    http::ServerEvent event("hello");
    co_await events.send(event);
}

Coro<> endless(const Request&, ResponseWriter& out) {
    const std::string piece(10'000, 'e');
    for (;;) co_await out.write(piece);
}

Coro<> known_length(const Request& request, ResponseWriter& out) {
    out.set_content_length(5);
    co_await out.write("abc");
    if (request.argument("short")) co_return;
    const std::string_view rest = request.argument("long") ? "defg" : "de";
    co_await out.write(rest);
}

Coro<> writes_nothing(const Request&, ResponseWriter& out) {
    out.head() = Response::text("all at once");
    co_return;
}

Coro<> throws_behind(const Request&, ResponseWriter& out) {
    co_await out.write("begun");
    throw std::runtime_error("stream trouble");
}

Coro<> ticks(const Request& request, ResponseWriter& out) {
    http::EventStream events(request, out, 20s);
    co_await events.open();
    for (int tick = 0; tick < 2; ++tick) {
        http::ServerEvent event("line 1\nline " + std::string(events.last_event_id().value_or("2")));
        event.id = std::to_string(tick);
        co_await events.send(event);
        co_await sleep(30s);
    }
    co_await events.send(http::ServerEvent("last"));
    co_await sleep(1000s);
}

struct Scene : Served {
    Scene() : gate(*this) {
        Router router;
        router.get("/", [](const Request&) { return Response::text("hello"); });
        router.get("/kept", [this](const Request&, Responder responder) { kept.push_back(std::move(responder)); });
        router.get("/now", [](const Request& request, Responder responder) {
            responder.send(Response::text("now " + std::string(request.target())));
            CHECK(responder.answered());
            CHECK_THROWS_AS(responder.send(Response()), std::logic_error);
        });
        router.get("/dropped", [](const Request&, Responder) {});
        router.get("/throws", [](const Request&, Responder) { throw std::runtime_error("callback trouble"); });
        router.get("/numbers", numbers).get("/endless", endless).get("/length", known_length);
        router.get("/nothing", writes_nothing).get("/throws_behind", throws_behind).get("/ticks", ticks);
        serve(std::move(router));
    }
    ~Scene() { kept.clear(); }

    std::vector<Responder> kept;
    Gate gate;
};

}  // namespace

TEST_CASE("a Responder answers later, and requests behind it wait") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/kept") + get("/") + get("/now?x"));
    scene.run_until([&] { return scene.kept.size() == 1; });
    scene.settle();
    CHECK(client.read_now() == "");
    CHECK(scene.kept[0].request().target() == "/kept");
    scene.kept[0].send(Response::text("later"));
    CHECK(read_answer(client).body == "later");
    CHECK(read_answer(client).body == "hello");
    CHECK(read_answer(client).body == "now /now?x");
}

TEST_CASE("a Responder that ends without an answer is a 500, and is told of with its place") {
    Lints lints;
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/dropped"));
    CHECK(read_answer(client).status == 500);
    REQUIRE(lints.texts.size() == 1);
    CHECK(lints.texts[0].find("unanswered-request: GET /dropped") != std::string::npos);
    CHECK(lints.texts[0].find("http_handlers_test.cpp:") != std::string::npos);
    client.send(get("/kept"));
    scene.run_until([&] { return scene.kept.size() == 1; });
    scene.kept.clear();
    CHECK(read_answer(client).status == 500);
    CHECK(lints.texts.size() == 2);
    client.send(get("/throws"));
    CHECK(read_answer(client).status == 500);
    CHECK(scene.lost.size() == 1);
    client.send(get("/"));
    CHECK(read_answer(client).status == 200);
}

TEST_CASE("a Responder that is kept for long is told of once, and may still answer") {
    Lints lints;
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/kept"));
    scene.run_until([&] { return scene.kept.size() == 1; });
    scene.pass(59s);
    CHECK(lints.texts.empty());
    scene.pass(3s);
    REQUIRE(lints.texts.size() == 1);
    CHECK(lints.texts[0].find("GET /kept has a Responder that has been kept for 60 s") != std::string::npos);
    CHECK(lints.texts[0].find("http_handlers_test.cpp:") != std::string::npos);
    scene.pass(200s);
    CHECK(lints.texts.size() == 1);
    scene.kept[0].send(Response::text("late"));
    CHECK(read_answer(client).body == "late");
}

TEST_CASE("an answer to a client that is gone goes nowhere") {
    Lints lints;
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/kept"));
    scene.run_until([&] { return scene.kept.size() == 1; });
    CHECK_FALSE(scene.kept[0].is_abandoned());
    scene.server.reset();
    CHECK(scene.kept[0].is_abandoned());
    scene.kept[0].send(Response::text("too late"));
    CHECK(lints.texts.empty());
}

TEST_CASE("a response that is written piece by piece goes out as it is written, with its trailers") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/numbers") + get("/"));
    std::string head = client.read_until("\r\n\r\n");
    CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(head.find("Content-Type: text/plain\r\n") != std::string::npos);
    CHECK(client.read_what_comes() == "e\r\n1 of /numbers;\r\n");
    scene.pass(5s);
    CHECK(read_chunks(client) == "2 of /numbers;3 of /numbers;|X-Sum: 6\r\n");
    CHECK(read_answer(client).body == "hello");
}

TEST_CASE("a stream is compressed for those who take it, and each piece arrives when it is written; events are not") {
    Served served;
    Router router;
    router.get("/numbers", numbers);
    router.get("/events", [](const Request& request, ResponseWriter& out) { return one_event(request, out); });
    router.after(http::compress);
    served.serve(std::move(router));
    Peer client = served.connect();
    client.send(get("/numbers", "Accept-Encoding: gzip\r\n") + get("/events", "Accept-Encoding: gzip\r\n") +
                get("/numbers"));
    std::string head = client.read_until("\r\n\r\n");
    CHECK(head.find("Content-Encoding: gzip\r\n") != std::string::npos);
    CHECK(head.find("Vary: Accept-Encoding\r\n") != std::string::npos);
    const auto read_chunk = [&] { return client.read(std::stoul(client.read_until("\r\n"), nullptr, 16) + 2); };
    http::ContentDecoder decoder(http::ContentCoding::gzip);
    std::string text;
    for (std::size_t size : {14U, 28U, 42U}) {
        const std::string chunk = read_chunk();
        decoder.receive_data(std::string_view(chunk).substr(0, chunk.size() - 2));
        while (text.size() < size && decoder.decode_more(text)) continue;
        CHECK(text.size() == size);
        served.pass(1s);
    }
    CHECK(text == "1 of /numbers;2 of /numbers;3 of /numbers;");
    const std::string end = read_chunk();
    decoder.receive_data(std::string_view(end).substr(0, end.size() - 2));
    CHECK_FALSE(decoder.decode_more(text));
    decoder.receive_end();
    CHECK(decoder.error() == nullptr);
    CHECK(client.read_until("\r\n\r\n") == "0\r\nX-Sum: 6\r\n\r\n");
    head = client.read_until("\r\n\r\n");
    CHECK(head.find("Content-Encoding") == std::string::npos);
    CHECK(read_chunks(client) == "data: hello\n\n");
    head = client.read_until("\r\n\r\n");
    CHECK(head.find("Content-Encoding") == std::string::npos);
    CHECK(head.find("Vary: Accept-Encoding\r\n") != std::string::npos);
    served.pass(4s);
    CHECK(read_chunks(client).starts_with("1 of /numbers;"));
}

TEST_CASE("to HTTP/1.0 a stream ends with its connection, and HEAD gets no body") {
    Scene scene;
    Peer old = scene.connect();
    old.send("GET /numbers HTTP/1.0\r\n\r\n");
    Peer other = scene.connect();
    other.send("HEAD /numbers HTTP/1.1\r\nHost: test\r\n\r\n" + get("/"));
    scene.settle();
    scene.pass(5s);
    std::string text = old.read_to_end();
    CHECK(text.find("Transfer-Encoding") == std::string::npos);
    CHECK(text.ends_with("\r\n\r\n1 of /numbers;2 of /numbers;3 of /numbers;"));
    CHECK(read_answer(other, true).status == 200);
    CHECK(read_answer(other).body == "hello");
}

TEST_CASE("a stream of known length must keep to it") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/length") + get("/nothing"));
    CHECK(read_answer(client).body == "abcde");
    CHECK(read_answer(client).body == "all at once");
    std::string target;
    SUBCASE("too short") {
        target = "/length?short";
    }
    SUBCASE("too long") {
        target = "/length?long";
    }
    SUBCASE("the handler throws behind its first bytes") {
        target = "/throws_behind";
    }
    client.send(get(target));
    std::string rest = client.read_to_end();
    CHECK(rest.find("0\r\n\r\n") == std::string::npos);
    CHECK(scene.lost.size() == 1);
    CHECK(scene.server->connection_count() == 0);
}

TEST_CASE("a stream waits for a slow reader, and is cancelled when that is gone or takes nothing") {
    Scene scene;
    Peer client = scene.connect(64 * 1024);
    client.send(get("/endless"));
    scene.settle();
    CHECK(scene.loop().task_count() == 1);
    SUBCASE("it goes on while the reader reads") {
        std::size_t read = 0;
        for (int round = 0; round < 20; ++round) {
            read += client.read(1'000'000).size();
            scene.pass(20s);
        }
        CHECK(read == 20'000'000);
        client.reset();
    }
    SUBCASE("the reader goes") {
        client.reset();
    }
    SUBCASE("the reader stops") {
        scene.pass(70s);
        scene.pass(70s);  // if the kernel has moved something within the first
    }
    scene.run_until([&] { return scene.loop().task_count() == 0; });
    CHECK(scene.server->connection_count() == 0);
    CHECK(scene.lost.empty());
}

TEST_CASE("events are written line by line, with the id that comes back, and a comment where nothing is sent") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/ticks", "Last-Event-ID: 41\r\n"));
    std::string head = client.read_until("\r\n\r\n");
    CHECK(head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(client.read_what_comes() == "22\r\nid: 0\ndata: line 1\ndata: line 41\n\n\r\n");
    scene.pass(25s);
    CHECK(client.read_what_comes() == "3\r\n:\n\n\r\n");
    scene.pass(10s);
    CHECK(client.read_what_comes() == "22\r\nid: 1\ndata: line 1\ndata: line 41\n\n\r\n");
    SUBCASE("a server that ends does so in order") {
        Task<void> ending = scene.start_shutdown(10s);
        scene.run_until([&] { return ending.done(); });
        CHECK(client.read_to_end() == "0\r\n\r\n");
    }
    SUBCASE("a client that is gone is found by the comment") {
        client.reset();
        scene.pass(50s);
        CHECK(scene.server->connection_count() == 0);
    }
    CHECK(scene.loop().task_count() == 0);
}

TEST_CASE("an event cannot be made to say two") {
    http::ServerEvent event("a\r\nb\rc\n\nd");
    event.event = "kind";
    event.retry = 1500ms;
    CHECK(http::text_of(event) == "event: kind\nretry: 1500\ndata: a\ndata: b\ndata: c\ndata: \ndata: d\n\n");
    event.id = "1\ndata: x";
    CHECK_THROWS_AS(http::text_of(event), std::invalid_argument);
}

TEST_CASE("functions before and after the handlers, those of a mounted router within those of the outer one") {
    Served served;
    std::string order;
    const auto noting = [&order](std::string name, std::string stops) {
        return [&order, name, stops](const Request& request) -> std::optional<Response> {
            order += name + "+";
            if (request.query() == stops) return Response(403, "no", "text/plain");
            if (request.query() == "throw_" + name) throw std::runtime_error("before");
            return std::nullopt;
        };
    };
    const auto stamping = [&order](std::string name) {
        return [&order, name](const Request&, Response& response) {
            order += name + "+";
            response.headers.add("X-Stamp", name);
        };
    };
    Router inner;
    inner.get("/x", [&order](const Request&) {
        order += "handler+";
        return Response::text("x");
    });
    inner.get("/numbers", numbers);
    inner.before(noting("inner", "inner")).after(stamping("in"));
    Router router;
    router.mount("/mounted", std::move(inner)).before(noting("outer", "outer")).after(stamping("out"));
    served.serve(std::move(router));
    Peer client = served.connect();
    const auto ask = [&](std::string_view target) {
        order.clear();
        client.send(get(target));
        return read_answer(client);
    };
    CHECK(ask("/mounted/x").status == 200);
    CHECK(order == "outer+inner+handler+in+out+");
    CHECK(ask("/mounted/x?inner").status == 403);
    CHECK(order == "outer+inner+in+out+");
    CHECK(ask("/mounted/x?outer").has("X-Stamp: out"));
    CHECK(order == "outer+in+out+");
    CHECK(ask("/mounted/x?throw_inner").status == 500);
    CHECK(ask("/none").status == 404);
    CHECK(order == "out+");
    client.send(get("/mounted/numbers"));
    CHECK(client.read_until("\r\n\r\n").find("X-Stamp: in\r\nX-Stamp: out") != std::string::npos);
    served.pass(5s);
}
