// What comes through TLS together with its end, or with more than was asked for: it is read ahead of whoever takes it.
#include <stepwise/tests/net/fetch_support.hpp>
#include <stepwise/tests/net/tls_support.hpp>

#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/request_body.hpp>

#include <doctest/doctest.h>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;

namespace {

Coro<Response> count_late(Gate& gate, http::RequestBody& body) {
    Future<void> opened = gate.arrive();
    co_await opened;
    std::string text = co_await body.read_all(1'000'000);
    co_return Response::text(std::to_string(text.size()));
}

struct Scene : Served {
    Scene() : gate(*this) {
        Router router;
        router.post("/late", [this](const Request&, http::RequestBody& body) { return count_late(gate, body); });
        http::ServerOptions options;
        options.tls = server_context();
        serve(std::move(router), options);
    }

    Gate gate;
};

}  // namespace

TEST_CASE("a body whose sender has ended its side behind it is read whole, however late its handler reads") {
    Scene scene;
    TlsPeer client(scene, scene.connect());
    client.shake_hands();
    std::size_t bytes = 120'000;
    std::string body = pattern(bytes);
    std::string status = "200 OK";
    std::string answer = "\r\n\r\n120000";
    SUBCASE("all of it") {}
    SUBCASE("but for its last byte") {
        body.pop_back();
        status = "400 Bad Request";
        answer = "the peer closed the connection within the body of a request\n";
    }
    client.session->write("POST /late HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n");
    client.session->write(body);
    client.close();
    scene.run_until([&] {
        client.receive();
        return scene.gate.arrived == 1;
    });
    for (int round = 0; round < 10; ++round) {
        client.receive();
        scene.settle();
    }
    scene.gate.open();
    const std::string all = client.read_to_end();
    CHECK(all.starts_with("HTTP/1.1 " + status + "\r\n"));
    CHECK(all.ends_with(answer));
    scene.run_until([&] { return scene.server->connection_count() == 0; });
}

TEST_CASE("a connection on which more came than was asked for is not kept, though nobody has read that yet") {
    Scripted scene;
    http::Client client(scene.loop());
    FetchRequest request("https://localhost:" + std::to_string(scene.address.port()) + "/");
    request.tls = client_context();
    Task<FetchResponse> fetching = scene.loop().create_task(client.fetch(std::move(request)));
    TlsPeer server(scene, scene.accept(), server_context(), "");
    server.shake_hands();
    CHECK(server.read(5) == "GET /");
    constexpr std::size_t read_at_once_bytes = 16 * 1024;
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 00000\r\n\r\n";
    const std::string length = std::to_string(read_at_once_bytes - answer.size());
    answer.replace(answer.find("00000"), 5, length);
    answer.resize(read_at_once_bytes, 'b');
    SUBCASE("another response") {
        server.send(answer + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    }
    SUBCASE("the end") {
        server.session->write(answer);
        server.close();
    }
    const FetchResponse response = scene.finish(fetching);
    CHECK(text_of(response) == "");
    CHECK(std::to_string(response.body.size()) == length);
    CHECK(client.idle_count() == 0);
}
