// Requests on kept connections: each is answered once, with its own answer, in order.
#include <stepwise/tests/sim/explore/properties.hpp>

#include <stepwise/net/http/server.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>

namespace explore {

namespace {

constexpr std::size_t head_bytes_max = 10'000;
constexpr Duration client_time_max = 30min;

http::Response echo_body(const http::Request& request) {
    http::Response response(200, std::string(request.body()), "text/plain");
    return response;
}

// Answers later: what came behind it must wait.
Coro<http::Response> echo_body_later(const http::Request& request) {
    co_await sleep(5ms);
    http::Response response(200, std::string(request.body()), "text/plain");
    co_return response;
}

std::string request_of(const std::string& body, bool later) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: sim\r\nContent-Length: {}\r\n\r\n{}", later ? "/later" : "/now",
                       body.size(), body);
}

// The body of one response; nothing at the stream's end.
Coro<std::optional<std::string>> read_response(net::Stream& stream, Trial& trial) {
    std::optional<std::string> status = co_await stream.read_until("\r\n", head_bytes_max);
    if (!status) co_return std::nullopt;
    // What was cut off in its middle is no request.
    if (may_have_broken() && status->starts_with("HTTP/1.1 400 ")) co_return std::nullopt;
    if (*status != "HTTP/1.1 200 OK\r\n") trial.fail("http: the status line is {}", *status);
    std::size_t length = 0;
    for (;;) {
        std::optional<std::string> field = co_await stream.read_until("\r\n", head_bytes_max);
        if (!field) co_return std::nullopt;
        if (*field == "\r\n") break;
        if (field->starts_with("Content-Length: ")) length = std::stoul(field->substr(16));
    }
    std::string body(length, '\0');
    co_await stream.read_exactly(body);
    co_return body;
}

Coro<void> send_requests(net::Stream& stream, const std::vector<std::string>& bodies, std::uint64_t later) {
    for (std::size_t index = 0; index < bodies.size(); ++index) {
        const std::string request = request_of(bodies[index], (later >> index & 1) != 0);
        co_await stream.write_all(request);
    }
}

Coro<void> read_responses(net::Stream& stream, const std::vector<std::string>& bodies, Trial& trial) {
    for (std::size_t index = 0; index < bodies.size(); ++index) {
        std::optional<std::string> body = co_await read_response(stream, trial);
        if (!body) {
            if (!may_have_broken()) trial.fail("http: the stream ended after {} of {} responses", index, bodies.size());
            co_return;
        }
        if (*body != bodies[index]) co_return trial.fail("http: response {} is not its own", index);
    }
}

Coro<void> talk(TaskGroup& group, net::Stream& stream, const std::vector<std::string>& bodies, std::uint64_t later,
                Trial& trial) {
    group.start_soon(send_requests(stream, bodies, later));
    co_await read_responses(stream, bodies, trial);
}

Coro<void> one_client(net::Address address, std::vector<std::string> bodies, std::uint64_t later, Trial& trial) {
    net::Stream stream = co_await net::Stream::connect(address);
    Coro<void> talking = task_group(talk, std::ref(stream), std::cref(bodies), later, std::ref(trial));
    co_await std::move(talking);
}

Coro<void> guarded(net::Address address, std::vector<std::string> bodies, std::uint64_t later, Trial& trial) {
    try {
        Coro<void> client = one_client(address, std::move(bodies), later, trial);
        co_await timeout(client_time_max, std::move(client));
    } catch (const std::exception& error) {
        if (!may_have_broken()) trial.fail("http: a connection broke by itself: {}", error.what());
    }
}

}  // namespace

Coro<void> http_keep_alive(Trial& trial) {
    EventLoop& loop = EventLoop::current();
    http::Router router;
    router.post("/now", echo_body);
    router.post("/later", echo_body_later);
    http::ServerOptions options;
    // A slow network is no reason to end: what the deadlines do has tests of its own.
    options.head_timeout_seconds = options.body_timeout_seconds = options.write_timeout_seconds = 3600;
    http::Server server(loop, std::move(router), options);
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    std::vector<Task<void>> clients;
    const std::uint64_t client_count = 1 + trial.random.below(4);
    for (std::uint64_t client = 0; client < client_count; ++client) {
        std::vector<std::string> bodies;
        const std::uint64_t count = 1 + trial.random.below(12);
        for (std::uint64_t index = 0; index < count; ++index) {
            bodies.push_back(fmt::format("{}:{}:{}", client, index, random_text(trial, 4000)));
        }
        clients.push_back(loop.create_task(guarded(address, std::move(bodies), trial.random.next(), trial)));
    }
    for (Task<void>& client : clients) co_await client;
    Coro<void> shutting_down = server.shutdown(10s);
    co_await std::move(shutting_down);
    if (server.connection_count() != 0)
        trial.fail("http: {} connections outlive the server", server.connection_count());
}

}  // namespace explore
