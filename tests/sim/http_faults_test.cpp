// An HTTP server whose client breaks, stops, drips, drowns or deceives it, over several seeds: what it is told and
// when, what becomes of the handler, what it costs at most, and that who stands by gets every answer in time.
#include <stepwise/tests/sim/http_support.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace sim_test;

namespace {

// ---- what the clients do

std::string get(std::string_view path) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: sim\r\n\r\n", path);
}
std::string head_of_post(std::string_view path, std::size_t bytes) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: sim\r\nContent-Length: {}\r\n\r\n", path, bytes);
}
std::string chunked_post(std::string_view path) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n", path);
}
std::string chunk_of(std::size_t bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes, std::string(bytes, 'c'));
}

// Until the server takes no more.
Coro<void> flood(RawClient& client, std::string bytes) {
    for (int count = 0; count < 10'000; ++count) {
        const bool is_taken = co_await client.send(bytes);
        if (!is_taken) co_return;
        co_await sleep(1ms);
    }
    CHECK_MESSAGE(false, "all of a flood was taken");
}

Coro<void> drip_a_head(RawClient& client) {
    co_await client.drip("GET / HTTP/1.1\r\nHost: sim\r\nX-Slow: " + std::string(100, 'x'));
}

Coro<void> drip_what_is_collected(RawClient& client) {
    const std::string bytes = head_of_post("/collect", 100);
    co_await client.send(bytes);
    co_await client.drip(std::string(100, 'b'));
}

Coro<void> drip_what_is_streamed(RawClient& client) {
    const std::string bytes = head_of_post("/count", 100);
    co_await client.send(bytes);
    co_await client.drip(std::string(100, 'b'));
}

Coro<void> drip_chunks(RawClient& client) {
    const std::string head = chunked_post("/count");
    co_await client.send(head);
    const std::string chunk = chunk_of(1);
    for (bool is_taken = true; is_taken;) {
        is_taken = co_await client.send(chunk);
        co_await sleep(1s);
    }
}

Coro<void> say_nothing(RawClient&) {
    co_return;
}

Coro<void> read_nothing(RawClient& client) {
    const std::string bytes = get("/large");
    co_await client.send(bytes);
    co_await sleep(50s);
}

Coro<void> read_nothing_of_an_endless_one(RawClient& client) {
    const std::string bytes = get("/endless");
    co_await client.send(bytes);
    co_await sleep(50s);
}

Coro<void> ask_much_and_read_nothing(RawClient& client) {
    std::string many;
    for (int count = 0; count < 1000; ++count) many += get("/large");
    co_await flood(client, many);
}

Coro<void> read_slowly(RawClient& client) {
    sim::world().read_slowly(client.stream.fd(), 30s);
    const std::string bytes = "GET /large HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n";
    co_await client.send(bytes);
}

Coro<void> announce_too_much(RawClient& client) {
    const std::string bytes = head_of_post("/collect", collected_bytes_max + 1);
    co_await client.send(bytes);
}

Coro<void> send_too_much_in_chunks(RawClient& client) {
    const std::string bytes = chunked_post("/collect");
    co_await client.send(bytes);
    co_await flood(client, chunk_of(1000));
}

Coro<void> stream_too_much(RawClient& client) {
    const std::string bytes = chunked_post("/count");
    co_await client.send(bytes);
    co_await flood(client, chunk_of(1000));
}

Coro<void> send_all_that_is_allowed(RawClient& client) {
    const std::string bytes = head_of_post("/collect", collected_bytes_max) + std::string(collected_bytes_max, 'b') +
                              head_of_post("/count", streamed_bytes_max) + std::string(streamed_bytes_max, 'b');
    co_await client.send(bytes);
}

Coro<void> send_a_head_without_end(RawClient& client) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: sim\r\nX: ";
    co_await client.send(bytes);
    co_await flood(client, std::string(1000, 'x'));
}

Coro<void> end_behind_a_request(RawClient& client) {
    const std::string bytes = get("/large") + get("/");
    co_await client.send(bytes);
    client.stream.write_end();
}

Coro<void> end_within_a_head(RawClient& client) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: s";
    co_await client.send(bytes);
    client.stream.write_end();
}

Coro<void> end_within_what_is_collected(RawClient& client) {
    const std::string bytes = head_of_post("/collect", 1000) + std::string(500, 'b');
    co_await client.send(bytes);
    client.stream.write_end();
}

