// The examples in the headers of net/, between marks that name the header.
#include <stepwise/net/address.hpp>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/connect.hpp>
#include <stepwise/net/listener.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/send_file.hpp>
#include <stepwise/net/shared_bytes.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/net/transport.hpp>
#include <stepwise/net/udp_socket.hpp>
#include <stepwise/net/url.hpp>
#include <stepwise/tests/net/support.hpp>

#include <array>

using namespace net_test;

namespace {

TEST_CASE("an address is a value with a text") {
    //[ net/address.hpp
    net::Address address = net::Address::tcp("127.0.0.1", 8080);
    std::string text = address.to_string();
    //]
    CHECK(text == "127.0.0.1:8080");
}

TEST_CASE("a port is chosen and connected to") {
    World world;
    //[ net/socket.hpp
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Address address = net::Address::of_local_end(listening.get());
    //]
    auto example = [](net::Address address) -> Coro<std::string> {
        std::uint16_t port = address.port();
        //[ net/connect.hpp
        UniqueFd socket = co_await net::connect_socket("127.0.0.1", port);
        //]
        co_return net::ip_of_peer(socket.get());
    };
    CHECK(world.run(example(address)) == "127.0.0.1");
}

TEST_CASE("a name has addresses") {
    World world;
    auto example = []() -> Coro<bool> {
        //[ net/resolver.hpp
        std::vector<net::Address> addresses = co_await net::resolve("localhost", 80);
        //]
        co_return addresses.front().port() == 80;
    };
    CHECK(world.run(example()));
}

Coro<void> answer(int listening) {
    net::Stream stream = co_await net::accept_from(listening);
    std::optional<std::string> request = co_await stream.read_until("\r\n\r\n");
    co_await stream.write_all("HTTP/1.0 200 OK\r\n\r\n");
}

TEST_CASE("a stream is written to and read from") {
    World world;
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    Task<void> answering = world.loop().create_task(answer(listening.get()));
    auto example = [](std::uint16_t port) -> Coro<std::string> {
        //[ net/stream.hpp
        net::Stream stream = co_await net::Stream::connect("127.0.0.1", port);
        stream.write("GET / HTTP/1.0\r\n\r\n");
        std::optional<std::string> line = co_await stream.read_until("\r\n");
        //]
        co_return line.value_or("");
    };
    CHECK(world.run(example(net::Address::of_local_end(listening.get()).port())) == "HTTP/1.0 200 OK\r\n");
}

TEST_CASE("a file is sent") {
    World world;
    Pair pair = unix_pair();
    Peer peer(world, std::move(pair.theirs));
    auto example = [](EventLoop& loop, UniqueFd socket) -> Coro<void> {
        net::Stream stream(loop, std::move(socket));
        File file = co_await File::open("/proc/self/exe");
        //[ net/send_file.hpp
        std::uint64_t size = co_await file.size();
        co_await stream.send_file(file, 0, size);
        //]
    };
    Task<void> sending = world.loop().create_task(example(world.loop(), std::move(pair.ours)));
    CHECK(peer.read_to_end().substr(1, 3) == "ELF");
    world.run_until([&] { return sending.done(); });
}

TEST_CASE("a datagram is sent back") {
    World world;
    auto example = [](net::Address& bound) -> Coro<std::size_t> {
        //[ net/udp_socket.hpp
        net::UdpSocket socket = net::UdpSocket::bind(EventLoop::current(), net::Address::tcp("127.0.0.1", 0));
        std::array<char, 1500> buffer;
        //]
        bound = socket.local_address();
        //[ net/udp_socket.hpp
        net::Datagram datagram = co_await socket.receive_from(buffer);
        std::span<const char> bytes(buffer.data(), datagram.size);
        co_await socket.send_to(bytes, datagram.from);
        //]
        co_return datagram.size;
    };
    net::Address bound;
    Task<std::size_t> answering = world.loop().create_task(example(bound));
    world.settle();
    net::UdpSocket asking = net::UdpSocket::connect(world.loop(), bound);
    world.run(asking.send(std::string_view("hello")));
    world.run_until([&] { return answering.done(); });
    CHECK(answering.result() == 5);
}

struct Counter final : net::TransportHandler {
    void received(std::span<char> bytes) override { count += bytes.size(); }
    void received_end() override {}
    void connection_lost(int) override {}
    void drained() override {}
    std::size_t count = 0;
};

TEST_CASE("a transport tells its handler, and many share bytes") {
    World world;
    EventLoop& loop = world.loop();
    Pair pair = unix_pair();
    Counter handler;
    UniqueFd socket = std::move(pair.ours);
    //[ net/transport.hpp
    net::Transport::Owner transport = net::Transport::make(loop, std::move(socket), &handler, {});
    transport->start_receiving();
    net::append(*transport, "hello ");
    //]
    std::vector<net::Transport*> members{transport.get()};
    //[ net/shared_bytes.hpp
    net::SharedBytes bytes("to all");
    for (net::Transport* member : members) member->write(bytes);
    //]
    Peer peer(world, std::move(pair.theirs));
    CHECK(peer.read(12) == "hello to all");
    peer.send("abc");
    world.run_until([&] { return handler.count == 3; });
}

TEST_CASE("a listener hands out connections") {
    World world;
    EventLoop& loop = world.loop();
    int served = 0;
    auto serve = [&](UniqueFd) { ++served; };
    net::Address address = net::Address::tcp("127.0.0.1", 0);
    //[ net/listener.hpp
    net::Listener listener(loop, net::listen_on(address), [&](UniqueFd socket) { serve(std::move(socket)); });
    //]
    Peer peer = Peer::connect(world, listener.address());
    world.run_until([&] { return served == 1; });
}

TEST_CASE("a program has flags") {
    int argc = 3;
    std::array<const char*, 3> arguments{"head", "--lines", "5"};
    const char* const* argv = arguments.data();
    //[ net/options.hpp
    int lines = 10;
    net::Options options("Prints the first lines.");
    options.add_option("--lines", lines, 1, 1000, "how many");
    options.parse(argc, argv);
    //]
    CHECK(lines == 5);
}

TEST_CASE("bytes go where a sink says") {
    //[ net/byte_sink.hpp
    std::string out;
    net::StringSink sink(out);
    net::append(sink, "hello");
    //]
    CHECK(out == "hello");
}

TEST_CASE("a URL is looked at in parts") {
    //[ net/url.hpp
    std::string error;
    std::optional<net::Url> url = net::Url::parse("http://example.com:8080/a?b", error);
    //]
    REQUIRE(url);
    CHECK(url->host() == "example.com");
    CHECK(url->path_and_query() == "/a?b");
}

}  // namespace
