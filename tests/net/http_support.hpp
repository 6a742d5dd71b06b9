// What the tests of the HTTP server share: a server on a loop whose clock stands still, clients that see raw bytes, and
// handlers that wait until the test opens a gate.
#pragma once

#include <stepwise/tests/net/support.hpp>

#include <stepwise/net/http/server.hpp>

#include <charconv>
#include <map>

namespace net_test {

struct Served : World {
    explicit Served(http::Router router, http::ServerOptions options = {}) { serve(std::move(router), options); }
    Served() = default;
    ~Served() { server.reset(); }

    void serve(http::Router router, http::ServerOptions options = {}) {
        server.emplace(loop(), std::move(router), options);
        address = server->listen(net::Address::tcp("127.0.0.1", 0));
    }
    Peer connect(int receive_buffer_bytes = 0) { return Peer::connect(*this, address, receive_buffer_bytes); }
    // When the server has it.
    Peer connect_accepted() {
        std::size_t before = server->connection_count();
        Peer peer = connect();
        run_until([&] { return server->connection_count() > before; });
        return peer;
    }
    Task<void> start_shutdown(Duration deadline) {
        Task<void> task = loop().create_task(server->shutdown(deadline));
        settle();
        return task;
    }

    std::optional<http::Server> server;
    net::Address address;
};

struct Answer {
    int status = 0;
    std::string head;  // with the status line, without the empty line
    std::string body;

    bool has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

// One response with a Content-Length; status 0 if the connection ends before.
inline Answer read_answer(Peer& peer, bool to_head_request = false) {
    Answer answer;
    answer.head = peer.read_until("\r\n\r\n");
    if (!answer.head.ends_with("\r\n\r\n")) return {};
    answer.head.resize(answer.head.size() - 2);
    std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
    std::size_t length = 0;
    std::size_t at = answer.head.find("Content-Length: ");
    if (at != std::string::npos)
        std::from_chars(&answer.head[at + 16], answer.head.data() + answer.head.size(), length);
    if (!to_head_request) answer.body = peer.read(length);
    return answer;
}

inline std::string get(std::string_view target, std::string_view fields = {}) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(fields) + "\r\n";
}

inline std::string post(std::string_view target, std::string_view body) {
    return "POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
}

// Holds back the coroutines that come to it.
struct Gate {
    explicit Gate(World& of) : world(of) {}

    void open() {
        for (Future<void>& waiting : std::exchange(waiting_, {})) {
            if (!waiting.done()) waiting.set_result();
        }
    }
    Future<void> arrive() {
        ++arrived;
        return waiting_.emplace_back(world.loop().create_future<void>());
    }

    World& world;
    int arrived = 0;
    int passed = 0;
    int cancelled = 0;

private:
    std::vector<Future<void>> waiting_;
};

inline Coro<http::Response> answer_after(Gate& gate, const http::Request& request) {
    Future<void> opened = gate.arrive();
    try {
        co_await opened;
    } catch (const CancelledError&) {
        ++gate.cancelled;
        throw;
    }
    ++gate.passed;
    co_return http::Response::text("after " + std::string(request.target()) + " by " +
                                   std::string(request.remote_ip()));
}

}  // namespace net_test
