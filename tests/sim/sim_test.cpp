// The simulator as a program meets it: time that jumps, a network in memory, one seed.
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/process.hpp>
#include <stepwise/runtime/sim/world.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/tests/sim/support.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <thread>

using namespace sim_test;

namespace {

Coro<std::string> read_to_end(net::Stream& stream) {
    std::string all;
    std::string block(4096, '\0');
    while (std::size_t count = co_await stream.read_some(block)) all.append(block, 0, count);
    co_return all;
}

// Sends back what comes, until the peer ends.
Coro<void> echo_once(int listening) {
    net::Stream stream = co_await net::accept_from(listening);
    std::string block(4096, '\0');
    while (std::size_t count = co_await stream.read_some(block)) {
        co_await stream.write_all(std::string_view(block).substr(0, count));
    }
}

Coro<std::string> ask(net::Address address, std::string text) {
    net::Stream stream = co_await net::Stream::connect(address);
    co_await stream.write_all(text);
    stream.write_end();
    co_return co_await read_to_end(stream);
}

Coro<std::string> echoed(std::string text) {
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    const net::Address address = net::Address::of_local_end(listening.get());
    Task<void> server = EventLoop::current().create_task(echo_once(listening.get()));
    std::string answer = co_await ask(address, std::move(text));
    co_await server;
    co_return answer;
}

Coro<Duration> time_of_an_hour() {
    TimePoint before = EventLoop::current().time();
    co_await sleep(1h);
    co_return EventLoop::current().time() - before;
}

}  // namespace

TEST_CASE("an hour passes in no time") {
    auto before = std::chrono::steady_clock::now();
    Duration passed = run_on(sim::Options(), time_of_an_hour());
    CHECK(passed >= 1h);
    CHECK(passed < 1h + 1ms);
    CHECK(std::chrono::steady_clock::now() - before < 60s);
}

TEST_CASE("a server and its client talk in one loop") {
    const std::string text(100'000, 'x');
    CHECK((run_on(sim::Options(), echoed(text)) == text));
}

TEST_CASE("what is split, delayed and cut short arrives whole and in order") {
    std::string text;
    for (int number = 0; number < 5000; ++number) text += std::to_string(number) + ",";
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        sim::Options options;
        options.seed = seed;
        options.bytes_per_second = 1'000'000;
        options.send_buffer_bytes = 3000;
        options.receive_buffer_bytes = 2000;
        options.stall_max = 1s;  // a server that lets go waits 2 s for a client that does not read
        for (sim::Fault fault : {sim::Fault::split, sim::Fault::delay, sim::Fault::short_read, sim::Fault::short_write,
                                 sim::Fault::stall}) {
            options.chance(fault) = 0.1;
        }
        CAPTURE(seed);
        CHECK((run_on(options, echoed(text)) == text));
    }
}

namespace {

Coro<int> error_of_connect(net::Address address) {
    try {
        net::Stream stream = co_await net::Stream::connect(address);
    } catch (const std::system_error& error) {
        co_return error.code().value();
    }
    co_return 0;
}

Coro<int> error_of_echo(void (*spoil)(int server_socket)) {
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Stream client = co_await net::Stream::connect(net::Address::of_local_end(listening.get()));
    net::Stream server = co_await net::accept_from(listening.get());
    spoil(server.fd());
    std::string block(16, '\0');
    try {
        co_await client.write_all("hello");
        co_await client.read_some(block);
    } catch (const std::system_error& error) {
        co_return error.code().value();
    }
    co_return 0;
}

}  // namespace

TEST_CASE("nobody listens: refused") {
    CHECK(run_on(sim::Options(), error_of_connect(net::Address::tcp("127.0.0.1", 9))) == ECONNREFUSED);
}

TEST_CASE("a reset is felt by both ends") {
    CHECK(run_on(sim::Options(), error_of_echo([](int socket) { sim::world().reset(socket); })) == ECONNRESET);
}

