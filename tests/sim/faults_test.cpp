// What goes wrong, kind by kind: each strikes by a rule, and by chance; what a program sees of it.
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/sim/support.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>

using namespace sim_test;
using sim::Fault;

namespace {

constexpr std::size_t sent_bytes = 20'000;

// A client sends, its server reads to the end and answers with one byte; and a file is written and read.
struct Seen {
    std::size_t first_send = 0;  // what the first call took
    std::vector<std::size_t> reads;
    Duration took{};
    int client_error = 0;
    int server_error = 0;
    int disk_error = 0;
    bool answered = false;
    std::vector<sim::Faults::Struck> struck;

    std::size_t received() const {
        std::size_t sum = 0;
        for (std::size_t count : reads) sum += count;
        return sum;
    }
};

using Rule = std::function<void(sim::World&, int server_socket)>;

Coro<void> serve(int listening, const Rule& rule, Seen& seen) {
    EventLoop& loop = EventLoop::current();
    try {
        net::Stream stream = co_await net::accept_from(listening);
        if (rule) rule(sim::world(), stream.fd());
        const TimePoint began = loop.time();
        std::string block(64 * 1024, '\0');
        while (std::size_t count = co_await io::recv(stream.fd(), block)) {
            seen.reads.push_back(count);
            seen.took = loop.time() - began;
        }
        co_await stream.write_all("!");
    } catch (const std::system_error& error) {
        seen.server_error = error.code().value();
    }
}

Coro<void> send_and_hear(net::Address address, Seen& seen) {
    try {
        net::Stream stream = co_await net::Stream::connect(address);
        const std::string bytes(sent_bytes, 'b');
        for (std::size_t sent = 0; sent < bytes.size();) {
            const std::span<const char> rest(bytes.data() + sent, bytes.size() - sent);
            std::size_t count = co_await io::send(stream.fd(), rest);
            if (sent == 0) seen.first_send = count;
            sent += count;
        }
        stream.write_end();
        std::string answer(16, '\0');
        std::size_t count = co_await io::recv(stream.fd(), answer);
        seen.answered = count == 1;
    } catch (const std::system_error& error) {
        seen.client_error = error.code().value();
    }
}

Coro<void> use_a_file(Seen& seen) {
    try {
        co_await write_file("/a/file", "bytes");
        std::string text = co_await read_file("/a/file");
        CHECK(text == "bytes");
    } catch (const std::system_error& error) {
        seen.disk_error = error.code().value();
    }
}

// The other end of a pulled cable, and who was never accepted, wait for ever.
Coro<void> give_up_after(Duration time, Coro<void> what) {
    try {
        co_await timeout(time, std::move(what));
    } catch (const TimeoutError&) {
    }
}

Coro<void> wait_for(Task<void>& task) {
    co_await task;
}

Coro<Seen> exchange(Rule rule) {
    Seen seen;
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    Task<void> server = EventLoop::current().create_task(serve(listening.get(), rule, seen));
    Coro<void> sending = send_and_hear(net::Address::of_local_end(listening.get()), seen);
    co_await give_up_after(20min, std::move(sending));
    co_await use_a_file(seen);
    Coro<void> ending = wait_for(server);
    co_await give_up_after(10min, std::move(ending));
    seen.struck = sim::world().faults.struck();
    co_return seen;
}

sim::Options calm() {
    sim::Options options;
    options.latency = sim::Span{1ms, 1ms};
    return options;
}

Seen seen_with(const sim::Options& options, Rule rule = nullptr) {
    return run_on(options, exchange(std::move(rule)));
}

struct Case {
    Fault fault;
    bool (*shows)(const Seen& seen, const Seen& without);
};

bool is_whole(const Seen& seen) {
    return seen.received() == sent_bytes && seen.answered;
}

const Case cases[] = {
    {Fault::split, [](const Seen& seen, const Seen&) { return is_whole(seen) && seen.reads.size() > 1; }},
    {Fault::delay,
     [](const Seen& seen, const Seen& without) { return is_whole(seen) && seen.took >= without.took + 1ms; }},
    {Fault::short_read, [](const Seen& seen, const Seen&) { return is_whole(seen) && seen.reads.size() > 1; }},
    {Fault::short_write, [](const Seen& seen, const Seen&) { return is_whole(seen) && seen.first_send < sent_bytes; }},
    {Fault::reset, [](const Seen& seen, const Seen&) { return seen.server_error == ECONNRESET; }},
    {Fault::cut, [](const Seen& seen, const Seen&) { return seen.client_error == ETIMEDOUT && seen.reads.empty(); }},
    {Fault::stall, [](const Seen& seen, const Seen&) { return is_whole(seen); }},
    {Fault::refuse, [](const Seen& seen, const Seen&) { return seen.client_error == ECONNREFUSED; }},
    {Fault::accept_error, [](const Seen& seen, const Seen&) { return seen.server_error == ENOBUFS; }},
    {Fault::no_descriptors, [](const Seen& seen, const Seen&) { return seen.server_error == EMFILE; }},
    {Fault::no_buffers, [](const Seen& seen, const Seen&) { return seen.client_error == ENOBUFS; }},
    {Fault::disk_error, [](const Seen& seen, const Seen&) { return seen.disk_error == EIO; }},
    {Fault::half_close, [](const Seen& seen, const Seen&) { return seen.server_error == 0 && seen.first_send != 0; }},
    {Fault::partition,
     [](const Seen& seen, const Seen& without) { return is_whole(seen) && seen.took > without.took; }},
    {Fault::slow_reader,
     [](const Seen& seen, const Seen&) { return is_whole(seen) && seen.reads.size() > 1 && seen.reads[1] == 256; }},
};

}  // namespace

