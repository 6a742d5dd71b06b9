#include <stepwise/tests/net/http_support.hpp>

#include <stepwise/net/http/connection.hpp>

#include <doctest/doctest.h>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;

namespace {

struct TakesOver final : http::UpgradeHandler {
    std::optional<Response> accept(Request&, http::Upgrade& upgrade) override {
        ++calls;
        net::Transport::Owner transport = upgrade.take_transport();
        return std::nullopt;
    }
    int calls = 0;
};

struct Scene : Served {
    Scene() : gate(*this) {
        Router router;
        router.get("/", [](const Request&) { return Response::text("hello"); });
        router.get("/large", [](const Request&) { return Response::text(std::string(large_bytes, 'L')); });
        router.get("/slow", [this](const Request& request) { return answer_after(gate, request); });
        router.get("/stop", [this](const Request&) { return stop_server(*this); });
        router.get("/upgrade", takes_over);
        serve(std::move(router));
    }

    static Coro<Response> stop_server(Scene& scene) {
        co_await scene.server->shutdown(1s);
        co_return Response::text("stopped");
    }

    static constexpr std::size_t large_bytes = 10 * 1024 * 1024;
    std::shared_ptr<TakesOver> takes_over = std::make_shared<TakesOver>();
    Gate gate;
};

}  // namespace

TEST_CASE("shutdown closes idle connections, refuses new ones, and waits for those that are busy") {
    Scene scene;
    Peer idle = scene.connect_accepted();
    Peer used = scene.connect();
    used.send(get("/"));
    CHECK(read_answer(used).status == 200);
    Peer busy = scene.connect();
    busy.send(get("/slow") + get("/"));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    Task<void> shutdown = scene.start_shutdown(10s);
    CHECK(scene.server->shutting_down());
    CHECK(idle.read_to_end() == "");
    CHECK(used.read_to_end() == "");
    CHECK_FALSE(shutdown.done());
    CHECK_THROWS_AS(scene.connect(), std::system_error);
    scene.gate.open();
    Answer answer = read_answer(busy);
    CHECK(answer.status == 200);
    CHECK(answer.has("Connection: close\r\n"));
    CHECK(busy.read_to_end() == "");
    scene.run_until([&] { return shutdown.done(); });
    CHECK(scene.server->connection_count() == 0);
    shutdown.result();
}

TEST_CASE("shutdown of a server that serves nobody is done at once") {
    Scene scene;
    scene.run(scene.server->shutdown(10s));
    scene.run(scene.server->shutdown(10s));
}

TEST_CASE("a request that is half there is answered before the end") {
    Scene scene;
    Peer client = scene.connect_accepted();
    client.send("GET / HTTP/1.1\r\nHost: ");
    scene.settle();
    Task<void> shutdown = scene.start_shutdown(10s);
    CHECK_FALSE(shutdown.done());
    client.send("test\r\n\r\n");
    CHECK(read_answer(client).status == 200);
    CHECK(client.read_to_end() == "");
    scene.run_until([&] { return shutdown.done(); });
}

TEST_CASE("shutdown waits for the last byte of an answer, also of one that began before") {
    Scene scene;
    Peer client = scene.connect(64 * 1024);
    client.send(get("/large"));
    scene.settle();
    Peer late = scene.connect(64 * 1024);
    late.send("GET /large HTTP/1.1\r\nHost: test\r\n");
    scene.settle();
    Task<void> shutdown = scene.start_shutdown(10s);
    late.send("\r\n");
    scene.settle();
    CHECK_FALSE(shutdown.done());
    CHECK(read_answer(client).body.size() == Scene::large_bytes);
    CHECK(client.read_to_end() == "");
    CHECK(read_answer(late).body.size() == Scene::large_bytes);
    scene.run_until([&] { return shutdown.done(); });
}

TEST_CASE("at the deadline what is left is aborted, and its handlers are cancelled") {
    Scene scene;
    Peer busy = scene.connect();
    busy.send(get("/slow"));
    Peer slow_reader = scene.connect(64 * 1024);
    slow_reader.send(get("/large"));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    scene.settle();
    Task<void> shutdown = scene.start_shutdown(5s);
    scene.pass(4s);
    CHECK_FALSE(shutdown.done());
    scene.pass(2s);
    CHECK(shutdown.done());
    CHECK(scene.server->connection_count() == 0);
    CHECK(busy.read_to_end() == "");
    CHECK(slow_reader.read_to_end().size() < Scene::large_bytes);
    CHECK(scene.gate.cancelled == 1);
    CHECK(scene.loop().task_count() == 0);
}

TEST_CASE("a cancelled shutdown aborts at once") {
    Scene scene;
    Peer busy = scene.connect();
    busy.send(get("/slow"));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    Task<void> shutdown = scene.start_shutdown(10s);
    shutdown.cancel();
    scene.settle();
    CHECK(shutdown.cancelled());
    CHECK(busy.read_to_end() == "");
    CHECK(scene.gate.cancelled == 1);
}