TEST_CASE("a pulled cable is felt after a quarter of an hour, by who had something to send") {
    auto pull = [](int socket) { sim::world().pull_cable(socket); };
    CHECK(run_on(sim::Options(), error_of_echo(pull)) == ETIMEDOUT);
}

namespace {

Coro<Duration> time_of_echo_across_a_partition() {
    EventLoop& loop = EventLoop::current();
    loop.call_later(1s, [] { sim::world().network.partition("127.0.0.1"); });
    loop.call_later(61s, [] { sim::world().network.heal("127.0.0.1"); });
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Stream client = co_await net::Stream::connect(net::Address::of_local_end(listening.get()));
    net::Stream server = co_await net::accept_from(listening.get());
    co_await sleep(2s);
    TimePoint before = loop.time();
    co_await client.write_all("hello");
    std::string block(16, '\0');
    std::size_t count = co_await server.read_some(block);
    CHECK(block.substr(0, count) == "hello");
    co_return loop.time() - before;
}

}  // namespace

TEST_CASE("what a partition held arrives when it heals") {
    Duration passed = run_on(sim::Options(), time_of_echo_across_a_partition());
    CHECK(passed >= 58s);
    CHECK(passed < 60s);
}

namespace {

Coro<std::vector<std::string>> addresses_of(std::string name) {
    sim::world().add_host("example.test", {"10.0.0.1", "10.0.0.2"});
    std::vector<std::string> hosts;
    for (const net::Address& address : co_await net::resolve(std::move(name), 80)) hosts.push_back(address.host());
    co_return hosts;
}

}  // namespace

