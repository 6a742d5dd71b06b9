// Our HTTP client and a server that is slow, lies about its length, floods or unpacks without end, over several seeds:
// one error that says so, little memory, and no connection is used again of which that is not certain.
#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/sim/weather.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace sim_test;
using Kind = http::FetchError::Kind;

namespace {

constexpr std::size_t body_bytes_max = 1024 * 1024;
constexpr long held_bytes_max = 5 * 1024 * 1024;
const std::string head = "HTTP/1.1 200 OK\r\n";
const std::string poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

// What one connection does once it was asked. The next one answers as it should.
using Script = Coro<void> (*)(net::Stream& stream);

// False once the connection takes nothing any more.
Coro<bool> say(net::Stream& stream, std::string bytes) {
    try {
        co_await stream.write_all(bytes);
        co_return true;
    } catch (const std::system_error&) {
        co_return false;
    }
}

Coro<void> drip(net::Stream& stream, std::string bytes) {
    for (const char& byte : bytes) {
        const bool is_taken = co_await say(stream, std::string(1, byte));
        if (!is_taken) co_return;
        co_await sleep(1s);
    }
}

Coro<void> flood(net::Stream& stream, std::string bytes) {
    for (int count = 0; count < 10'000; ++count) {
        const bool is_taken = co_await say(stream, bytes);
        if (!is_taken) co_return;
        co_await sleep(1ms);
    }
    CHECK_MESSAGE(false, "all of a flood was taken");
}

// ---- what the servers do

Coro<void> keep_silent(net::Stream&) {
    co_await sleep(100s);
}

Coro<void> drip_a_head(net::Stream& stream) {
    const std::string bytes = head + "X-Slow: " + std::string(100, 'x');
    co_await drip(stream, bytes);
}

Coro<void> drip_a_body(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 100\r\n\r\n";
    co_await say(stream, bytes);
    const std::string rest = std::string(100, 'b');
    co_await drip(stream, rest);
}

Coro<void> send_a_head_without_end(net::Stream& stream) {
    const std::string bytes = head + "X: ";
    co_await say(stream, bytes);
    const std::string rest = std::string(1000, 'x');
    co_await flood(stream, rest);
}

Coro<void> announce_too_much(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 1048577\r\n\r\n";
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> send_without_end(net::Stream& stream) {
    const std::string bytes = head + "\r\n";
    co_await say(stream, bytes);
    const std::string rest = std::string(10'000, 'x');
    co_await flood(stream, rest);
}

Coro<void> send_too_little(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 10\r\n\r\nhello";
    co_await say(stream, bytes);
}

Coro<void> send_too_little_in_chunks(net::Stream& stream) {
    const std::string bytes = head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    co_await say(stream, bytes);
}

Coro<void> reset_in_the_body(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 10\r\n\r\nhello";
    co_await say(stream, bytes);
    co_await sleep(1s);
    sim::world().reset(stream.fd());
}

Coro<void> send_two_lengths(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!";
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> send_too_much(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 5\r\n\r\nhello" + poison;
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> send_more_later(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 5\r\n\r\nhello";
    co_await say(stream, bytes);
    co_await sleep(10ms);
    co_await say(stream, poison);
    co_await sleep(100s);
}

Coro<void> send_more_behind_the_last_chunk(net::Stream& stream) {
    const std::string bytes = head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + poison;
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> send_a_body_where_none_may_be(net::Stream& stream) {
    const std::string bytes = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n" + poison;
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> end_behind_the_answer(net::Stream& stream) {
    const std::string bytes = head + "Content-Length: 5\r\n\r\nhello";
    co_await say(stream, bytes);
}

Coro<void> answer_as_it_should(net::Stream& stream) {
    for (;;) {
        const std::string bytes = head + "Content-Length: 5\r\n\r\nhello";
        co_await say(stream, bytes);
        const std::optional<std::string> next = co_await stream.read_until("\r\n\r\n");
        if (!next) co_return;
    }
}

// Some 100 KiB that are 100 MiB of zeros.
const std::string& bomb() {
    static const std::string packed = http::gzip(std::string(100 * body_bytes_max, '\0'));
    return packed;
}

std::string packed_head(std::size_t bytes) {
    return head + fmt::format("Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bytes);
}

Coro<void> send_a_bomb(net::Stream& stream) {
    const std::string bytes = packed_head(bomb().size()) + bomb();
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> send_half_of_what_is_packed(net::Stream& stream) {
    const std::string packed = http::gzip(std::string(1000, 'p'));
    const std::string bytes = packed_head(packed.size() / 2) + packed.substr(0, packed.size() / 2);
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> send_what_is_not_packed(net::Stream& stream) {
    const std::string bytes = packed_head(5) + "hello";
    co_await say(stream, bytes);
    co_await sleep(100s);
}

Coro<void> speak_another_protocol(net::Stream& stream) {
    const std::string bytes = "SSH-2.0-OpenSSH_9.2\r\n";
    co_await say(stream, bytes);
    co_await sleep(100s);
}

// ---- and what becomes of it

struct Row {
    const char* name;
    Script script;
    std::optional<Kind> error;  // nothing: the answer counts
    long seconds;               // until the client says so, or a little more
    const char* message = "";
    bool is_used_again = false;  // the connection, by the next request
};

const Row rows[] = {
    {"silence", keep_silent, Kind::timeout, 10, "header_timeout"},
    {"a head, byte by byte", drip_a_head, Kind::timeout, 10, "header_timeout"},
    {"a body, byte by byte", drip_a_body, Kind::timeout, 20, "total_timeout"},
    {"a head without an end", send_a_head_without_end, Kind::limit_reached, 0, "header_bytes_max"},
    {"a body too long, as it is announced", announce_too_much, Kind::limit_reached, 0, "body_bytes_max"},
    {"a body without an end", send_without_end, Kind::limit_reached, 0, "body_bytes_max"},
    {"less than was announced", send_too_little, Kind::connection_lost, 0, "within the body"},
    {"chunks without the last one", send_too_little_in_chunks, Kind::connection_lost, 0, "within the body"},
    {"reset in the body", reset_in_the_body, Kind::connection_lost, 1, "Connection reset"},
    {"two lengths", send_two_lengths, Kind::bad_response, 0, "more than one Content-Length"},
    {"more than was announced", send_too_much, std::nullopt, 0},
    {"more than was announced, later", send_more_later, std::nullopt, 0},
    {"more behind the last chunk", send_more_behind_the_last_chunk, std::nullopt, 0},
    {"a body where none may be", send_a_body_where_none_may_be, std::nullopt, 0},
    {"the end behind the answer", end_behind_the_answer, std::nullopt, 0},
    {"a decompression bomb", send_a_bomb, Kind::limit_reached, 0, "body_bytes_max"},
    {"half of what is packed", send_half_of_what_is_packed, Kind::bad_response, 0},
    {"what is not packed, though it says so", send_what_is_not_packed, Kind::bad_response, 0},
    {"another protocol", speak_another_protocol, Kind::bad_response, 0, "this is no HTTP response"},
    {"all as it should be", answer_as_it_should, std::nullopt, 0, "", true},
};

struct Outcome {
    http::FetchResponse first;
    http::FetchResponse second;
    long seconds = 0;
    int connections = 0;
    std::size_t tasks_left = 0;
    long held_bytes = 0;  // at most, beyond what was held before
};

Coro<void> serve_one(Script script, net::Stream stream) {
    const std::optional<std::string> request = co_await stream.read_until("\r\n\r\n");
    REQUIRE(request);
    co_await script(stream);
}

// The first connection follows the script.
Coro<void> serve(Script script, int listening, Outcome& outcome, std::vector<Task<void>>& serving) {
    for (;;) {
        net::Stream stream = co_await net::accept_from(listening);
        const Script chosen = outcome.connections++ == 0 ? script : answer_as_it_should;
        serving.push_back(EventLoop::current().create_task(serve_one(chosen, std::move(stream))));
    }
}

http::FetchRequest request_of(const std::string& url) {
    http::FetchRequest request(url);
    request.header_timeout = 10s;
    request.total_timeout = 20s;
    request.limits.body_bytes_max = body_bytes_max;
    return request;
}

Coro<Outcome> play(const Row& row) {
    EventLoop& loop = EventLoop::current();
    Outcome outcome;
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    const std::string url = "http://" + net::Address::of_local_end(listening.get()).to_string() + "/";
    std::vector<Task<void>> serving;
    Task<void> server = loop.create_task(serve(row.script, listening.get(), outcome, serving));
    {
        http::Client client(loop);
        const long held = heap().most = heap().held;
        const TimePoint began = loop.time();
        http::FetchRequest first = request_of(url);
        outcome.first = co_await client.fetch(std::move(first));
        outcome.seconds = std::chrono::duration_cast<std::chrono::seconds>(loop.time() - began).count();
        outcome.held_bytes = heap().most - held;
        // What is on its way behind an answer has come by now. Of what came later than the next request nobody could
        // say whose answer it is.
        co_await sleep(100ms);
        http::FetchRequest second = request_of(url);
        outcome.second = co_await client.fetch(std::move(second));
    }
    co_await sleep(200s);
    server.cancel();
    for (Task<void>& one : serving) co_await one;
    outcome.tasks_left = loop.task_count() - 2;  // this one, and the server's
    co_return outcome;
}

void check(const Row& row, const Outcome& outcome) {
    CHECK(outcome.first.error.has_value() == row.error.has_value());
    if (row.error && outcome.first.error) {
        CAPTURE(outcome.first.error->message);
        CHECK(outcome.first.error->kind == *row.error);
        CHECK(outcome.first.error->message.find(row.message) != std::string::npos);
        CHECK(outcome.first.body.empty());
    }
    if (!row.error) CHECK(outcome.first.body == (outcome.first.status == 204 ? "" : "hello"));
    CHECK(outcome.seconds >= row.seconds);
    CHECK(outcome.seconds <= row.seconds + 1);
    CHECK(outcome.second.body == "hello");
    CHECK(outcome.connections == (row.is_used_again ? 1 : 2));
    CHECK(outcome.held_bytes <= held_bytes_max);
    CHECK(outcome.tasks_left == 0);
}

}  // namespace

TEST_CASE(
    "whatever an HTTP client's server does: one error, little memory, and the next answer comes from whom it may") {
    REQUIRE(bomb().size() < body_bytes_max);
    play_all(rows, play, check);
}

namespace {

Coro<void> set_a_cookie_for_a_minute(net::Stream& stream) {
    const std::string bytes = head + "Set-Cookie: seen=1; Max-Age=60\r\nContent-Length: 0\r\n\r\n";
    co_await say(stream, bytes);
}

Coro<void> serve_cookies(int listening, std::vector<std::string>& requests) {
    for (;;) {
        net::Stream stream = co_await net::accept_from(listening);
        std::optional<std::string> request = co_await stream.read_until("\r\n\r\n");
        REQUIRE(request);
        requests.push_back(std::move(*request));
        co_await set_a_cookie_for_a_minute(stream);
    }
}

// Whether the server was given its cookie again, after so long.
Coro<bool> comes_back_after(Duration time) {
    EventLoop& loop = EventLoop::current();
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    const std::string url = "http://" + net::Address::of_local_end(listening.get()).to_string() + "/";
    std::vector<std::string> requests;
    Task<void> server = loop.create_task(serve_cookies(listening.get(), requests));
    http::Client::Options options;
    options.cookies = std::make_shared<http::CookieJar>();
    options.connections.idle_connections_max = 0;
    http::Client client(loop, std::move(options));
    http::FetchRequest first(url);
    const http::FetchResponse answer = co_await client.fetch(first);
    REQUIRE(answer.ok());
    co_await sleep(time);
    http::FetchRequest second(url);
    const http::FetchResponse last = co_await client.fetch(second);
    REQUIRE(last.ok());
    server.cancel();
    REQUIRE(requests.size() == 2);
    co_return requests[1].find("\r\nCookie: seen=1\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a client's cookie lasts as long as its server says, by the loop's clock") {
    CHECK(run_on(weather(1), comes_back_after(59s)));
    CHECK_FALSE(run_on(weather(1), comes_back_after(61s)));
}
