// WebSockets whose peer breaks, stops, drowns or deceives them, either end, over several seeds: how it is told, what it
// costs at most, and that who stands by gets every echo in time. For real: tests/interop/ws_faults_test.py.
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/sim/ws_support.hpp>
#include <stepwise/ws/deflate.hpp>

#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

// This program's loops have one thread each; other threads allocate nothing while these tests run.
sim_test::Heap the_heap;

}  // namespace

void* operator new(std::size_t bytes) {
    void* memory = std::malloc(bytes);
    if (memory == nullptr) throw std::bad_alloc();
    the_heap.held += static_cast<long>(::malloc_usable_size(memory));
    the_heap.most = std::max(the_heap.most, the_heap.held);
    return memory;
}
void operator delete(void* memory) noexcept {
    the_heap.held -= static_cast<long>(::malloc_usable_size(memory));
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

namespace sim_test {

Heap& heap() noexcept {
    return the_heap;
}

}  // namespace sim_test

using namespace sim_test;

namespace {

constexpr std::size_t flood_bytes = 24 * 1024 * 1024;
constexpr long held_bytes_max = 6 * 1024 * 1024;
constexpr std::size_t queued_bytes_max = 256 * 1024;
constexpr Duration echo_time_max = 12ms;

// ---- what the peers do

Coro<void> greet(Attacker& attacker) {
    const std::string hello = attacker.frame(Opcode::text, "hello");
    co_await attacker.send(hello);
    std::string answer = co_await attacker.next();
    CHECK(answer == "hello");
}

Coro<void> leave_without_a_word(Attacker& attacker) {
    co_await greet(attacker);
    attacker.stream.abort();
}

Coro<void> reset(Attacker& attacker) {
    co_await greet(attacker);
    sim::world().reset(attacker.stream.fd());
}

Coro<void> end_one_way(Attacker& attacker) {
    co_await greet(attacker);
    attacker.stream.write_end();
    co_await attacker.hear_all();
}

Coro<void> end_within_a_frame(Attacker& attacker) {
    co_await greet(attacker);
    const std::string bytes = attacker.frame(Opcode::binary, std::string(1000, 'b'));
    co_await attacker.send(bytes.substr(0, 500));
    attacker.stream.write_end();
    co_await attacker.hear_all();
}

// SIGSTOP: the kernel takes what comes, nobody reads it.
Coro<void> stop(Attacker& attacker) {
    co_await greet(attacker);
    sim::world().stall(attacker.stream.fd(), 1h);
    co_await sleep(50s);
}

Coro<void> lose_the_cable(Attacker& attacker) {
    co_await greet(attacker);
    sim::world().pull_cable(attacker.stream.fd());
    co_await sleep(50s);
}

Coro<void> send_numbers(Attacker& attacker, int count, std::size_t bytes) {
    for (int number = 0; number < count; ++number) {
        const std::string message = attacker.frame(Opcode::text, std::to_string(number) + std::string(bytes, '.'));
        co_await attacker.send(message);
    }
}

Coro<void> hear_numbers(Attacker& attacker, int count) {
    for (int number = 0; number < count; ++number) {
        const std::string answer = co_await attacker.next();
        if (answer.substr(0, answer.find('.')) != std::to_string(number)) {
            CHECK(answer == std::to_string(number));
            co_return;
        }
    }
    const std::string bye = attacker.close_frame(4000);
    co_await attacker.send(bye);
}

Coro<void> read_slowly(Attacker& attacker) {
    sim::world().read_slowly(attacker.stream.fd(), 30s);
    Task<void> sending = EventLoop::current().create_task(send_numbers(attacker, 100, 8'000));
    co_await hear_numbers(attacker, 100);
    co_await sending;
}

Coro<void> drip(Attacker& attacker) {
    co_await send_numbers(attacker, 3, 200);
    co_await hear_numbers(attacker, 3);
}

// As much as it can, and never reads.
Coro<void> flood(Attacker& attacker, std::string bytes) {
    for (std::size_t sent = 0; sent < flood_bytes; sent += bytes.size()) {
        const bool is_taken = co_await attacker.send(bytes);
        if (!is_taken) co_return;
    }
    CHECK_MESSAGE(false, "all of a flood was taken from who reads nothing");
}

Coro<void> write_only(Attacker& attacker) {
    std::string bytes = attacker.frame(Opcode::text, std::string(30'000, 'w'));
    co_await flood(attacker, std::move(bytes));
}

Coro<void> ping_only(Attacker& attacker) {
    const std::string ping = attacker.frame(Opcode::ping, std::string(125, 'p'));
    std::string bytes;
    for (int count = 0; count < 200; ++count) bytes += ping;
    co_await flood(attacker, std::move(bytes));
}

// Answered, since it reads.
Coro<void> ping_much(Attacker& attacker) {
    std::string bytes;
    for (int number = 0; number < 5000; ++number) bytes += attacker.frame(Opcode::ping, std::to_string(number));
    Task<bool> sending = EventLoop::current().create_task(attacker.send(std::move(bytes)));
    co_await hear_numbers(attacker, 5000);
    co_await sending;
}

Coro<void> send_broken(Attacker& attacker, std::string bytes) {
    co_await greet(attacker);
    co_await attacker.send(std::move(bytes));
}

Coro<void> break_a_rule(Attacker& attacker) {
    std::string bytes = attacker.frame(static_cast<Opcode>(3), "what is that?");
    co_await send_broken(attacker, std::move(bytes));
}

Coro<void> send_no_text(Attacker& attacker) {
    std::string bytes = attacker.frame(Opcode::text, "\xc0\xaf");
    co_await send_broken(attacker, std::move(bytes));
}

Coro<void> send_too_much(Attacker& attacker) {
    std::string bytes = attacker.frame(Opcode::binary, std::string(64 * 1024 + 1, 'm'));
    co_await send_broken(attacker, std::move(bytes));
}

Coro<void> send_fragments(Attacker& attacker) {
    std::string bytes = attacker.frame(Opcode::binary, "f", false);
    for (int count = 0; count < 64 * 1024; ++count) bytes += attacker.frame(Opcode::continuation, "f", false);
    co_await send_broken(attacker, std::move(bytes));
}

// They are allowed, and mean nothing.
Coro<void> send_empty_fragments(Attacker& attacker) {
    std::string bytes = attacker.frame(Opcode::binary, "0", false);
    for (int count = 0; count < 100'000; ++count) bytes += attacker.frame(Opcode::continuation, "", false);
    bytes += attacker.frame(Opcode::continuation, ".");
    co_await attacker.send(std::move(bytes));
    co_await hear_numbers(attacker, 1);
}

// The flood in one frame of some 24 KiB. What zlib takes to make it must not count as the program's.
const std::string& bomb() {
    static const std::string packed = [] {
        ws::CompressionOptions options;
        options.level = 9;
        return std::string(*ws::pack_alone(std::string(flood_bytes, '\0'), 15, options));
    }();
    return packed;
}

Coro<void> send_a_bomb(Attacker& attacker) {
    std::string bytes = attacker.frame(Opcode::binary, bomb(), true, ws::rsv1);
    co_await send_broken(attacker, std::move(bytes));
}

// ---- and what the program sees of it

struct Row {
    const char* name;
    Coro<void> (*attack)(Attacker& attacker);
    unsigned code;  // that the program sees
    int told;       // that the peer is told; 0: nothing
    const char* reason = "";
    bool is_packed = false;
    bool drips = false;
};

const Row rows[] = {
    {"killed", leave_without_a_word, 1006, 0},
    {"reset", reset, 1006, 0},
    {"half-close", end_one_way, 1006, 0},
    {"half-close within a frame", end_within_a_frame, 1006, 0},
    {"stopped", stop, 1006, 0, "keepalive"},
    {"the cable pulled", lose_the_cable, 1006, 0, "keepalive"},
    {"a slow reader", read_slowly, 4000, 4000},
    {"one byte at a time", drip, 4000, 4000, "", false, true},
    {"writes and never reads", write_only, 1006, 0, "keepalive"},
    {"pings and never reads", ping_only, 1006, 0, "keepalive"},
    {"pings and reads", ping_much, 4000, 4000},
    {"a broken rule", break_a_rule, 1002, 1002, "opcode"},
    {"a text that is none", send_no_text, 1007, 1007},
    {"a message too long", send_too_much, 1009, 1009, "message_bytes_max"},
    {"a flood of fragments", send_fragments, 1009, 1009, "message_bytes_max"},
    {"fragments of nothing", send_empty_fragments, 4000, 4000},
    {"a decompression bomb", send_a_bomb, 1009, 1009, "message_bytes_max", true},
};

Coro<void> attack(const Row& row, Attacker attacker, int& told) {
    co_await row.attack(attacker);
    try {
        Coro<void> rest = attacker.hear_all();
        co_await timeout(30s, std::move(rest));
    } catch (const TimeoutError&) {  // nobody tells who is cut off
    }
    told = attacker.told;
}

Coro<void> be_a_client(std::string url, Seen& seen) {
    ws::ConnectOptions options;
    options.connection = small_limits();
    ws::ClientConnection connection = co_await ws::connect(url, options);
    ++seen.opened;
    try {
        while (auto message = co_await connection->receive()) {
            co_await connection->send(message->data());
            seen.queued_bytes = std::max(seen.queued_bytes, connection->queued_bytes());
        }
    } catch (const ws::ConnectionClosed&) {  // as it is below
    }
    seen.codes.push_back(number_of(connection->close_code()));
    seen.reason = connection->close_reason();
}

struct Outcome {
    Seen seen;
    int told = 0;
    std::size_t connections_left = 0;
    std::size_t tasks_left = 0;
    long held_bytes = 0;  // at most, beyond what was held before
};

Coro<void> attack_the_server(const Row& row, net::Address server, int& told) {
    Attacker attacker = co_await Attacker::connect(server, row.is_packed, row.drips);
    co_await attack(row, std::move(attacker), told);
}

Coro<void> attack_a_client(const Row& row, Seen& seen, int& told) {
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    const std::string url = "ws://" + net::Address::of_local_end(listening.get()).to_string() + "/";
    Task<void> client = EventLoop::current().create_task(be_a_client(url, seen));
    Attacker attacker = co_await Attacker::accept(listening.get(), row.is_packed, row.drips);
    co_await attack(row, std::move(attacker), told);
    co_await client;
}

Coro<Outcome> play(const Row& row, ws::Role role) {
    EventLoop& loop = EventLoop::current();
    Outcome outcome;
    http::Router router;
    router.get("/", ws::handler<Echo>(small_limits(), std::ref(outcome.seen)));
    router.get("/calm", ws::coroutine(calm_echo));
    http::Server server(loop, std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    bool is_over = false;
    Task<void> bystander = loop.create_task(stand_by("ws://" + address.to_string() + "/calm", is_over, outcome.seen));
    co_await sleep(100ms);
    const long held = heap().most = heap().held;
    if (role == ws::Role::server) {
        co_await attack_the_server(row, address, outcome.told);
    } else {
        co_await attack_a_client(row, outcome.seen, outcome.told);
    }
    outcome.held_bytes = heap().most - held;
    co_await sleep(100ms);
    is_over = true;
    co_await bystander;
    co_await server.shutdown(20s);
    outcome.connections_left = server.connection_count();
    outcome.tasks_left = loop.task_count() - 1;
    co_return outcome;
}

void check(const Row& row, const Outcome& outcome) {
    CHECK(outcome.seen.opened == 1);
    CHECK(outcome.seen.codes == std::vector<unsigned>{row.code});
    CAPTURE(outcome.seen.reason);
    CHECK(outcome.seen.reason.find(row.reason) != std::string::npos);
    CHECK(outcome.told == row.told);
    CHECK(outcome.seen.echoes > 0);
    CHECK(outcome.seen.latest_echo <= echo_time_max);
    CHECK(outcome.seen.queued_bytes <= queued_bytes_max);
    CHECK(outcome.held_bytes <= held_bytes_max);
    CHECK(outcome.connections_left == 0);
    CHECK(outcome.tasks_left == 0);
}

}  // namespace

TEST_CASE(
    "whatever a WebSocket's peer does: the right close code, little memory, nobody else is late, nothing is left") {
    REQUIRE(bomb().size() < 64 * 1024);
    for (const ws::Role role : {ws::Role::server, ws::Role::client}) {
        const bool at_server = role == ws::Role::server;
        CAPTURE(at_server);
        play_all(
            rows, [role](const Row& row) { return play(row, role); }, check);
    }
}