TEST_CASE("names are those that the world was told of") {
    CHECK(run_on(sim::Options(), addresses_of("example.test")) == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
    CHECK_THROWS_AS(run_on(sim::Options(), addresses_of("example.com")), std::system_error);
}

namespace {

Coro<std::string> written_and_read_back(std::size_t bytes) {
    co_await write_file("/nowhere/at/all", std::string(bytes, 'w'));
    std::string text = co_await read_file("/nowhere/at/all");
    co_return text;
}

Coro<int> error_of_write(std::size_t bytes) {
    try {
        std::string text = co_await written_and_read_back(bytes);
    } catch (const std::system_error& error) {
        co_return error.code().value();
    }
    co_return 0;
}

}  // namespace

TEST_CASE("files live in memory, and a disk may be full") {
    sim::Options options;
    options.chance(sim::Fault::short_read) = options.chance(sim::Fault::short_write) = 0.5;
    CHECK((run_on(options, written_and_read_back(300'000)) == std::string(300'000, 'w')));
    CHECK(::access("/nowhere/at/all", F_OK) != 0);
    options.disk_bytes_max = 1000;
    CHECK(run_on(options, error_of_write(1001)) == ENOSPC);
    CHECK(run_on(options, error_of_write(1000)) == 0);
}

namespace {

Coro<std::string> order_of_jobs() {
    std::string order;
    std::vector<Future<int>> jobs;
    for (int number = 0; number < 8; ++number) {
        const auto job = [number, &order] {
            order += std::to_string(number);
            return number;
        };
        jobs.push_back(to_thread(job));
    }
    for (int number = 0; number < 8; ++number) {
        Future<int> job = jobs[static_cast<std::size_t>(number)];
        CHECK(co_await job == number);
    }
    co_return order;
}

}  // namespace

TEST_CASE("jobs of the executor run in an order that the seed chooses") {
    sim::Options options;
    const std::string first = run_on(options, order_of_jobs());
    CHECK(run_on(options, order_of_jobs()) == first);
    bool differs = false;
    for (options.seed = 2; options.seed < 10; ++options.seed) differs |= run_on(options, order_of_jobs()) != first;
    CHECK(differs);
}

namespace {

// When what came, as a client sees it in a world where everything goes wrong a little.
Coro<std::string> diary() {
    EventLoop& loop = EventLoop::current();
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    const net::Address address = net::Address::of_local_end(listening.get());
    Task<void> server = loop.create_task(echo_once(listening.get()));
    net::Stream stream = co_await net::Stream::connect(address);
    stream.write(std::string(20'000, 'd'));
    stream.write_end();
    std::string text = fmt::format("{} {}", address.to_string(), loop.entropy()());
    std::string block(4096, '\0');
    while (std::size_t count = co_await stream.read_some(block)) {
        text += fmt::format("\n{}: {}", loop.time().time_since_epoch().count(), count);
    }
    co_await server;
    text += fmt::format("\n{}", std::chrono::system_clock::to_time_t(loop.wall_time()));
    co_return text;
}

}  // namespace

TEST_CASE("the same seed gives the same run, and another one another") {
    sim::Options options;
    for (sim::Fault fault : {sim::Fault::split, sim::Fault::delay, sim::Fault::short_read, sim::Fault::short_write}) {
        options.chance(fault) = 0.3;
    }
    const std::string first = run_on(options, diary());
    CHECK(run_on(options, diary()) == first);
    options.seed = 2;
    CHECK(run_on(options, diary()) != first);
}

namespace {

class Echo : public ws::WebSocketHandler {
public:
    void on_message(ws::MessageView message) { write_message(message.data); }
};

Coro<void> say(ws::Connection& connection, int messages) {
    const std::string text(50'000, 's');
    for (int number = 0; number < messages; ++number) co_await connection.send(text);
}

Coro<int> hear(ws::Connection& connection, int messages) {
    int heard = 0;
    while (heard < messages) {
        std::optional<ws::Message> message = co_await connection.receive();
        if (!message) break;
        ++heard;
    }
    co_return heard;
}

Coro<int> say_and_hear(int messages) {
    EventLoop& loop = EventLoop::current();
    http::Router router;
    router.get("/", ws::handler<Echo>());
    http::Server server(loop, std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    const std::string url = fmt::format("ws://{}/", address.to_string());
    ws::ClientConnection connection = co_await ws::connect(url);
    Task<void> saying = loop.create_task(say(*connection, messages));
    int heard = co_await hear(*connection, messages);
    if (!saying.done()) saying.cancel();
    co_return heard;
}

}  // namespace

// Found by the explorer: both ends stopped reading while their outboxes were full, and waited for each other.
TEST_CASE("a WebSocket client that has much to say still reads, so that its server can go on") {
    sim::Options options;
    options.send_buffer_bytes = options.receive_buffer_bytes = 4096;
    CHECK(run_on(options, say_and_hear(20)) == 20);
}

namespace {

Coro<void> post_from_another_thread() {
    EventLoop& loop = EventLoop::current();
    std::string what;
    std::thread other([&] {
        try {
            loop.call_soon_threadsafe([] {});
        } catch (const std::logic_error& error) {
            what = error.what();
        }
    });
    other.join();
    CHECK(what == "call_soon_threadsafe cannot be simulated: it comes from another thread");
    co_return;
}

Coro<void> watch_a_real_descriptor() {
    EventLoop::current().add_reader(0, [] {});
    co_return;
}

Coro<void> start_a_program() {
    ProcessOptions options(std::vector<std::string>{"true"});
    Process process = Process::start(options);
    co_return;
}

Coro<void> wait_for_nobody() {
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Stream stream = co_await net::accept_from(listening.get());
}

}  // namespace

TEST_CASE("what cannot be simulated says so, by name") {
    run_on(sim::Options(), post_from_another_thread());
    CHECK_THROWS_AS(run_on(sim::Options(), watch_a_real_descriptor()), std::logic_error);
    CHECK_THROWS_WITH_AS(run_on(sim::Options(), start_a_program()),
                         "Process::start cannot be simulated: another program has its own time", std::logic_error);
}

TEST_CASE("a world in which nothing can happen any more does not wait for ever") {
    CHECK_THROWS_AS(run_on(sim::Options(), wait_for_nobody()), std::logic_error);
}
