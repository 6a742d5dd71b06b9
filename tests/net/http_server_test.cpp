#include <stepwise/tests/net/http_support.hpp>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/tests/left_out.hpp>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace net_test;
using namespace std::string_view_literals;
using http::Request;
using http::Response;
using http::Router;

namespace {

struct Scene : Served {
    Scene() : gate(*this) {
        Router router;
        router.get("/", [this](const Request& request) {
            ++calls;
            return Response::text("hello from " + std::string(request.target()));
        });
        router.get("/count/{number}", [this](const Request& request) {
            ++calls;
            return Response::text(std::string(*request.path_parameter("number")));
        });
        router.get("/large", [this](const Request&) {
            ++calls;
            return Response::text(std::string(large_bytes, 'L'));
        });
        router.post("/echo", [](const Request& request) { return Response::text(std::string(request.body())); });
        router.get("/ip", [](const Request& request) { return Response::text(std::string(request.remote_ip())); });
        router.get("/slow", [this](const Request& request) { return answer_after(gate, request); });
        router.post("/slow", [this](const Request& request) { return answer_after(gate, request); });
        router.get("/throws", [](const Request&) -> Response { throw std::runtime_error("plain trouble"); });
        router.get("/throws_later", [](const Request&) { return throw_later(); });
        router.get("/throws_at_once",
                   [](const Request&) -> Coro<Response> { throw std::runtime_error("no coroutine was made"); });
        router.get("/bad_status", [](const Request&) { return Response(42); });
        router.get("/closes", [](const Request&) {
            Response response = Response::text("last");
            response.close_connection = true;
            return response;
        });
        http::ServerOptions options;
        options.connections_max = 50;
        serve(std::move(router), options);
    }

    static Coro<Response> throw_later() {
        Future<void> never = EventLoop::current().create_future<void>();
        never.set_exception(std::make_exception_ptr(std::runtime_error("coroutine trouble")));
        co_await never;
        co_return Response();
    }

    std::size_t large_bytes = 10 * 1024 * 1024;
    int calls = 0;
    Gate gate;
};

unsigned segments_in(int socket) {
    tcp_info info{};
    socklen_t size = sizeof(info);
    calls::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_data_segs_in;
}

}  // namespace

TEST_CASE("a request is answered, with its head in order, and the connection lives on") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/"));
    Answer answer = read_answer(client);
    CHECK(answer.head.starts_with("HTTP/1.1 200 OK\r\nDate: "));
    CHECK(answer.has("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    CHECK_FALSE(answer.has("Connection:"));
    CHECK(answer.body == "hello from /");
    client.send(get("/?a=b"));
    CHECK(read_answer(client).body == "hello from /?a=b");
    CHECK(scene.server->connection_count() == 1);
    client.close();
    scene.run_until([&] { return scene.server->connection_count() == 0; });
}

TEST_CASE("a request may come one byte at a time") {
    Scene scene;
    Peer client = scene.connect();
    for (char byte : post("/echo", "the body") + get("/")) {
        client.send({&byte, 1});
        scene.turns(3);
    }
    CHECK(read_answer(client).body == "the body");
    CHECK(read_answer(client).body == "hello from /");
}

TEST_CASE("sixteen requests sent ahead are answered in order, in one send") {
    Scene scene;
    Peer client = scene.connect_accepted();
    std::string requests;
    for (int number = 0; number < 16; ++number) requests += get("/count/" + std::to_string(number));
    client.send(requests);
    scene.settle();
    if (!is_left_out_on_simulator("it counts no segments")) CHECK(segments_in(client.fd()) == 1);
    for (int number = 0; number < 16; ++number) CHECK(read_answer(client).body == std::to_string(number));
}

TEST_CASE("a coroutine among plain handlers keeps the order of a connection's answers") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/count/1") + get("/slow") + get("/count/2") + post("/slow", "x") + get("/count/3"));
    CHECK(read_answer(client).body == "1");
    scene.settle();
    CHECK(client.read_now() == "");
    CHECK(scene.gate.arrived == 1);
    scene.gate.open();
    CHECK(read_answer(client).body == "after /slow by 127.0.0.1");
    CHECK(read_answer(client).body == "2");
    scene.settle();
    CHECK(scene.gate.arrived == 2);
    CHECK(scene.calls == 2);
    client.send(get("/count/4"));
    scene.settle();
    scene.gate.open();
    CHECK(read_answer(client).body == "after /slow by 127.0.0.1");
    CHECK(read_answer(client).body == "3");
    CHECK(read_answer(client).body == "4");
}

