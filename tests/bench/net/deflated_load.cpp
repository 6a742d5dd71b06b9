// Load of compressed messages: `deflated_load PORT CONNECTIONS SECONDS`. Each connection sends a text of 2 KiB, such as
// programs send, waits for its echo, looks at it, and sends the next. Prints how many came back within the time as
// {"messages": N}, behind as much time to warm up, at whose end it prints "warm" and waits for a line.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/ws/client.hpp>

using namespace stepwise;

namespace {

struct Count {
    TimePoint until;
    long messages = 0;
};

std::string text_of(long number) {
    std::string text = "[";
    while (text.size() < 2000) {
        text += fmt::format(R"({{"id":{},"name":"user {}","state":"online","seen":{}}},)", number, number % 977,
                            1'700'000'000 + number * 37);
        ++number;
    }
    text.back() = ']';
    return text;
}

Coro<void> talk(ws::Connection& connection, Count& count) {
    for (long number = 0; EventLoop::current().time() < count.until; ++number) {
        const std::string text = text_of(number * 31 % 100'000);
        co_await connection.send(text);
        auto echo = co_await connection.receive();
        if (!echo || echo->data() != text) throw std::runtime_error("what came back is another text, or nothing");
        ++count.messages;
    }
}

Coro<long> talk_for(std::vector<ws::ClientConnection>& connections, double seconds) {
    Count count;
    count.until =
        EventLoop::current().time() + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    std::vector<Task<void>> talks;
    for (ws::ClientConnection& connection : connections) {
        talks.push_back(EventLoop::current().create_task(talk(*connection, count)));
    }
    for (Task<void>& one : talks) co_await one;
    co_return count.messages;
}

Coro<int> load(std::string url, int count, double seconds) {
    ws::ConnectOptions options;
    options.connection.protocol.compression.context_takeover = true;  // offered as browsers do: the server decides
    std::vector<ws::ClientConnection> connections;
    for (int number = 0; number < count; ++number) {
        ws::ClientConnection connection = co_await ws::connect(url, options);
        if (connection->sent_window_bits() == 0) throw std::runtime_error("the server does not compress");
        connections.push_back(std::move(connection));
    }
    co_await talk_for(connections, seconds);
    std::cout << "warm" << std::endl;
    std::cin.get();
    const long messages = co_await talk_for(connections, seconds);
    std::cout << "{\"messages\": " << messages << "}" << std::endl;
    co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return std::fprintf(stderr, "deflated_load PORT CONNECTIONS SECONDS\n"), 2;
    try {
        EventLoop loop;
        const std::string url = "ws://127.0.0.1:" + std::string(argv[1]) + "/";
        return loop.run_until_complete(load(url, std::atoi(argv[2]), std::atof(argv[3])));
    } catch (const std::exception& error) {
        return std::fprintf(stderr, "deflated_load: %s\n", error.what()), 1;
    }
}
