#include <stepwise/tests/captured_stderr.hpp>
#include <stepwise/tests/net/support.hpp>

#include <sys/resource.h>
#include <unistd.h>
#include <stepwise/net/listener.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <array>
#include <functional>

using namespace net_test;
using net::Address;
using net::Listener;

namespace {

struct Scene {
    explicit Scene(const Address& address = Address::tcp("127.0.0.1", 0)) { listen_on(net::listen_on(address)); }

    void listen_on(UniqueFd listening) {
        listener.emplace(world.loop(), std::move(listening), [this](UniqueFd socket) {
            accepted.push_back(std::move(socket));
            if (on_accept) on_accept();
        });
    }

    World world;
    std::vector<UniqueFd> accepted;
    std::function<void()> on_accept;
    std::optional<Listener> listener;
};

// No descriptor is left but those that are open.
struct FewDescriptors {
    FewDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before);
        UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        rlimit few = before;
        few.rlim_cur = static_cast<rlim_t>(next.get());
        ::setrlimit(RLIMIT_NOFILE, &few);
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
    rlimit before{};
};

// What goes to stderr meanwhile.

}  // namespace

TEST_CASE("a listener gives out every connection, each once") {
    Scene scene;
    std::vector<Peer> peers;
    for (int count = 0; count < 150; ++count) peers.push_back(Peer::connect(scene.world, scene.listener->address()));
    scene.world.run_until([&] { return scene.accepted.size() == peers.size(); });
    scene.world.settle();
    CHECK(scene.accepted.size() == 150);
}

