// How fast the simulator is: WebSocket messages a second on one core, and what an hour of idle connections costs.
//
//     build/tests/bench/sim/sim_bench        prints two lines
#include <stepwise/net/http/server.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <vector>

using namespace std::chrono_literals;
using namespace stepwise;

namespace {

constexpr int talkers = 10;
constexpr int messages_each = 20'000;
constexpr int idle_clients = 100;

double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

class Echo : public ws::WebSocketHandler {
public:
    void on_message(ws::MessageView message) { write_message(message.data); }
};

// Asks and waits for the answer, as a round trip at a time.
Coro<void> talk(std::string url) {
    ws::ClientConnection connection = co_await ws::connect(url);
    const std::string text(64, 'm');
    for (int number = 0; number < messages_each; ++number) {
        co_await connection->send(text);
        std::optional<ws::Message> answer = co_await connection->receive();
        if (!answer) throw std::runtime_error("the connection is closed");
    }
}

Coro<void> stay_for_an_hour(std::string url) {
    ws::ClientConnection connection = co_await ws::connect(url);
    co_await sleep(1h);
    if (!connection->is_open()) throw std::runtime_error("an idle connection was closed");
}

Coro<void> run_clients(Coro<void> (*client)(std::string), int count) {
    EventLoop& loop = EventLoop::current();
    http::Router router;
    router.get("/", ws::handler<Echo>());
    http::Server server(loop, std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    const std::string url = fmt::format("ws://{}/", address.to_string());
    std::vector<Task<void>> clients;
    for (int number = 0; number < count; ++number) clients.push_back(loop.create_task(client(url)));
    for (Task<void>& one : clients) co_await one;
}

double cpu_of(Coro<void> (*client)(std::string), int count) {
    EventLoop::Options options;
    options.reactor = "sim";
    const double before = cpu_seconds();
    run(run_clients(client, count), std::move(options));
    return cpu_seconds() - before;
}

}  // namespace

int main() {
    const double talking = cpu_of(talk, talkers);
    // There and back.
    fmt::print("messages: {:.0f} a second ({} of 64 bytes in {:.2f} s)\n", 2.0 * talkers * messages_each / talking,
               2 * talkers * messages_each, talking);
    fmt::print("idle: an hour of {} connections with keepalive in {:.3f} s of CPU\n", idle_clients,
               cpu_of(stay_for_an_hour, idle_clients));
    return 0;
}
