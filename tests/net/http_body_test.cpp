// Bodies that their handlers read as they come.
#include <stepwise/tests/net/http_support.hpp>

#include <stepwise/net/http/request_body.hpp>
#include <stepwise/net/http/response_writer.hpp>

#include <doctest/doctest.h>

using namespace net_test;
using http::Request;
using http::RequestBody;
using http::Response;
using http::ResponseWriter;
using http::Router;

namespace {

struct Scene : Served {
    explicit Scene(http::ServerOptions options = {}) : gate(*this) {
        Router router;
        router.get("/", [](const Request&) { return Response::text("hello"); });
        router.post("/count",
                    [this](const Request& request, RequestBody& body) { return count(*this, request, body); });
        router.post("/gated", [this](const Request&, RequestBody& body) { return gated(*this, body); });
        router.post("/all", [](const Request&, RequestBody& body) { return all(body); });
        router.post("/echo", [](const Request&, RequestBody& body, ResponseWriter& out) { return echo(body, out); });
        router.post("/ignores", [](const Request&, RequestBody&) { return ignores(); });
        router.post("/collects", [](const Request& request) { return Response::text(std::string(request.body())); });
        options.body_timeout_seconds = 20;
        serve(std::move(router), options);
    }

    static Coro<Response> count(Scene& scene, const Request&, RequestBody& body) {
        struct Ends {
            Scene& scene;
            ~Ends() { ++scene.ended; }
        } ends{scene};
        ++scene.begun;
        for (std::string_view piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) {
            scene.seen += piece.size();
            scene.largest = std::max(scene.largest, piece.size());
        }
        std::string text = std::to_string(body.received_bytes());
        text += body.trailers().get("X-Check");
        co_return Response::text(text);
    }
    static Coro<Response> gated(Scene& scene, RequestBody& body) {
        Future<void> opened = scene.gate.arrive();
        co_await opened;
        std::string text = co_await body.read_all(100'000'000);
        co_return Response::text(std::to_string(text.size()));
    }
    static Coro<Response> all(RequestBody& body) {
        std::string text = co_await body.read_all(10);
        co_return Response::text(text);
    }
    static Coro<> echo(RequestBody& body, ResponseWriter& out) {
        for (std::string_view piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) {
            co_await out.write(piece);
        }
    }
    static Coro<Response> ignores() { co_return Response::text("not read"); }

    int begun = 0;
    int ended = 0;
    std::size_t seen = 0;
    std::size_t largest = 0;
    Gate gate;
};

std::string head_of_post(std::string_view target, std::size_t length, std::string_view fields = {}) {
    return "POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(length) +
           "\r\n" + std::string(fields) + "\r\n";
}

}  // namespace

TEST_CASE("a handler reads its body as it comes, before it is whole") {
    Scene scene;
    Peer client = scene.connect();
    client.send(head_of_post("/count", 12) + "hello ");
    scene.run_until([&] { return scene.seen == 6; });
    CHECK(scene.begun == 1);
    client.send("world!" + get("/"));
    CHECK(read_answer(client).body == "12");
    CHECK(read_answer(client).body == "hello");
}

TEST_CASE("the same whole, byte by byte, in chunks with trailers, and without content") {
    Scene scene;
    Peer client = scene.connect();
    const std::string chunked =
        "POST /count HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n"
        "X-Check: ok\r\n\r\n";
    client.send(chunked + chunked);
    CHECK(read_answer(client).body == "6ok");
    CHECK(read_answer(client).body == "6ok");
    for (char byte : chunked + get("/")) {
        client.send({&byte, 1});
        scene.turns(3);
    }
    CHECK(read_answer(client).body == "6ok");
    CHECK(read_answer(client).body == "hello");
    client.send(head_of_post("/count", 0) + post("/all", "0123456789"));
    CHECK(read_answer(client).body == "0");
    CHECK(read_answer(client).body == "0123456789");
}

TEST_CASE("a large body to a slow handler waits at the client") {
    Scene scene;
    Peer client = scene.connect();
    const std::string body = pattern(20'000'000);
    client.send(head_of_post("/gated", body.size()));
    std::size_t sent = 0;
    for (int round = 0; round < 200; ++round) {
        sent += client.try_send(std::string_view(body).substr(sent, 1'000'000));
        scene.turns(2);
    }
    CHECK(sent < 15'000'000);  // the kernel's buffers hold some megabytes
    scene.gate.open();
    client.send(std::string_view(body).substr(sent));
    CHECK(read_answer(client).body == "20000000");
}