TEST_CASE("a slow handler does not delay another connection") {
    Scene scene;
    Peer slow = scene.connect();
    slow.send(get("/slow"));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    Peer quick = scene.connect();
    quick.send(get("/"));
    CHECK(read_answer(quick).status == 200);
    CHECK(slow.read_now() == "");
    scene.gate.open();
    CHECK(read_answer(slow).status == 200);
}

TEST_CASE("a client that leaves while its handler runs costs nobody anything") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/slow") + get("/count/1"));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    bool half_closed = false;
    SUBCASE("in order") {
        client.close();
    }
    SUBCASE("with a reset") {
        client.reset();
    }
    SUBCASE("with its sending side only") {
        client.end_writing();
        half_closed = true;
    }
    scene.settle();
    scene.gate.open();
    scene.settle();
    CHECK(scene.gate.passed == 1);
    if (half_closed) {
        CHECK(read_answer(client).body == "after /slow by 127.0.0.1");
        CHECK(read_answer(client).body == "1");
        CHECK(client.read_to_end() == "");
    }
    scene.run_until([&] { return scene.server->connection_count() == 0; });
    CHECK(scene.lost.empty());
}

TEST_CASE("a handler that throws is a 500, is told, and its connection lives on") {
    Scene scene;
    Peer client = scene.connect();
    std::string target, expected;
    SUBCASE("plain") {
        target = "/throws";
        expected = "plain trouble";
    }
    SUBCASE("a coroutine") {
        target = "/throws_later";
        expected = "coroutine trouble";
    }
    SUBCASE("a function that should have made a coroutine") {
        target = "/throws_at_once";
        expected = "no coroutine was made";
    }
    client.send(get(target));
    CHECK(read_answer(client).status == 500);
    REQUIRE(scene.lost.size() == 1);
    CHECK(scene.lost[0] == "the handler of GET " + target + ": " + expected);
    client.send(get("/"));
    CHECK(read_answer(client).status == 200);
}

TEST_CASE("a response that no client may get is a 500, and the connection ends") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/bad_status"));
    Answer answer = read_answer(client);
    CHECK(answer.status == 500);
    CHECK(answer.has("Connection: close\r\n"));
    CHECK(client.read_to_end() == "");
    CHECK(scene.lost.size() == 1);
}

TEST_CASE("HEAD gets no body, whatever went wrong") {
    Scene scene;
    std::string request = "HEAD /bad_status HTTP/1.1\r\nHost: test\r\n\r\n";
    std::string status = "HTTP/1.1 500 ";
    SUBCASE("in its answer") {}
    SUBCASE("in what it sends") {
        request = "HEAD / HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n";
        status = "HTTP/1.1 413 ";
    }
    SUBCASE("in a chunk of it") {
        request = "HEAD / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nx";
        status = "HTTP/1.1 400 ";
    }
    Peer client = scene.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n" + request);
    CHECK(read_answer(client, true).status == 200);
    const std::string answer = client.read_to_end();
    CHECK(answer.starts_with(status));
    CHECK(answer.find("\r\n\r\n") == answer.size() - 4);
    // Of a request that is none nobody knows that it is HEAD.
    Peer other = scene.connect();
    other.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\nHEAD / HTTP/1.1\r\n\r\n");
    CHECK(read_answer(other, true).status == 200);
    CHECK(read_answer(other).body != "");
}