TEST_CASE("an accepted socket is non-blocking and close-on-exec") {
    Scene scene;
    Peer peer = Peer::connect(scene.world, scene.listener->address());
    scene.world.run_until([&] { return scene.accepted.size() == 1; });
    CHECK((::fcntl(scene.accepted[0].get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(scene.accepted[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("after close nothing is given out, and the port is free") {
    Scene scene;
    Address address = scene.listener->address();
    Peer first = Peer::connect(scene.world, address);
    scene.world.run_until([&] { return scene.accepted.size() == 1; });
    Peer waiting = Peer::connect(scene.world, address);
    scene.listener->close();
    scene.listener->close();
    CHECK_THROWS_AS(Peer::connect(scene.world, address), std::system_error);
    scene.world.settle();
    CHECK(scene.accepted.size() <= 2);
    UniqueFd again = net::listen_on(address);
    CHECK(again.get() >= 0);
}

TEST_CASE("a listener may be closed by the connection that it gives out") {
    Scene scene;
    scene.on_accept = [&] { scene.listener->close(); };
    Peer first = Peer::connect(scene.world, scene.listener->address());
    Peer second = Peer::connect(scene.world, scene.listener->address());
    scene.world.settle();
    CHECK(scene.accepted.size() == 1);
}

TEST_CASE("an error in the callback costs its connection, not the others") {
    Scene scene;
    bool failed = false;
    scene.on_accept = [&] {
        if (std::exchange(failed, true)) return;
        scene.accepted.clear();
        throw std::runtime_error("no");
    };
    Peer first = Peer::connect(scene.world, scene.listener->address());
    Peer second = Peer::connect(scene.world, scene.listener->address());
    scene.world.run_until([&] { return scene.accepted.size() == 1; });
    CHECK(first.read_to_end() == "");
    CHECK(scene.world.lost.size() == 1);
}

TEST_CASE("a port that is taken is said with its address") {
    Scene scene;
    Address address = scene.listener->address();
    try {
        UniqueFd second = net::listen_on(address);
        FAIL("two listeners on one port");
    } catch (const std::system_error& error) {
        CHECK(error.code().value() == EADDRINUSE);
        CHECK(std::string(error.what()).find("cannot listen on " + address.to_string()) == 0);
    }
}

TEST_CASE("two listeners share a port that both ask to share") {
    World world;
    UniqueFd first = net::listen_on(Address::tcp("127.0.0.1", 0), {.backlog = 16, .reuse_port = true});
    Address address = Address::of_local_end(first.get());
    UniqueFd second = net::listen_on(address, {.backlog = 16, .reuse_port = true});
    CHECK(second.get() >= 0);
}

TEST_CASE("a Unix socket listens") {
    std::string path = "/tmp/stepwise_listener_test_" + std::to_string(::getpid());
    ::unlink(path.c_str());
    {
        Scene scene(Address::unix_socket(path));
        Peer peer = Peer::connect(scene.world, scene.listener->address());
        scene.world.run_until([&] { return scene.accepted.size() == 1; });
        CHECK(net::ip_of_peer(scene.accepted[0].get()) == "");
        CHECK(net::unacknowledged_bytes(scene.accepted[0].get()) <= 0);
    }
    ::unlink(path.c_str());
}

TEST_CASE("out of descriptors it says so once, waits, harms nobody, and goes on") {
    Scene scene;
    Address address = scene.listener->address();
    Peer before = Peer::connect(scene.world, address);
    scene.world.run_until([&] { return scene.accepted.size() == 1; });
    scene.listener.reset();
    Peer late(scene.world, UniqueFd(calls::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    UniqueFd listening = net::listen_on(address);
    std::string said;
    {
        CapturedStderr captured;
        FewDescriptors few;
        scene.listen_on(std::move(listening));
        REQUIRE(calls::connect(late.fd(), address.get(), address.size()) == 0);
        for (int tries = 0; tries < 5; ++tries) {
            scene.world.settle();
            scene.world.clock.advance(Listener::retry_interval);
        }
        scene.world.settle();
        CHECK(scene.accepted.size() == 1);
        REQUIRE(calls::send(scene.accepted[0].get(), "alive", 5) == 5);
        CHECK(before.read(5) == "alive");
        said = captured.text();
    }
    CHECK(said.find("Too many open files") != std::string::npos);
    CHECK(said.find('\n') == said.size() - 1);
    scene.world.clock.advance(Listener::retry_interval);
    scene.world.run_until([&] { return scene.accepted.size() == 2; });
    scene.world.settle();
}

TEST_CASE("a listener ends while it waits for descriptors") {
    Scene scene;
    Address address = scene.listener->address();
    scene.listener.reset();
    Peer late(scene.world, UniqueFd(calls::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    UniqueFd listening = net::listen_on(address);
    CapturedStderr captured;
    FewDescriptors few;
    scene.listen_on(std::move(listening));
    REQUIRE(calls::connect(late.fd(), address.get(), address.size()) == 0);
    scene.world.settle();
    scene.listener.reset();
    scene.world.clock.advance(1s);
    scene.world.settle();
    CHECK(scene.accepted.empty());
}

TEST_CASE("sockets that listen side by side share one port, and the kernel spreads connections over them") {
    World world;
    std::vector<UniqueFd> sockets = net::listen_side_by_side(Address::tcp("127.0.0.1", 0), 3);
    REQUIRE(sockets.size() == 3);
    const Address address = Address::of_local_end(sockets[0].get());
    std::array<int, 3> accepted{};
    std::vector<std::unique_ptr<Listener>> listeners;
    for (std::size_t index = 0; index < 3; ++index) {
        CHECK(Address::of_local_end(sockets[index].get()).to_string() == address.to_string());
        auto count = [&accepted, index](UniqueFd) { ++accepted[index]; };
        listeners.push_back(std::make_unique<Listener>(world.loop(), std::move(sockets[index]), count));
    }
    std::vector<Peer> peers;
    for (int count = 0; count < 150; ++count) peers.push_back(Peer::connect(world, address));
    world.run_until([&] { return accepted[0] + accepted[1] + accepted[2] == 150; });
    for (int count : accepted) CHECK(count > 0);
}

TEST_CASE("a port that is taken is not shared with who comes later to listen side by side") {
    net::ListenOptions shared;
    shared.reuse_port = true;
    SUBCASE("by one that listens alone") {
        UniqueFd taken = net::listen_on(Address::tcp("127.0.0.1", 0));
        CHECK_THROWS_AS(net::listen_side_by_side(Address::of_local_end(taken.get()), 2), std::system_error);
    }
    SUBCASE("by one that would share it") {
        UniqueFd taken = net::listen_on(Address::tcp("127.0.0.1", 0), shared);
        CHECK_THROWS_AS(net::listen_side_by_side(Address::of_local_end(taken.get()), 2), std::system_error);
    }
    SUBCASE("by two side by side") {
        std::vector<UniqueFd> taken = net::listen_side_by_side(Address::tcp("127.0.0.1", 0), 2);
        const Address address = Address::of_local_end(taken[0].get());
        CHECK_THROWS_AS(net::listen_side_by_side(address, 2), std::system_error);
        CHECK_THROWS_AS(net::listen_on(address), std::system_error);
    }
    SUBCASE("unless both ask to share it") {
        UniqueFd first = net::listen_on(Address::tcp("127.0.0.1", 0), shared);
        CHECK(net::listen_side_by_side(Address::of_local_end(first.get()), 2, shared).size() == 2);
    }
}
