// A client that comes back, for servers of other hands: `reconnecting_program URL TIMES`. On each of its connections it
// has a message echoed, then asks the server to leave, with a code of 4000 and the connection's number, and prints how
// that ended.
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/ws/reconnecting.hpp>

#include <iostream>
#include <string>

using namespace stepwise;

namespace {

Coro<void> talk(ws::Connection& connection, int number) {
    const std::string text = "here for the " + std::to_string(number) + ". time";
    co_await connection.send(text);
    const auto answer = co_await connection.receive();
    if (answer && answer->data() == text) std::cout << text << std::endl;
    const std::string leave = "leave " + std::to_string(4000 + number) + " enough";
    co_await connection.send(leave);
    co_await connection.wait_closed();
}

Coro<void> come_back(std::string url, int times) {
    ws::ReconnectOptions options;
    options.first_delay = std::chrono::milliseconds(20);
    options.delay_max = std::chrono::milliseconds(200);
    ws::Reconnecting server = ws::reconnecting(url, options);
    for (int number = 1; number <= times; ++number) {
        ws::ClientConnection connection = co_await server.next();
        co_await talk(*connection, number);
        std::cout << "closed " << static_cast<unsigned>(connection->close_code()) << " " << connection->close_reason()
                  << std::endl;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "reconnecting_program: URL TIMES\n";
        return 2;
    }
    try {
        EventLoop loop;
        loop.run_until_complete(come_back(argv[1], std::stoi(argv[2])));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "reconnecting_program: " << error.what() << "\n";
        return 1;
    }
}