Coro<void> end_within_what_is_streamed(RawClient& client) {
    const std::string bytes = head_of_post("/count", 1000) + std::string(500, 'b');
    co_await client.send(bytes);
    client.stream.write_end();
}

Coro<void> leave_in_the_upload(RawClient& client) {
    const std::string bytes = head_of_post("/count", streamed_bytes_max) + std::string(100'000, 'b');
    co_await client.send(bytes);
    co_await sleep(1s);
    client.stream.abort();
}

Coro<void> reset_in_the_upload(RawClient& client) {
    const std::string bytes = head_of_post("/count", streamed_bytes_max) + std::string(100'000, 'b');
    co_await client.send(bytes);
    co_await sleep(1s);
    sim::world().reset(client.stream.fd());
}

Coro<void> reset_in_the_download(RawClient& client) {
    const std::string bytes = get("/endless");
    co_await client.send(bytes);
    co_await sleep(1s);
    sim::world().reset(client.stream.fd());
}

// Nothing but a receiver's own clock tells.
Coro<void> lose_the_cable_in_the_upload(RawClient& client) {
    const std::string bytes = head_of_post("/count", streamed_bytes_max) + std::string(100'000, 'b');
    co_await client.send(bytes);
    co_await sleep(1s);
    sim::world().pull_cable(client.stream.fd());
    co_await sleep(30s);
    client.stream.abort();
}

Coro<void> send_noise(RawClient& client) {
    std::string noise;
    for (int byte = 0; byte < 5000; ++byte) noise += static_cast<char>(byte * 97 + byte / 7);
    co_await client.send(noise);
}

Coro<void> speak_tls(RawClient& client) {
    const std::string bytes = std::string("\x16\x03\x01\x00\x05hello", 10);
    co_await client.send(bytes);
}

constexpr std::string_view boundary = "7d1f";

Coro<void> send_files(RawClient& client, std::vector<std::string> names) {
    std::string form;
    for (const std::string& name : names) {
        form += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{}\"\r\n\r\n{}\r\n",
                            boundary, name, name.size());
    }
    form += fmt::format("--{}--\r\n", boundary);
    const std::string bytes = fmt::format(
        "POST /store HTTP/1.1\r\nHost: sim\r\nContent-Type: multipart/form-data; boundary={}\r\n"
        "Content-Length: {}\r\n\r\n{}",
        boundary, form.size(), form);
    co_await client.send(bytes);
}

const std::vector<std::string> names_elsewhere = {
    "../up.txt",          "/etc/passwd",
    "..\\..\\boot.ini",   "..",
    "x/./%2e%2e%2fcoded", "a/" + std::string(3000, '.') + "/../" + std::string(400, 'n'),
    "C:\\temp\\mine.txt", "tab\there"};

Coro<void> name_files_elsewhere(RawClient& client) {
    co_await send_files(client, names_elsewhere);
}
const std::map<std::string, std::string> kept_files = {
    {"/shelf/up.txt", "9"},          {"/shelf/passwd", "11"},
    {"/shelf/boot.ini", "14"},       {"/shelf/unnamed", "2"},
    {"/shelf/mine.txt", "16"},       {"/shelf/tabhere", "8"},
    {"/shelf/%2e%2e%2fcoded", "18"}, {"/shelf/" + std::string(255, 'n'), "3406"},
};

Coro<void> name_a_file_with_nul(RawClient& client) {
    const std::vector<std::string> names(1, std::string("../up.txt\0.jpg", 14));
    co_await send_files(client, names);
}

// ---- and what becomes of it

struct Row {
    const char* name;
    Coro<void> (*attack)(RawClient& client);
    const char* told;
    long seconds;  // until the connection's end, or `late` more
    int whole = 0;
    int cancelled = 0;
    bool reads = true;  // what it is told, while it attacks
    long late = 2;
    const std::map<std::string, std::string>* stored = nullptr;
};

const Row rows[] = {
    {"a head, byte by byte", drip_a_head, "408", 10},
    {"a collected body, byte by byte", drip_what_is_collected, "408", 20},
    {"a streamed body, byte by byte", drip_what_is_streamed, "408", 20, 0, 1},
    {"a body chunk by chunk", drip_chunks, "408", 20, 0, 1},
    {"silence", say_nothing, "", 30},
    {"an answer that nobody reads", read_nothing, "200…", 50, 0, 0, false},
    {"an endless one that nobody reads", read_nothing_of_an_endless_one, "200…", 50, 0, 1, false},
    {"many requests, and no answer read", ask_much_and_read_nothing, "200…", 40, 0, 0, false},
    {"a slow reader", read_slowly, "200", 0, 0, 0, true, 30},
    {"a body too long, as it is announced", announce_too_much, "413", 0},
    {"a body too long, in chunks", send_too_much_in_chunks, "413", 0},
    {"a streamed body too long", stream_too_much, "413", 0, 0, 1},
    {"bodies as long as may be", send_all_that_is_allowed, "200 200", 30, 1},
    {"a head without an end", send_a_head_without_end, "431", 0},
    {"half-close behind requests", end_behind_a_request, "200 200", 0},
    {"half-close within a head", end_within_a_head, "400", 0},
    {"half-close within a collected body", end_within_what_is_collected, "400", 0},
    {"half-close within a streamed body", end_within_what_is_streamed, "400", 0, 0, 1},
    {"gone in mid-upload", leave_in_the_upload, "", 1, 0, 1},
    {"reset in mid-upload", reset_in_the_upload, "", 1, 0, 1},
    {"reset in mid-download", reset_in_the_download, "200…", 1, 0, 1},
    {"the cable pulled in mid-upload", lose_the_cable_in_the_upload, "", 31, 0, 1},
    {"noise", send_noise, "400", 0},
    {"TLS where there is none", speak_tls, "400", 0},
    {"files whose names lead elsewhere", name_files_elsewhere, "200", 30, 1, 0, true, 2, &kept_files},
    {"a file's name with NUL", name_a_file_with_nul, "400", 30, 0, 1},
};

Coro<void> attack(const Row& row, net::Address server, HttpOutcome& outcome) {
    net::Stream stream = co_await net::Stream::connect(server);
    RawClient client(std::move(stream));
    std::optional<Task<void>> hearing;
    if (row.reads) hearing = EventLoop::current().create_task(client.hear_all());
    co_await row.attack(client);
    if (!hearing) hearing = EventLoop::current().create_task(client.hear_all());
    co_await *hearing;
    outcome.told = client.told;
    outcome.seconds = client.seconds;
}

void check(const Row& row, const HttpOutcome& outcome) {
    CHECK(outcome.told == row.told);
    CHECK(outcome.seconds >= row.seconds);
    CHECK(outcome.seconds <= row.seconds + row.late);
    CHECK(outcome.seen.whole == row.whole);
    CHECK(outcome.seen.cancelled == row.cancelled);
    CHECK(outcome.seen.stored == (row.stored == nullptr ? std::map<std::string, std::string>() : *row.stored));
    CHECK(outcome.left_bytes <= left_bytes_max);
    check_others(outcome);
}

}  // namespace

TEST_CASE(
    "whatever an HTTP server's client does: the right status in time, little memory, nobody else is late, nothing is "
    "left") {
    const auto play_row = [](const Row& row) {
        return play(
            [&row](net::Address server, HttpOutcome& outcome) { return attack(row, std::move(server), outcome); });
    };
    play_all(rows, play_row, check);
}

namespace {

constexpr int crowd = 200;

Coro<void> be_one_of_many(net::Address server, std::map<std::string, int>& told) {
    net::Stream stream = co_await net::Stream::connect(std::move(server));
    RawClient client(std::move(stream));
    co_await client.hear_all();
    ++told[client.told];
}

Coro<void> come_as_a_crowd(net::Address server, std::map<std::string, int>& told) {
    std::vector<Task<void>> all;
    for (int count = 0; count < crowd; ++count) {
        all.push_back(EventLoop::current().create_task(be_one_of_many(server, told)));
    }
    for (Task<void>& one : all) co_await one;
}

}  // namespace

TEST_CASE("a crowd of connections: as many as may be are served, the others are told so, and accepting outlives want") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        const long descriptors = open_descriptors();
        sim::Options options = weather(seed);
        options.strikes = {{sim::Fault::no_descriptors, 20}, {sim::Fault::no_descriptors, 100}};
        std::map<std::string, int> told;
        const auto attacking = [&told](net::Address server, HttpOutcome&) {
            return come_as_a_crowd(std::move(server), told);
        };
        const HttpOutcome outcome = run_on(options, play(attacking));
        check_others(outcome);
        // One of them stands by.
        CHECK(told == std::map<std::string, int>{{"", connections_max - 1}, {"503", crowd - connections_max + 1}});
        CHECK(open_descriptors() == descriptors);
    }
}
