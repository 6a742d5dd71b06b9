// Messages that were read and wait for a program that is slow, whose peer stops to answer meanwhile: the keepalive ends
// the connection, and what was read is given first.
#include <stepwise/tests/sim/ws_support.hpp>

#include <doctest/doctest.h>

using namespace sim_test;

namespace {

constexpr int messages = 10;
constexpr Duration slow = 90s;  // longer than the keepalive waits, and its sweep

using Log = std::vector<std::string>;

std::string end_of(CloseCode code, const std::string& reason) {
    return std::to_string(number_of(code)) + " " + reason.substr(0, reason.find(':'));
}

Coro<void> read_late(Log& log, ws::Connection& connection) {
    co_await sleep(slow);
    log.emplace_back(connection.is_open() ? "open" : "ended");
    CHECK_FALSE(connection.write_message("nobody hears this"));
    while (auto message = co_await connection.receive()) log.emplace_back(message->data());
    log.push_back(end_of(connection.close_code(), connection.close_reason()));
}

class Late : public ws::WebSocketHandler {
public:
    explicit Late(Log& log) : log_(log) {}
    Coro<void> on_message(ws::Message message) {
        if (log_.empty()) {
            co_await sleep(slow);
            log_.emplace_back(connection().is_open() ? "open" : "ended");
        }
        log_.emplace_back(message.data());
    }
    void on_close() { log_.push_back(end_of(close_code(), close_reason())); }

private:
    Log& log_;
};

// `may_wait`: how many may before reading stops.
Coro<Log> be_slow(bool has_handler, std::size_t may_wait) {
    EventLoop& loop = EventLoop::current();
    Log log;
    ws::ConnectionOptions options;
    options.waiting_messages_max = may_wait;
    http::Router router;
    if (has_handler) {
        router.get("/", ws::handler<Late>(options, std::ref(log)));
    } else {
        router.get("/", ws::coroutine([&log](ws::Connection& c) { return read_late(log, c); }, options));
    }
    http::Server server(loop, std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    Attacker peer = co_await Attacker::connect(address, false, false);
    std::string bytes;
    for (int number = 0; number < messages; ++number) bytes += peer.frame(Opcode::text, std::to_string(number));
    co_await peer.send(bytes);
    co_await sleep(1s);
    sim::world().pull_cable(peer.stream.fd());
    co_await sleep(2 * slow);
    CHECK(server.connection_count() == 0);
    co_await server.shutdown(20s);
    co_return log;
}

}  // namespace

TEST_CASE("a peer that stops to answer is 1006 by the keepalive, behind all messages that were read before") {
    Log expected{"ended"};
    for (int number = 0; number < messages; ++number) expected.push_back(std::to_string(number));
    expected.push_back("1006 keepalive");
    for (const bool has_handler : {false, true}) {
        CAPTURE(has_handler);
        for (const std::size_t may_wait : {std::size_t{2}, std::size_t{64}}) {
            CAPTURE(may_wait);
            for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
                sim::Options options;
                options.seed = seed;
                CHECK(run_on(options, be_slow(has_handler, may_wait)) == expected);
            }
        }
    }
}