TEST_CASE("two may wait for one shutdown, and the shorter deadline counts") {
    Scene scene;
    Peer busy = scene.connect();
    busy.send(get("/slow"));
    scene.run_until([&] { return scene.gate.arrived == 1; });
    Task<void> first = scene.start_shutdown(100s);
    Task<void> second = scene.start_shutdown(3s);
    SUBCASE("it ends in order") {
        scene.gate.open();
    }
    SUBCASE("it is aborted") {
        scene.pass(4s);
    }
    SUBCASE("the second is cancelled") {
        second.cancel();
    }
    scene.run_until([&] { return first.done() && second.done(); });
    CHECK(scene.server->connection_count() == 0);
    CHECK_FALSE(first.cancelled());
    CHECK(scene.lost.empty());
}

TEST_CASE("a handler may shut its server down; it is cancelled itself at the deadline") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/stop"));
    scene.settle();
    CHECK_THROWS_AS(scene.connect(), std::system_error);
    scene.pass(2s);
    CHECK(client.read_to_end() == "");
    CHECK(scene.loop().task_count() == 0);
    CHECK(scene.lost.empty());
}

TEST_CASE("nothing is upgraded while the server shuts down") {
    Scene scene;
    Peer client = scene.connect_accepted();
    client.send("GET /upgrade HTTP/1.1\r\n");
    scene.settle();
    Task<void> shutdown = scene.start_shutdown(10s);
    client.send("Host: test\r\n\r\n");
    CHECK(read_answer(client).status == 503);
    CHECK(client.read_to_end() == "");
    CHECK(scene.takes_over->calls == 0);
    scene.run_until([&] { return shutdown.done(); });
}

TEST_CASE("a coroutine that is cancelled answers 503") {
    Scene scene;
    Peer client = scene.connect();
    client.send(get("/slow") + get("/"));
    SUBCASE("while it waits") {
        scene.run_until([&] { return scene.gate.arrived == 1; });
        scene.loop().cancel_all_tasks();
        CHECK(scene.gate.cancelled == 1);
    }
    SUBCASE("before it began") {
        scene.run_until([&] { return scene.loop().task_count() == 1; });
        bool began = scene.gate.arrived != 0;
        scene.loop().cancel_all_tasks();
        CHECK(scene.gate.cancelled == (began ? 1 : 0));
    }
    CHECK(read_answer(client).status == 503);
    CHECK(client.read_to_end() == "");
}

TEST_CASE("a server may end with connections, running handlers and queued answers, before its loop or with it") {
    Scene scene;
    std::vector<Peer> clients;
    for (const std::string& request :
         {get("/slow"), get("/large"), std::string("GET /"), std::string(), get("/slow")}) {
        clients.push_back(scene.connect(64 * 1024));
        clients.back().send(request);
        scene.turns(10);
    }
    SUBCASE("the server first") {
        scene.server.reset();
        for (Peer& client : clients) CHECK(client.read_to_end().size() < Scene::large_bytes);
        scene.settle();
        CHECK(scene.gate.cancelled == 2);
        CHECK(scene.loop().task_count() == 0);
    }
    SUBCASE("a handler that has not begun goes with it") {
        Peer last = scene.connect();
        last.send(get("/slow"));
        scene.run_until([&] { return scene.loop().task_count() == 3; });
        scene.server.reset();
        scene.gate.open();
        scene.settle();
        CHECK(scene.loop().task_count() == 0);
    }
    SUBCASE("both at once") {
        scene.server.reset();
        scene.end_loop();
    }
    SUBCASE("tasks are cancelled first") {
        scene.loop().cancel_all_tasks();
        scene.server.reset();
        scene.end_loop();
    }
}

TEST_CASE("a server in a task's frame ends with the loop") {
    World world;
    struct Program {
        static Coro<void> run(EventLoop& loop, Gate& gate, net::Address& address) {
            Router router;
            router.get("/slow", [&gate](const Request& request) { return answer_after(gate, request); });
            http::Server server(loop, std::move(router));
            address = server.listen(net::Address::tcp("127.0.0.1", 0));
            Future<void> never = loop.create_future<void>();
            co_await never;
        }
    };
    Gate gate(world);
    net::Address address;
    Task<void> program = world.loop().create_task(Program::run(world.loop(), gate, address));
    world.settle();
    Peer idle = Peer::connect(world, address);
    Peer busy = Peer::connect(world, address);
    busy.send(get("/slow"));
    world.run_until([&] { return gate.arrived == 1; });
    world.end_loop();
    CHECK(program.cancelled());
    CHECK(busy.is_ended_now());
}