TEST_CASE("what is read may be written at once") {
    Scene scene;
    Peer client = scene.connect();
    const std::string body = pattern(300'000);
    client.send(post("/echo", body));
    CHECK(client.read_until("\r\n\r\n").find("chunked") != std::string::npos);
    std::string echoed;
    for (;;) {
        std::size_t size = std::stoul(client.read_until("\r\n"), nullptr, 16);
        if (size == 0) break;
        echoed += client.read(size);
        client.read(2);
    }
    CHECK(echoed == body);
}

TEST_CASE("100 Continue comes when the handler reads, and not for what is refused") {
    Scene scene;
    const std::string expects = "Expect: 100-continue\r\n";
    Peer client = scene.connect();
    client.send(head_of_post("/gated", 5, expects));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    CHECK(client.read_what_comes() == "");
    scene.gate.open();
    CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("12345");
    CHECK(read_answer(client).body == "5");
    client.send(head_of_post("/collects", 5, expects));
    CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("12345");
    CHECK(read_answer(client).body == "12345");
    std::string target;
    int status = 0;
    std::size_t length = 5;
    SUBCASE("a handler that does not read") {
        target = "/ignores";
        status = 200;
    }
    SUBCASE("no such path") {
        target = "/none";
        status = 404;
    }
    SUBCASE("not this method") {
        target = "/";
        status = 405;
    }
    SUBCASE("too large to be collected") {
        target = "/collects";
        status = 413;
        length = 2'000'000;
    }
    client.send(head_of_post(target, length, expects));
    Answer answer = read_answer(client);
    CHECK(answer.status == status);
    CHECK(answer.has("Connection: close\r\n"));
    CHECK(client.read_to_end() == "");
}

TEST_CASE("limits: what is collected, what is streamed, and what a handler takes") {
    http::ServerOptions options;
    options.parser.body_bytes_max = 1000;
    options.streamed_body_bytes_max = 5000;
    Scene scene(options);
    Peer client = scene.connect();
    client.send(post("/collects", std::string(1000, 'x')) + post("/count", std::string(5000, 'x')));
    CHECK(read_answer(client).body.size() == 1000);
    CHECK(read_answer(client).body == "5000");
    std::string target;
    int status = 413;
    std::size_t size = 5001;
    SUBCASE("collected") {
        target = "/collects";
        size = 1001;
    }
    SUBCASE("streamed") {
        target = "/count";
    }
    SUBCASE("read_all") {
        target = "/all";
        size = 11;
        status = 500;
    }
    SUBCASE("in chunks, collected") {
        size = 1001;
        target = "/collects";
    }
    bool chunked = false;
    SUBCASE("in chunks, streamed") {
        target = "/count";
        chunked = true;
    }
    if (chunked) {
        client.send("POST /count HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1389\r\n" +
                    std::string(5001, 'x') + "\r\n0\r\n\r\n");
    } else {
        client.send(post(target, std::string(size, 'x')));
    }
    CHECK(read_answer(client).status == status);
    scene.settle();
    CHECK(scene.begun == scene.ended);
}

TEST_CASE("a body that nobody reads to its end closes the connection behind the answer") {
    Scene scene;
    Peer client = scene.connect();
    client.send(head_of_post("/ignores", 100) + "some");
    CHECK(read_answer(client).body == "not read");
    CHECK(client.read_to_end() == "");
}

TEST_CASE("the handler of a body that does not come is cancelled") {
    Scene scene;
    Peer client = scene.connect();
    client.send(head_of_post("/count", 100) + "some");
    scene.run_until([&] { return scene.seen == 4; });
    int status = 0;
    SUBCASE("the client leaves") {
        client.close();
    }
    SUBCASE("with a reset") {
        client.reset();
    }
    SUBCASE("its side ends too early") {
        client.end_writing();
        status = 400;
    }
    SUBCASE("its time is over, however often a byte comes") {
        for (int second = 0; second < 22 && !client.is_ended_now(); ++second) {
            client.try_send("x");
            scene.pass(1s);
        }
        scene.run_until([&] { return scene.ended == 1; });
        return;
    }
    if (status != 0) {
        CHECK(read_answer(client).status == status);
        CHECK(client.read_to_end() == "");
    }
    scene.run_until([&] { return scene.ended == 1; });
    CHECK(scene.server->connection_count() == 0);
    CHECK(scene.loop().task_count() == 0);
    CHECK(scene.lost.empty());
}

TEST_CASE("a body that is late is a 408") {
    Scene scene;
    Peer client = scene.connect();
    client.send(head_of_post("/count", 100) + "some");
    scene.run_until([&] { return scene.seen == 4; });
    scene.pass(22s);
    CHECK(read_answer(client).status == 408);
    CHECK(client.read_to_end() == "");
    CHECK(scene.ended == 1);
}

TEST_CASE("what becomes of a body that does not come, or of an answer to it, is told of with its request") {
    std::vector<std::string> told;
    http::ServerOptions options;
    options.on_answered = [&told](const http::Answered& answered) {
        const std::string bytes = std::to_string(answered.body_bytes);
        told.push_back(std::string(answered.request.target()) + " " + std::to_string(answered.status) + " " + bytes);
    };
    Scene scene(options);
    Peer late = scene.connect();
    late.send(head_of_post("/count", 100) + "some");
    scene.run_until([&] { return scene.seen == 4; });
    scene.pass(22s);
    const Answer answer = read_answer(late);
    CHECK(told == std::vector<std::string>{"/count 408 " + std::to_string(answer.body.size())});
    Peer gone = scene.connect();
    gone.send(head_of_post("/echo", 100) + "some");
    gone.read_until("some\r\n");
    gone.reset();
    scene.run_until([&] { return told.size() > 1; });
    CHECK(told.back() == "/echo 200 4");
    Peer silent = scene.connect();
    silent.send(head_of_post("/count", 100) + "some");
    scene.run_until([&] { return scene.seen == 8; });
    silent.reset();  // and nothing was answered
    scene.run_until([&] { return scene.server->connection_count() == 0; });
    CHECK(told.size() == 2);
}