TEST_CASE("every kind of fault strikes by rule, once, and shows") {
    const Seen without = seen_with(calm());
    CHECK(is_whole(without));
    CHECK(without.reads == std::vector<std::size_t>{sent_bytes});
    CHECK(std::size(cases) == sim::fault_kinds);
    for (const Case& one : cases) {
        CAPTURE(sim::name_of(one.fault));
        sim::Options options = calm();
        options.receive_buffer_bytes = 16 * 1024;
        sim::apply(options, fmt::format("{}=#1", sim::name_of(one.fault)));
        const Seen seen = seen_with(options);
        CHECK(one.shows(seen, without));
        REQUIRE(seen.struck.size() == 1);
        CHECK(seen.struck[0].fault == one.fault);
        CHECK(seen.struck[0].by_rule);
    }
}

TEST_CASE("every kind of fault strikes by chance, and shows") {
    const Seen without = seen_with(calm());
    for (const Case& one : cases) {
        CAPTURE(sim::name_of(one.fault));
        sim::Options options = calm();
        options.receive_buffer_bytes = 16 * 1024;
        options.chance(one.fault) = 1;
        options.stall_max = 1s;
        CHECK(one.shows(seen_with(options), without));
    }
}

TEST_CASE("a rule may name the next time, and a later one") {
    const Seen twice = seen_with(calm(), [](sim::World& world, int) {
        world.faults.strike_next(Fault::short_read);
        world.faults.strike_next(Fault::disk_error);
    });
    CHECK(twice.reads.size() == 2);
    CHECK(twice.disk_error == EIO);
    sim::Options options = calm();
    sim::apply(options, "disk_error=#2");  // the read: the write goes well
    CHECK(seen_with(options).disk_error == EIO);
    CHECK_THROWS_AS(sim::apply(options, "reset=#often"), std::invalid_argument);
}

