// From a name to a connected socket: resolver, connect_socket, Stream::connect by name.
#include <stepwise/tests/net/error_of.hpp>
#include <stepwise/tests/net/support.hpp>

#include <stepwise/net/connect.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/left_out.hpp>

#include <doctest/doctest.h>
#include <netdb.h>
#include <sys/resource.h>

using namespace net_test;
using namespace std::string_literals;

namespace {

std::vector<std::string> texts_of(const std::vector<net::Address>& addresses) {
    std::vector<std::string> texts;
    for (const net::Address& address : addresses) texts.push_back(address.to_string());
    return texts;
}

std::vector<std::string> resolved(World& world, std::string host, std::uint16_t port) {
    return texts_of(world.run(net::resolve(std::move(host), port)));
}

std::string what_getaddrinfo_says(const char* name) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(name, nullptr, &hints, &found);
    if (code == 0) freeaddrinfo(found);
    return code == 0 ? "" : gai_strerror(code);
}

Coro<std::string> first_line(std::string host, std::uint16_t port) {
    net::Stream stream = co_await net::Stream::connect(std::move(host), port);
    std::optional<std::string> line = co_await stream.read_until("\n");
    co_return line.value_or("(end)");
}

Coro<void> say_hello(int listening) {
    net::Stream stream = co_await net::accept_from(listening);
    stream.write("hello\n");
}

Coro<UniqueFd> timeout_of(Duration limit, net::Address address) {
    Coro<UniqueFd> connecting = net::connect_socket(address);
    co_return co_await timeout(limit, std::move(connecting));
}

struct Listening {
    UniqueFd socket = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    std::uint16_t port = net::Address::of_local_end(socket.get()).port();
};

}  // namespace

// ---- resolving

TEST_CASE("numbers and localhost are known without a lookup") {
    World world;
    CHECK(resolved(world, "192.0.2.1", 80) == std::vector{"192.0.2.1:80"s});
    CHECK(resolved(world, "2001:db8::1", 443) == std::vector{"[2001:db8::1]:443"s});
    const std::vector<std::string> loopback{"127.0.0.1:8000", "[::1]:8000"};
    for (const char* name : {"localhost", "LOCALHOST", "localhost.", "app.localhost"}) {
        CAPTURE(name);
        CHECK(resolved(world, name, 8000) == loopback);
    }
}

TEST_CASE("a name is looked up in a thread, while the loop turns") {
    World world;
    // Too long for DNS: answered by the C library without asking the network.
    const std::string name(70, 'a');
    Task<std::vector<net::Address>> looking = world.loop().create_task(net::resolve(name, 80));
    world.turns(1);
    CHECK_FALSE(looking.done());
    world.run_until([&] { return looking.done(); });
    const std::system_error error = error_of([&] { looking.result(); });
    CHECK(error.code() == std::error_code(EAI_NONAME, net::resolver_category()));
    CHECK(std::string(error.what()) == "cannot look up the host '" + name + "': " + gai_strerror(EAI_NONAME));
}

TEST_CASE("the machine's own name is what getaddrinfo says it is") {
    if (is_left_out_on_simulator("its names are those that it was told of")) return;
    std::array<char, 256> name{};
    REQUIRE(::gethostname(name.data(), name.size() - 1) == 0);
    World world;
    std::string error;
    std::vector<std::string> addresses;
    try {
        addresses = resolved(world, name.data(), 81);
    } catch (const std::system_error& thrown) {
        error = thrown.code().message();
    }
    CHECK(error == what_getaddrinfo_says(name.data()));
    CHECK(addresses.empty() == !error.empty());
    for (const std::string& address : addresses) CHECK(address.ends_with(":81"));
}

TEST_CASE("an empty name, and one with a NUL in it, are no names") {
    World world;
    for (const std::string& name : {""s, "\0"s, "localhost\0.example.com"s, "127.0.0.1\0"s}) {
        const std::system_error error = error_of([&] { resolved(world, name, 80); });
        CHECK(error.code() == std::error_code(EAI_NONAME, net::resolver_category()));
    }
}

TEST_CASE("a cancelled lookup leaves nothing behind, and the loop may end while it runs") {
    World world;
    Task<std::vector<net::Address>> first = world.loop().create_task(net::resolve(std::string(70, 'a'), 80));
    Task<std::vector<net::Address>> second = world.loop().create_task(net::resolve(std::string(70, 'b'), 80));
    world.turns(1);
    first.cancel();
    world.run_until([&] { return first.done(); });
    CHECK(first.cancelled());
    world.end_loop();
    CHECK(world.lost.empty());
}

// ---- connecting

