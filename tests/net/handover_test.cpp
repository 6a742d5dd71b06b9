#include <stepwise/tests/net/support.hpp>

#include <stepwise/net/http/server.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/sync/event.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <set>

using namespace net_test;
using net::Stream;

namespace {

// A stream on one loop, and a second loop, both on the test's thread: the test says when each has its turns.
struct Scene {
    explicit Scene(Pair pair = tcp_pair())
        : peer(here, std::move(pair.theirs)), stream(here.loop(), std::move(pair.ours)) {}

    Stream hand_over() {
        Task<Stream::Detached> detaching = here.loop().create_task(stream.detach());
        here.run_until([&] { return detaching.done(); });
        return Stream(there.loop(), here.loop().run_until_complete(std::move(detaching)));
    }

    World here;
    World there;
    Peer peer;
    Stream stream;
};

Coro<std::string> line(Stream& stream) {
    std::optional<std::string> read = co_await stream.read_until("\n");
    if (!read) co_return "(end)";
    co_return *read;
}

Coro<void> drain(Stream& stream) {
    co_await stream.drain();
}

constexpr std::size_t mebibyte = 1024 * 1024;

}  // namespace

TEST_CASE(
    "a detached stream goes on on another loop, with what was read and not taken, and what was written and not sent") {
    Scene scene;
    scene.peer.send("first\nsec");
    CHECK(scene.here.run(line(scene.stream)) == "first\n");
    scene.stream.write("one ");
    Stream moved = scene.hand_over();
    scene.peer.send("ond\nthird\n");
    CHECK(scene.there.run(line(moved)) == "second\n");
    CHECK(scene.there.run(line(moved)) == "third\n");
    moved.write("two\n");
    scene.there.settle();
    CHECK(scene.peer.read(8) == "one two\n");
    SUBCASE("and back") {
        Task<Stream::Detached> detaching = scene.there.loop().create_task(moved.detach());
        scene.there.run_until([&] { return detaching.done(); });
        scene.stream = Stream(scene.here.loop(), scene.there.loop().run_until_complete(std::move(detaching)));
        scene.peer.send("fourth\n");
        CHECK(scene.here.run(line(scene.stream)) == "fourth\n");
    }
}

TEST_CASE("detach waits until all that was written is sent") {
    Scene scene;
    limit_send_buffer(scene.stream.fd());
    const std::string large = pattern(2 * mebibyte);
    scene.stream.write(large);
    SUBCASE("and the end behind it") {
        scene.stream.write_end();
    }
    Task<Stream::Detached> detaching = scene.here.loop().create_task(scene.stream.detach());
    scene.here.settle();
    CHECK_FALSE(detaching.done());
    std::string read = scene.peer.read(large.size());
    CHECK(read == large);
    scene.here.run_until([&] { return detaching.done(); });
    Stream moved(scene.there.loop(), scene.here.loop().run_until_complete(std::move(detaching)));
    if (scene.peer.is_ended_now()) {
        scene.peer.send("still heard\n");
        CHECK(scene.there.run(line(moved)) == "still heard\n");
    } else {
        moved.write("more");
        scene.there.settle();
        CHECK(scene.peer.read(4) == "more");
    }
}

TEST_CASE("a detach that is cancelled leaves the stream as it was") {
    Scene scene;
    limit_send_buffer(scene.stream.fd());
    const std::string large = pattern(2 * mebibyte);
    scene.stream.write(large);
    Task<Stream::Detached> detaching = scene.here.loop().create_task(scene.stream.detach());
    scene.here.settle();
    detaching.cancel();
    scene.here.settle();
    CHECK(detaching.cancelled());
    scene.stream.write("behind it");
    Task<void> draining = scene.here.loop().create_task(drain(scene.stream));
    CHECK(scene.peer.read(large.size()) == large);
    CHECK(scene.peer.read(9) == "behind it");
    scene.here.run_until([&] { return draining.done(); });
    draining.result();
}