TEST_CASE("rules for one connection: a stalled peer, a slow reader, a half-close, a reset, a pulled cable") {
    const Seen without = seen_with(calm());
    const Seen stalled = seen_with(calm(), [](sim::World& world, int socket) { world.stall(socket, 5s); });
    CHECK(is_whole(stalled));
    CHECK(stalled.took >= 5s);
    const Seen slow = seen_with(calm(), [](sim::World& world, int socket) { world.read_slowly(socket, 1h); });
    CHECK(is_whole(slow));
    CHECK(slow.reads.size() == (sent_bytes + 255) / 256);
    CHECK(slow.took >= 10ms * (slow.reads.size() - 1));
    // The server's own direction ends: it hears everything, and cannot answer.
    const Seen half = seen_with(calm(), [](sim::World& world, int socket) { world.half_close(socket); });
    CHECK(half.received() == sent_bytes);
    CHECK(half.client_error == 0);
    CHECK(!half.answered);
    const Seen reset = seen_with(calm(), [](sim::World& world, int socket) { world.reset(socket); });
    CHECK(reset.server_error == ECONNRESET);
    const Seen pulled = seen_with(calm(), [](sim::World& world, int socket) { world.pull_cable(socket); });
    CHECK(pulled.client_error == ETIMEDOUT);
}

TEST_CASE("a line has a bandwidth, and a full buffer takes no more") {
    sim::Options options = calm();
    options.bytes_per_second = 10'000;
    const Seen narrow = seen_with(options);
    CHECK(is_whole(narrow));
    CHECK(narrow.took >= 1900ms);
    CHECK(narrow.took < 2100ms);
    options = calm();
    options.send_buffer_bytes = 3000;
    options.receive_buffer_bytes = 2000;
    const Seen small = seen_with(options);
    CHECK(is_whole(small));
    CHECK(small.first_send == 3000);
    CHECK(small.reads.size() >= 10);
}

namespace {

Coro<std::vector<Duration>> many_latencies() {
    std::vector<Duration> all;
    for (int piece = 0; piece < 10'000; ++piece) all.push_back(sim::world().network.latency());
    std::ranges::sort(all);
    co_return all;
}

std::vector<Duration> latencies(std::string_view settings) {
    sim::Options options;
    sim::apply(options, settings);
    return run_on(options, many_latencies());
}

}  // namespace

TEST_CASE("latencies have a shape: near the low end, uniform, with a long tail, or all the same") {
    const std::vector<Duration> near_low = latencies("latency=10ms..20ms");
    CHECK(near_low.front() >= 10ms);
    CHECK(near_low.back() <= 20ms);
    CHECK(near_low[5000] < 12ms);
    const std::vector<Duration> uniform = latencies("latency=10ms..20ms,latency_shape=uniform");
    CHECK(uniform[5000] > 14ms);
    CHECK(uniform[5000] < 16ms);
    CHECK(uniform.back() <= 20ms);
    const std::vector<Duration> tail = latencies("latency=10ms..20ms,latency_shape=long_tail");
    CHECK(tail[5000] < 12ms);
    CHECK(tail[9700] <= 20ms);
    CHECK(tail[9950] > 20ms);
    CHECK(tail.back() <= 1010ms);
    const std::vector<Duration> same = latencies("latency=5ms");
    CHECK(same.front() == same.back());
    CHECK_THROWS_AS(latencies("latency_shape=square"), std::invalid_argument);
}

namespace {

Coro<std::string> by_unix_socket() {
    UniqueFd listening = net::listen_on(net::Address::unix_socket("/run/simulated"));
    net::Stream client = co_await net::Stream::connect(net::Address::unix_socket("/run/simulated"));
    net::Stream server = co_await net::accept_from(listening.get());
    co_await client.write_all("by a path");
    client.write_end();
    std::string block(16, '\0');
    std::size_t count = co_await server.read_some(block);
    co_return block.substr(0, count);
}

}  // namespace

TEST_CASE("Unix sockets are simulated: their paths are no files") {
    CHECK(run_on(sim::Options(), by_unix_socket()) == "by a path");
    CHECK(::access("/run/simulated", F_OK) != 0);
}