TEST_CASE("paths and methods that are not there: 404, 405 with Allow; HEAD like GET without the body") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/nowhere"));
    CHECK(read_answer(client).status == 404);
    client.send("DELETE / HTTP/1.1\r\nHost: test\r\n\r\n");
    Answer answer = read_answer(client);
    CHECK(answer.status == 405);
    CHECK(answer.has("Allow: GET, HEAD, OPTIONS\r\n"));
    client.send("OPTIONS / HTTP/1.1\r\nHost: test\r\n\r\n");
    answer = read_answer(client);
    CHECK(answer.status == 204);
    CHECK(answer.has("Allow: GET, HEAD, OPTIONS\r\n"));
    client.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    answer = read_answer(client, true);
    CHECK(answer.status == 200);
    CHECK(answer.has("Content-Length: 12\r\n"));
    client.send("HEAD /nowhere HTTP/1.1\r\nHost: test\r\n\r\n" + get("/count/7"));
    CHECK(read_answer(client, true).status == 404);
    CHECK(read_answer(client).body == "7");
}

TEST_CASE("bodies: with a length, in chunks, none, and one that is too large") {
    Scene scene;
    Peer client = scene.connect();
    std::string body = pattern(200'000);
    client.send(post("/echo", body));
    CHECK(read_answer(client).body == body);
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::string_view piece : {"5\r\nhello\r\n", "1;x=y\r\n \r\n", "5\r\nworld\r\n", "0\r\nX-Check: t\r\n\r\n"}) {
        client.send(piece);
        scene.turns(4);
    }
    CHECK(read_answer(client).body == "hello world");
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    CHECK(read_answer(client).body == "");
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1048577\r\n\r\n");
    CHECK(read_answer(client).status == 413);
    CHECK(client.read_to_end() == "");
}