TEST_CASE("a stream that another task uses is not detached, and that task goes on") {
    Scene scene;
    SUBCASE("it reads") {
        Task<std::string> reading = scene.here.loop().create_task(line(scene.stream));
        scene.here.settle();
        CHECK_THROWS_WITH_AS(scene.here.run(scene.stream.detach()), "Stream::detach: another task reads this stream",
                             std::logic_error);
        scene.peer.send("hello\n");
        scene.here.run_until([&] { return reading.done(); });
        CHECK(reading.result() == "hello\n");
    }
    SUBCASE("it drains") {
        limit_send_buffer(scene.stream.fd());
        scene.stream.write(pattern(2 * mebibyte));
        Task<void> draining = scene.here.loop().create_task(drain(scene.stream));
        scene.here.settle();
        CHECK_THROWS_WITH_AS(scene.here.run(scene.stream.detach()), "Stream::detach: another task drains this stream",
                             std::logic_error);
        CHECK(scene.peer.read(2 * mebibyte) == pattern(2 * mebibyte));
        scene.here.run_until([&] { return draining.done(); });
        draining.result();
    }
    SUBCASE("it begins to read while what was written is sent") {
        limit_send_buffer(scene.stream.fd());
        scene.stream.write(pattern(2 * mebibyte));
        Task<Stream::Detached> detaching = scene.here.loop().create_task(scene.stream.detach());
        scene.here.settle();
        Task<std::string> reading = scene.here.loop().create_task(line(scene.stream));
        CHECK(scene.peer.read(2 * mebibyte) == pattern(2 * mebibyte));
        scene.here.run_until([&] { return detaching.done(); });
        CHECK_THROWS_AS(detaching.result(), std::logic_error);
        scene.peer.send("hello\n");
        scene.here.run_until([&] { return reading.done(); });
    }
}

TEST_CASE("to the stream that was detached the connection is lost, and its end does not close the socket") {
    Scene scene;
    Stream moved = scene.hand_over();
    CHECK_THROWS_AS(scene.stream.write("more"), std::system_error);
    CHECK_THROWS_AS(scene.here.run(line(scene.stream)), std::system_error);
    CHECK_THROWS_AS(scene.here.run(scene.stream.detach()), std::system_error);
    { Stream ended = std::move(scene.stream); }
    scene.here.settle();
    scene.here.end_loop();
    moved.write("alive\n");
    scene.there.settle();
    CHECK(scene.peer.fd() >= 0);
    std::string read(6, '\0');
    CHECK(::recv(scene.peer.fd(), read.data(), read.size(), 0) == 6);
    CHECK(read == "alive\n");
}

TEST_CASE("a detached stream that nobody takes is closed, and a lost one is not detached") {
    Scene scene;
    SUBCASE("nobody takes it") {
        CHECK(scene.here.run(scene.stream.detach()).kept.empty());
        CHECK(scene.peer.read_to_end().empty());
    }
    SUBCASE("it is lost") {
        scene.stream.abort();
        CHECK_THROWS_AS(scene.here.run(scene.stream.detach()), std::system_error);
    }
    SUBCASE("it is lost meanwhile") {
        limit_send_buffer(scene.stream.fd());
        scene.stream.write(pattern(2 * mebibyte));
        Task<Stream::Detached> detaching = scene.here.loop().create_task(scene.stream.detach());
        scene.here.settle();
        scene.peer.reset();
        scene.here.run_until([&] { return detaching.done(); });
        CHECK_THROWS_AS(detaching.result(), std::system_error);
    }
}

// ---- between threads

