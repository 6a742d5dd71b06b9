// An echo client for suites that test WebSocket clients: `ws_echo_client ws://HOST:PORT`. Asks the suite's server for
// the number of its cases (/getCaseCount), sends back what each says (/runCase?case=N&agent=stepwise), and has the
// report written (/updateReports?agent=stepwise). Prints a line for each case. Exit code 1 if the server can't be
// spoken to; whether a case was passed is for the server to say.
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/ws/client.hpp>

#include <charconv>
#include <iostream>
#include <string>

using namespace stepwise;

namespace {

ws::ConnectOptions suite_options() {
    ws::ConnectOptions options;
    options.connection.protocol.message_bytes_max = 64 << 20;
    options.connection.protocol.compression.message_bytes_min = 1;
    options.connection.waiting_bytes_max = 64 << 20;
    options.connection.queued_bytes_max = 128 << 20;
    options.connection.ping_interval_seconds = 0;
    return options;
}

Coro<int> case_count(std::string server) {
    ws::ClientConnection connection = co_await ws::connect(server + "/getCaseCount", suite_options());
    auto message = co_await connection->receive();
    int count = -1;
    if (message) std::from_chars(message->data().data(), message->data().data() + message->data().size(), count);
    if (count < 0) throw std::runtime_error("/getCaseCount gives no number");
    connection->close();
    co_await connection->wait_closed();
    co_return count;
}

Coro<std::string> echo_all(std::string url) {
    ws::ClientConnection connection = co_await ws::connect(url, suite_options());
    while (auto message = co_await connection->receive()) {
        if (!connection->write_message(message->data(), !message->is_text())) break;
    }
    co_return std::to_string(static_cast<unsigned>(connection->close_code())) + " " + connection->close_reason();
}

Coro<int> run_suite(std::string server) {
    while (server.ends_with('/')) server.pop_back();
    const int count = co_await case_count(server);
    for (int number = 1; number <= count; ++number) {
        const std::string url = server + "/runCase?case=" + std::to_string(number) + "&agent=stepwise";
        std::string ending;
        try {
            ending = co_await echo_all(url);
        } catch (const ws::HandshakeError& error) {  // that may be what the case is about
            ending = std::string("not opened: ") + error.what();
        }
        std::cout << "case " << number << " of " << count << ": " << ending << std::endl;
    }
    co_await echo_all(server + "/updateReports?agent=stepwise");
    co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "ws_echo_client: give the suite's server, ws://HOST:PORT\n";
        return 2;
    }
    try {
        EventLoop loop;
        return loop.run_until_complete(run_suite(argv[1]));
    } catch (const std::exception& error) {
        std::cerr << "ws_echo_client: " << error.what() << "\n";
        return 1;
    }
}
