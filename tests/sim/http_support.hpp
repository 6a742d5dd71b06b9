// What the tests of HTTP under faults share: a small program, a client of single bytes that may do whatever it likes
// with it, and one that stands by and must not notice.
#pragma once

#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/multipart.hpp>
#include <stepwise/net/http/request_body.hpp>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/sim/weather.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace sim_test {

inline constexpr std::size_t kibibyte = 1024;
inline constexpr std::size_t collected_bytes_max = 64 * kibibyte;
inline constexpr std::size_t streamed_bytes_max = 256 * kibibyte;
inline constexpr int connections_max = 50;
inline constexpr long held_bytes_max = 4 * 1024 * kibibyte;
inline constexpr long left_bytes_max = 32 * kibibyte;
inline constexpr Duration answer_time_max = 12ms;
inline const std::string folder = "/shelf";

// ---- the program

struct HttpSeen {
    int answers = 0;  // that who stands by got
    int failures = 0;
    Duration latest_answer{};
    int begun = 0;  // handlers that read or write piece by piece
    int whole = 0;
    int cancelled = 0;
    std::map<std::string, std::string> stored;  // by the path
};

class Handled {
public:
    explicit Handled(HttpSeen& seen) : seen_(seen) { ++seen_.begun; }
    ~Handled() { ++(is_whole ? seen_.whole : seen_.cancelled); }
    bool is_whole = false;

private:
    HttpSeen& seen_;
};

inline Coro<http::Response> count(HttpSeen& seen, http::RequestBody& body) {
    Handled handled(seen);
    std::size_t bytes = 0;
    for (std::string_view piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) {
        bytes += piece.size();
    }
    handled.is_whole = true;
    co_return http::Response::text(std::to_string(bytes));
}

inline Coro<void> write_endlessly(HttpSeen& seen, http::ResponseWriter& out) {
    Handled handled(seen);
    const std::string piece(16 * kibibyte, 'e');
    for (;;) co_await out.write(piece);
}