namespace {

// The other end, which waits in the kernel: the loops have threads of their own.
class Client {
public:
    explicit Client(const net::Address& address)
        : socket_(calls::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (calls::connect(socket_.get(), address.get(), address.size()) != 0) throw_system_error(errno, "connect");
    }
    void send(std::string_view bytes) {
        CHECK(calls::send(socket_.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    std::string read_line() {
        std::string read;
        for (char byte = 0; byte != '\n' && ::recv(socket_.get(), &byte, 1, 0) == 1;) read.push_back(byte);
        return read;
    }

private:
    UniqueFd socket_;
};

// Loop 0 accepts; every connection goes to the next loop, and there to whatever `serve` does with it.
struct Spread {
    using Serve = std::function<void(LoopGroup&, std::size_t index, UniqueFd socket)>;

    explicit Spread(Serve serve) : serve_(std::move(serve)) {}

    static Coro<void> run(Spread& self, LoopGroup& group, std::size_t index) {
        Event never;
        if (index != 0) co_await never.wait();
        auto hand_on = [&self, &group](UniqueFd socket) {
            std::size_t to = self.next_++ % group.size();
            group.post(to, [&self, &group, to, socket = std::move(socket)]() mutable {
                self.serve_(group, to, std::move(socket));
            });
        };
        net::Listener listener(EventLoop::current(), std::move(self.listening), hand_on);
        co_await never.wait();
    }

    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    const net::Address address = net::Address::of_local_end(listening.get());

private:
    Serve serve_;
    std::size_t next_ = 0;  // of loop 0
};

// Answers a line, and hands the stream to the next loop for the next line.
Coro<void> answer_and_hand_on(LoopGroup& group, std::size_t index, Stream::Detached detached) {
    Stream stream(EventLoop::current(), std::move(detached));
    std::string read = co_await line(stream);
    if (read == "(end)") co_return;
    stream.write("loop " + std::to_string(index) + ": " + read);
    Stream::Detached next = co_await stream.detach();
    std::size_t to = (index + 1) % group.size();
    group.post(to, [&group, to, next = std::move(next)]() mutable {
        EventLoop::current().create_task(answer_and_hand_on(group, to, std::move(next)));
    });
}

}  // namespace

TEST_CASE("sockets that one loop accepts are served by the loops that they are handed to") {
    struct Served {
        static Coro<void> run(Spread& spread, std::vector<http::Server*>& servers, LoopGroup& group,
                              std::size_t index) {
            http::Router router;
            router.get("/", [index](const http::Request&) { return http::Response::text(std::to_string(index)); });
            http::Server server(EventLoop::current(), std::move(router));
            servers[index] = &server;
            co_await Spread::run(spread, group, index);
        }
    };
    std::vector<http::Server*> servers(3);
    Spread spread([&](LoopGroup&, std::size_t index, UniqueFd socket) { servers[index]->adopt(std::move(socket)); });
    LoopGroup group(3);
    group.start([&](LoopGroup& all, std::size_t index) { return Served::run(spread, servers, all, index); });
    for (int number = 0; number < 30; ++number) {
        Client client(spread.address);
        client.send("GET / HTTP/1.0\r\n\r\n");
        std::string last;
        for (std::string read = client.read_line(); !read.empty(); read = client.read_line()) last = read;
        CHECK(last == std::to_string(number % 3));
    }
    group.stop();
    group.join();
}

TEST_CASE("streams wander from loop to loop, and no line is lost or changes places") {
    Spread spread([](LoopGroup& group, std::size_t index, UniqueFd socket) {
        EventLoop::current().create_task(answer_and_hand_on(group, index, {std::move(socket), ""}));
    });
    LoopGroup group(3);
    group.start([&](LoopGroup& all, std::size_t index) { return Spread::run(spread, all, index); });
    std::vector<std::unique_ptr<Client>> clients;
    for (int number = 0; number < 10; ++number) clients.push_back(std::make_unique<Client>(spread.address));
    // The lines come in pieces that end anywhere, so that what was read beyond a line must wander too.
    std::string lines;
    for (int number = 0; number < 60; ++number) lines += "line " + std::to_string(number) + "\n";
    for (std::size_t sent = 0; sent < lines.size(); sent += 97) {
        for (auto& client : clients) client->send(std::string_view(lines).substr(sent, 97));
    }
    for (std::size_t number = 0; number < clients.size(); ++number) {
        for (std::size_t expected = 0; expected < 60; ++expected) {
            std::string loop = std::to_string((number + expected) % 3);
            CHECK(clients[number]->read_line() == "loop " + loop + ": line " + std::to_string(expected) + "\n");
        }
    }
    clients.clear();
    group.stop();
    group.join();
}