TEST_CASE("a body that turns out too large is refused, and its sender still reads why") {
    Scene scene;
    Peer client = scene.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int count = 0; count < 400; ++count) {
        client.send("2710\r\n" + std::string(10'000, 'x') + "\r\n");
        scene.turns(1);
    }
    CHECK(read_answer(client).status == 413);
    CHECK(client.read_to_end() == "");
    CHECK(client.end() == 0);
}

TEST_CASE("who expects 100 is told to go on") {
    Scene scene;
    Peer client = scene.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    CHECK(read_answer(client).body == "body");
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n");
    CHECK(read_answer(client).status == 413);
}

TEST_CASE("a mistake of each kind gets its status, and the connection is closed") {
    struct Mistake {
        std::string_view bytes;
        int status;
    };
    const Mistake mistakes[] = {
        {"GET / HTTP/1.1\nHost: test\n\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: test\r\nNull: a\0b\r\n\r\n"sv, 400},
        {"GET / HTTP/1.1\r\nHost: test\r\n folded: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : test\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: -1\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"sv, 400},
    };
    Scene scene;
    for (const Mistake& mistake : mistakes) {
        CAPTURE(mistake.bytes);
        Peer client = scene.connect();
        client.send(get("/count/1") + std::string(mistake.bytes) + get("/count/2"));
        CHECK(read_answer(client).body == "1");
        Answer answer = read_answer(client);
        CHECK(answer.status == mistake.status);
        CHECK(answer.has("Connection: close\r\n"));
        CHECK(client.read_to_end() == "");
        CHECK(client.end() == 0);
    }
    CHECK(scene.calls == static_cast<int>(std::size(mistakes)));
    Peer client = scene.connect();
    client.send("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: test\r\n\r\n");
    CHECK(read_answer(client).status == 414);
    client = scene.connect();
    client.send(get("/", "Large: " + std::string(40'000, 'a') + "\r\n"));
    CHECK(read_answer(client).status == 431);
}

TEST_CASE("a request that breaks off is answered with 400") {
    Scene scene;
    Peer client = scene.connect();
    client.send("GET / HTTP/1.1\r\nHos");
    client.end_writing();
    CHECK(read_answer(client).status == 400);
    CHECK(client.read_to_end() == "");
}

TEST_CASE("connections end when either side says so") {
    Scene scene;
    std::string request, connection = "Connection: close\r\n";
    SUBCASE("the client's Connection: close") {
        request = get("/", "Connection: close\r\n");
    }
    SUBCASE("HTTP/1.0") {
        request = "GET / HTTP/1.0\r\n\r\n";
    }
    SUBCASE("the response") {
        request = get("/closes");
    }
    Peer client = scene.connect();
    client.send(request + get("/count/1"));
    Answer answer = read_answer(client);
    CHECK(answer.status == 200);
    CHECK(answer.has(connection));
    CHECK(client.read_to_end() == "");
    CHECK(client.end() == 0);
    CHECK(scene.calls <= 1);
}

TEST_CASE("the peer's address is known, also to a coroutine, also when the peer is gone") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/ip"));
    CHECK(read_answer(client).body == "127.0.0.1");
    std::string path = "/tmp/stepwise_http_test_" + std::to_string(::getpid());
    ::unlink(path.c_str());
    net::Address address = scene.server->listen(net::Address::unix_socket(path));
    Peer local = Peer::connect(scene, address);
    local.send(get("/ip"));
    CHECK(read_answer(local).body == "");
    ::unlink(path.c_str());
}

TEST_CASE("beyond connections_max a client is told 503, and others are served") {
    Scene scene;
    std::vector<Peer> clients;
    for (int count = 0; count < 50; ++count) clients.push_back(scene.connect_accepted());
    Peer late = scene.connect();
    Answer answer = read_answer(late);
    CHECK(answer.status == 503);
    CHECK(answer.body.find("connections_max") != std::string::npos);
    CHECK(late.read_to_end() == "");
    clients[0].send(get("/"));
    CHECK(read_answer(clients[0]).status == 200);
    clients[1].close();
    scene.run_until([&] { return scene.server->connection_count() == 49; });
    Peer later = scene.connect();
    later.send(get("/"));
    CHECK(read_answer(later).status == 200);
}

TEST_CASE("a large response to a slow reader is whole, while others are served") {
    Scene scene;
    Peer slow = scene.connect(64 * 1024);
    slow.send(get("/large") + get("/count/1"));
    std::string expected_length = "Content-Length: " + std::to_string(scene.large_bytes);
    CHECK(slow.read_until("\r\n\r\n").find(expected_length) != std::string::npos);
    std::string body;
    for (int round = 0; round < 20; ++round) {
        body += slow.read(5000);
        Peer quick = scene.connect();
        quick.send(get("/"));
        REQUIRE(read_answer(quick).status == 200);
    }
    body += slow.read(scene.large_bytes - body.size());
    CHECK(body == std::string(scene.large_bytes, 'L'));
    CHECK(read_answer(slow).body == "1");
}

TEST_CASE("a client that sends ahead and does not read is served no further than its outbox") {
    Scene scene;
    scene.large_bytes = 10'000;
    Peer client = scene.connect(64 * 1024);
    std::string requests;
    for (int number = 0; number < 3000; ++number) requests += get("/large");
    requests += get("/count/1");
    std::size_t sent = 0;
    for (int round = 0; round < 50; ++round) {
        sent += client.try_send(std::string_view(requests).substr(sent));
        scene.settle();
    }
    int calls = scene.calls;
    CHECK(calls < 1000);  // the kernel's buffers hold some megabytes
    bool end_early = false;
    SUBCASE("then it reads all") {}
    SUBCASE("then it ends its side and reads all") {
        end_early = true;
    }
    std::string read;
    std::string last = "1";
    scene.run_until([&] {
        if (sent < requests.size()) sent += client.try_send(std::string_view(requests).substr(sent));
        if (sent == requests.size() && std::exchange(end_early, false)) client.end_writing();
        read += client.read_now();
        return client.ended() || (read.ends_with("\r\n\r\n1") && scene.calls == 3001);
    });
    CHECK(scene.calls == 3001);
    CHECK(read.size() > 3000 * scene.large_bytes);
}