inline Coro<void> begin_file(std::optional<File>& file, const http::StartOfPart& part) {
    if (!part.filename) co_return;
    std::string name = http::base_name_of(*part.filename);
    if (name.empty()) name = "unnamed";
    File opened = co_await File::open(folder + "/" + name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    file.emplace(std::move(opened));
}

inline Coro<http::Response> store(HttpSeen& seen, const http::Request& request, http::RequestBody& body) {
    Handled handled(seen);
    http::MultipartParser parser(http::multipart_boundary(request.headers().get("Content-Type")).value());
    std::optional<File> file;
    for (std::string_view piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) {
        parser.receive_data(piece);
        for (;;) {
            http::MultipartEvent event = parser.next_event();
            if (std::holds_alternative<http::NeedMore>(event) || std::holds_alternative<http::EndOfForm>(event)) break;
            if (const auto* mistake = std::get_if<net::ProtocolError>(&event)) {
                throw http::HttpError(mistake->code, mistake->message);
            }
            if (const auto* part = std::get_if<http::StartOfPart>(&event)) co_await begin_file(file, *part);
            if (const auto* data = std::get_if<http::PartData>(&event)) {
                if (file) co_await file->write_all(data->bytes);
            }
            if (!std::holds_alternative<http::EndOfPart>(event) || !file) continue;
            seen.stored[file->path()] = sim::world().disk.get(file->path()).value();
            file.reset();
        }
    }
    handled.is_whole = true;
    co_return http::Response::text("kept");
}

inline http::Router routes(HttpSeen& seen) {
    http::Router router;
    router.get("/", [](const http::Request&) { return http::Response::text("hello"); });
    router.get("/large", [](const http::Request&) { return http::Response::text(std::string(512 * kibibyte, 'L')); });
    router.post("/collect", [](const http::Request& request) {
        return http::Response::text(std::to_string(request.body().size()));
    });
    router.post("/count", [&seen](const http::Request&, http::RequestBody& body) { return count(seen, body); });
    router.get("/endless",
               [&seen](const http::Request&, http::ResponseWriter& out) { return write_endlessly(seen, out); });
    router.post("/store",
                [&seen](const http::Request& request, http::RequestBody& body) { return store(seen, request, body); });
    return router;
}

inline http::ServerOptions small_http_limits() {
    http::ServerOptions options;
    options.parser.body_bytes_max = collected_bytes_max;
    options.streamed_body_bytes_max = streamed_bytes_max;
    options.connections_max = connections_max;
    options.head_timeout_seconds = 10;
    options.body_timeout_seconds = 20;
    options.keep_alive_timeout_seconds = 30;
    options.write_timeout_seconds = 40;
    return options;
}

// ---- its clients

// Asks the same program, round by round, until it is over.
inline Coro<void> stand_by(std::string url, const bool& is_over, HttpSeen& seen) {
    EventLoop& loop = EventLoop::current();
    http::Client client(loop);
    while (!is_over) {
        const TimePoint asked = loop.time();
        const http::FetchResponse response = co_await client.fetch(url);
        seen.latest_answer = std::max(seen.latest_answer, loop.time() - asked);
        ++(response.body == "hello" ? seen.answers : seen.failures);
        co_await sleep(100ms);
    }
}

// A peer that writes every byte itself, and hears what comes to it as the answers of a server.
class RawClient {
public:
    explicit RawClient(net::Stream of) : stream(std::move(of)), began_(EventLoop::current().time()) {}

    // False once the connection takes nothing any more.
    Coro<bool> send(std::string bytes) {
        try {
            co_await stream.write_all(bytes);
            co_return true;
        } catch (const std::system_error&) {
            co_return false;
        }
    }
    // A byte a second.
    Coro<bool> drip(std::string bytes) {
        for (const char& byte : bytes) {
            const bool is_taken = co_await send(std::string(1, byte));
            if (!is_taken) co_return false;
            co_await sleep(1s);
        }
        co_return true;
    }
    // Until the connection's end, or one that it makes itself.
    Coro<void> hear_all() {
        std::string block(4 * 1024, '\0');
        try {
            while (std::size_t count = co_await stream.read_some(block)) {
                parser_.receive_data({block.data(), count});
                take_answers();
            }
            parser_.receive_eof();
            take_answers();
        } catch (const std::system_error&) {  // what came until then has come
        }
        seconds = std::chrono::duration_cast<std::chrono::seconds>(EventLoop::current().time() - began_).count();
        if (!is_whole_) told += "…";
    }

    net::Stream stream;
    std::string told;   // statuses, one behind the other: "200 200", "408"; "200…": its body was cut
    long seconds = -1;  // whole ones, until the connection's end

private:
    void take_answers() {
        for (;;) {
            if (parser_.is_between_messages() && parser_.expected_responses() == 0) parser_.expect_response("POST");
            const http::ResponseEvent event = parser_.next_event();
            if (const auto* start = std::get_if<http::StartOfResponse>(&event)) {
                told += (told.empty() ? "" : " ") + std::to_string(start->head->status());
                is_whole_ = false;
            } else if (std::holds_alternative<http::EndOfMessage>(event)) {
                is_whole_ = true;
            } else if (!std::holds_alternative<http::BodyData>(event)) {
                return;
            }
        }
    }

    TimePoint began_;
    http::ResponseParser parser_;
    bool is_whole_ = true;
};

// ---- what becomes of it

struct HttpOutcome {
    HttpSeen seen;
    std::string told;
    long seconds = 0;
    std::size_t connections_left = 0;
    std::size_t tasks_left = 0;
    long held_bytes = 0;  // at most, beyond what was held before
    long left_bytes = 0;
};

// `attacking` has its end when it has been told what it wants to know.
template <class Attack>
Coro<HttpOutcome> play(Attack attacking) {
    EventLoop& loop = EventLoop::current();
    HttpOutcome outcome;
    http::Server server(loop, routes(outcome.seen), small_http_limits());
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    const long held_before = heap().held;
    bool is_over = false;
    Task<void> bystander = loop.create_task(stand_by("http://" + address.to_string() + "/", is_over, outcome.seen));
    co_await sleep(1s);
    outcome.seen.latest_answer = {};
    const long held = heap().most = heap().held;
    Coro<void> attack = attacking(address, outcome);
    co_await std::move(attack);
    outcome.held_bytes = heap().most - held;
    is_over = true;
    co_await bystander;
    co_await sleep(5s);  // TransportOptions::linger_timeout is past
    outcome.connections_left = server.connection_count();
    co_await sleep(sim::Options().retransmission_max);  // even a kernel has given up by then
    // The simulator keeps a list of the faults that it has brought.
    if (sim::world().faults.struck().empty()) outcome.left_bytes = heap().held - held_before;
    co_await server.shutdown(20s);
    outcome.tasks_left = loop.task_count() - 1;
    co_return outcome;
}

inline void check_others(const HttpOutcome& outcome) {
    CHECK(outcome.seen.answers > 0);
    CHECK(outcome.seen.failures == 0);
    CHECK(outcome.seen.latest_answer <= answer_time_max);
    CHECK(outcome.held_bytes <= held_bytes_max);
    CHECK(outcome.connections_left == 0);
    CHECK(outcome.tasks_left == 0);
}

}  // namespace sim_test
