#include <stepwise/tests/net/http_support.hpp>

#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/response_writer.hpp>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;

namespace {

struct Scene : Served {
    Scene() : gate(*this) {
        Router router;
        router.get("/", [](const Request&) { return Response::text("hello"); });
        router.get("/large", [](const Request&) { return Response::text(std::string(10 * mebibyte, 'L')); });
        router.get("/large_and_last", [](const Request&) {
            Response response = Response::text(std::string(10 * mebibyte, 'L'));
            response.close_connection = true;
            return response;
        });
        router.post("/echo", [](const Request& request) { return Response::text(std::string(request.body())); });
        router.get("/slow", [this](const Request& request) { return answer_after(gate, request); });
        http::ServerOptions options;
        options.head_timeout_seconds = 10;
        options.body_timeout_seconds = 20;
        options.keep_alive_timeout_seconds = 30;
        options.write_timeout_seconds = 40;
        serve(std::move(router), options);
    }

    static constexpr std::size_t mebibyte = 1024 * 1024;
    Gate gate;
};

std::size_t open_max() {
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_cur;
}

}  // namespace

TEST_CASE("a head that does not end in time is a 408") {
    Scene scene;
    Peer client = scene.connect_accepted();
    client.send("GET / HT");
    scene.pass(5s);
    client.send("TP/1.1\r\nHost: ");  // bytes buy no time
    scene.pass(4s);
    CHECK_FALSE(client.is_ended_now());
    scene.pass(3s);
    Answer answer = read_answer(client);
    CHECK(answer.status == 408);
    CHECK(answer.has("Connection: close\r\n"));
    CHECK(client.read_to_end() == "");
    CHECK(scene.server->connection_count() == 0);
}

TEST_CASE("the time for a head starts at its first byte, however long the connection was idle") {
    Scene scene;
    Peer client = scene.connect_accepted();
    scene.pass(29s);
    client.send("GET / HTTP/1.1\r\n");
    scene.pass(8s);
    client.send("Host: test\r\n\r\n");
    CHECK(read_answer(client).status == 200);
}

TEST_CASE("a body that does not end in time is a 408") {
    Scene scene;
    Peer client = scene.connect_accepted();
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n01234");
    scene.pass(19s);
    CHECK_FALSE(client.is_ended_now());
    scene.pass(3s);
    CHECK(read_answer(client).status == 408);
    CHECK(client.read_to_end() == "");
}

TEST_CASE("an idle connection is closed without a word, and each answer gives it time anew") {
    Scene scene;
    Peer fresh = scene.connect_accepted();
    Peer used = scene.connect_accepted();
    scene.pass(20s);
    used.send(get("/"));
    CHECK(read_answer(used).status == 200);
    scene.pass(12s);
    CHECK(fresh.read_to_end() == "");
    CHECK(fresh.end() == 0);
    CHECK_FALSE(used.is_ended_now());
    scene.pass(20s);
    CHECK(used.read_to_end() == "");
}

TEST_CASE("thousands of idle connections cost who speaks nothing, and are closed when their time is up") {
    Scene scene;
    // Both ends are descriptors of this process; what a kernel needs for so many takes its time.
    const std::size_t count = std::min<std::size_t>(open_max() / 3, scene.loop().simulation() != nullptr ? 5000 : 200);
    std::vector<Peer> idle;
    idle.reserve(count);
    while (idle.size() < count) idle.push_back(scene.connect_accepted());
    scene.pass(20s);
    Peer speaks = scene.connect_accepted();
    speaks.send(get("/"));
    CHECK(read_answer(speaks).status == 200);
    CHECK(scene.server->connection_count() == count + 1);
    scene.pass(12s);
    CHECK(scene.server->connection_count() == 1);
    CHECK(idle.front().is_ended_now());
    CHECK(idle.back().is_ended_now());
}

TEST_CASE("a handler may take its time") {
    Scene scene;
    Peer client = scene.connect_accepted();
    client.send(get("/slow"));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    scene.pass(100s);
    scene.gate.open();
    CHECK(read_answer(client).status == 200);
    scene.pass(29s);
    CHECK_FALSE(client.is_ended_now());
    scene.pass(3s);
    CHECK(client.is_ended_now());
}

TEST_CASE("a peer that takes nothing of its answer is closed, and what was queued is freed") {
    Scene scene;
    Peer client = scene.connect(64 * 1024);
    SUBCASE("of a connection that lives on") {
        client.send(get("/large"));
    }
    SUBCASE("of one that ends with it") {
        client.send(get("/large_and_last"));
    }
    scene.settle();
    scene.pass(39s);
    CHECK(scene.server->connection_count() == 1);
    scene.pass(4s);
    CHECK(scene.server->connection_count() == 0);
    CHECK(client.read_to_end().size() < 9 * Scene::mebibyte);
}

TEST_CASE("a peer that takes its answer slowly gets it all") {
    Scene scene;
    Peer client = scene.connect(64 * 1024);
    SUBCASE("of a connection that lives on") {
        client.send(get("/large", "Cookie: x\r\n"));
    }
    SUBCASE("of one that ends with it") {
        client.send(get("/large_and_last"));
    }
    std::string head = client.read_until("\r\n\r\n");
    std::size_t read = 0;
    for (int round = 0; round < 10; ++round) {
        read += client.read(500'000).size();
        scene.pass(30s);
    }
    read += client.read(10 * Scene::mebibyte - read).size();
    CHECK(read == 10 * Scene::mebibyte);
}

TEST_CASE("what is left of an answer that ends the connection waits for a slow reader as long as any other") {
    constexpr std::size_t bytes = 10 * Scene::mebibyte;
    const auto write = [](const Request&, http::ResponseWriter& out) -> Coro<void> {
        out.head().close_connection = true;
        out.set_content_length(bytes);
        const std::string all(bytes, 'w');
        co_await out.write(all);
    };
    Router router;
    router.get("/", write);
    http::ServerOptions options;
    options.transport.write_high_water_bytes = 2 * bytes;  // the handler has written all long before the peer has it
    options.write_timeout_seconds = 40;
    Served scene(std::move(router), options);
    Peer client = scene.connect(64 * 1024);
    client.send(get("/"));
    client.read_until("\r\n\r\n");
    std::size_t read = 0;
    for (int round = 0; round < 5; ++round) {
        read += client.read(bytes / 10).size();
        scene.pass(30s);
    }
    read += client.read(bytes - read).size();
    CHECK(read == bytes);
    CHECK(client.read_to_end() == "");
    CHECK(client.end() == 0);
}