TEST_CASE("a stream connects by name, trying one address after the other") {
    World world;
    std::string host;
    SUBCASE("a number") {
        host = "127.0.0.1";
    }
    SUBCASE("localhost, of which only one address has a listener") {
        host = "localhost";
    }
    Listening listening;
    Task<void> answering = world.loop().create_task(say_hello(listening.socket.get()));
    CHECK(world.run(first_line(host, listening.port)) == "hello\n");
    world.run_until([&] { return answering.done(); });
}

TEST_CASE("the second address is tried when the first one refuses") {
    World world;
    UniqueFd listening;
    try {
        listening = net::listen_on(net::Address::tcp("::1", 0));
    } catch (const std::system_error& error) {
        REQUIRE(error.code().value() == EADDRNOTAVAIL);  // a machine without IPv6
        MESSAGE("SKIPPED this case: no IPv6 here");
        return;
    }
    const std::uint16_t port = net::Address::of_local_end(listening.get()).port();
    Task<void> answering = world.loop().create_task(say_hello(listening.get()));
    CHECK(world.run(first_line("localhost", port)) == "hello\n");
    world.run_until([&] { return answering.done(); });
}

TEST_CASE("when all addresses refuse, the error names the host and the last address") {
    World world;
    const SilentPort silent;
    const std::uint16_t port = silent.number;
    const std::system_error by_name = error_of([&] { world.run(first_line("localhost", port)); });
    CHECK(std::string(by_name.what()).starts_with("cannot connect to localhost at [::1]:" + std::to_string(port)));
    const std::system_error by_number = error_of([&] { world.run(first_line("127.0.0.1", port)); });
    CHECK(by_number.code() == std::errc::connection_refused);
    CHECK(std::string(by_number.what()).starts_with("cannot connect to 127.0.0.1:" + std::to_string(port) + ":"));
    const std::system_error unknown = error_of([&] { world.run(first_line(std::string(70, 'a'), port)); });
    CHECK(unknown.code().category() == net::resolver_category());
}

TEST_CASE("a socket that was connected belongs to nobody but the caller") {
    World world;
    Listening listening;
    const auto connected = [&] {
        return world.run(net::connect_socket(net::Address::of_local_end(listening.socket.get())));
    };
    const int first = connected().get();  // closed again, and its number free
    UniqueFd again = connected();
    CHECK(again.get() == first);
    net::Stream stream(world.loop(), std::move(again));
    Task<void> answering = world.loop().create_task(say_hello(listening.socket.get()));
    world.run_until([&] { return answering.done(); });
    CHECK(stream.peer_address().port() == listening.port);
}

TEST_CASE("a connect that is not answered can be cancelled, and closes its socket") {
    World world;
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0), {.backlog = 0});
    const net::Address address = net::Address::of_local_end(listening.get());
    const auto lowest_free = [] { return UniqueFd(::dup(0)).get(); };
    const int free_before = lowest_free();
    // The kernel lets one or two wait, and answers the others with silence.
    std::vector<Task<UniqueFd>> connecting;
    for (int count = 0; count < 6; ++count) {
        connecting.push_back(world.loop().create_task(timeout_of(1s, address)));
    }
    world.settle();
    REQUIRE_FALSE(connecting.back().done());
    SUBCASE("by its task") {
        connecting.back().cancel();
        world.run_until([&] { return connecting.back().done(); });
        CHECK(connecting.back().cancelled());
    }
    SUBCASE("by a timeout") {
        world.clock.advance(2s);
        world.run_until([&] { return connecting.back().done(); });
        CHECK_THROWS_AS(connecting.back().result(), TimeoutError);
    }
    for (Task<UniqueFd>& task : connecting) {
        task.cancel();
        world.run_until([&] { return task.done(); });
        CHECK((task.cancelled() || task.exception() || task.result()));  // asked for, or it would be reported
    }
    connecting.clear();
    CHECK(lowest_free() == free_before);
}

TEST_CASE("without descriptors a connect fails by name, and works again when there are some") {
    World world;
    Listening listening;
    const net::Address address = net::Address::of_local_end(listening.socket.get());
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(UniqueFd(::dup(0)).get());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    Task<UniqueFd> failing = world.loop().create_task(net::connect_socket(address));
    world.run_until([&] { return failing.done(); });
    ::setrlimit(RLIMIT_NOFILE, &before);
    try {
        static_cast<void>(failing.result());
        FAIL("it had a descriptor");
    } catch (const std::system_error& error) {
        CHECK(error.code().value() == EMFILE);
        CHECK(std::string(error.what()).find(address.to_string()) != std::string::npos);
    }
    CHECK(world.run(net::connect_socket(address)));
}
