// Connections themselves: what it costs to open one, and to hold it. Those that are held do nothing: what the server's
// memory grows by for each of them, once it has answered on it.
#include <stepwise/tests/bench/net/load.hpp>
#include <stepwise/tests/bench/net/web_socket.hpp>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace bench {

namespace {

std::string_view receive(int socket, std::array<char, 16 * 1024>& buffer) {
    pollfd readable{socket, POLLIN, 0};
    const ssize_t count = poll(&readable, 1, 10'000) == 1 ? recv(socket, buffer.data(), buffer.size(), 0) : 0;
    if (count <= 0) fail("the server does not answer");
    return {buffer.data(), static_cast<std::size_t>(count)};
}

void send_whole(int socket, std::string_view bytes) {
    if (send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
        fail("the server does not take what is sent");
    }
}

void hear_echo(int socket, const LoadOptions& options, const FrameBatch& frames, std::uint32_t sender) {
    FrameReader reader(options.message_bytes);
    std::array<char, 16 * 1024> buffer;
    for (FrameReader::Piece piece; !piece.is_last;) {
        std::string_view bytes = receive(socket, buffer);
        while (reader.next(bytes, piece)) {
            if (!frames.holds(piece.payload, piece.offset, sender, 0)) fail("an echo is not what was sent");
        }
    }
}

// One message there and back, so that what a server allocates at the first message is there.
stepwise::UniqueFd web_socket_that_echoed(const LoadOptions& options) {
    stepwise::UniqueFd socket = open_web_socket(options);
    FrameBatch frames(options.message_bytes, 1);
    send_whole(socket.get(), frames.stamped(0, 0));
    hear_echo(socket.get(), options, frames, 0);
    return socket;
}

void hear_close(int socket) {
    std::array<char, 16 * 1024> buffer;
    if (receive(socket, buffer).front() != '\x88') fail("a Close frame is not answered with one");
}

// So many at once, step by step: connect, upgrade, one message there and back, the close handshake.
void come_and_go(const LoadOptions& options, FrameBatch& frames) {
    constexpr std::string_view close_frame("\x88\x82\0\0\0\0\x03\xe8", 8);  // 1000, with a mask of zeros
    std::vector<stepwise::UniqueFd> sockets;
    while (sockets.size() < options.connections) sockets.push_back(ask_for_web_socket(options));
    for (const auto& socket : sockets) hear_handshake(socket.get());
    for (std::uint32_t number = 0; number < sockets.size(); ++number) {
        send_whole(sockets[number].get(), frames.stamped(number, 0));
    }
    for (std::uint32_t number = 0; number < sockets.size(); ++number) {
        hear_echo(sockets[number].get(), options, frames, number);
    }
    for (const auto& socket : sockets) send_whole(socket.get(), close_frame);
    for (const auto& socket : sockets) hear_close(socket.get());
}

// As a browser asks.
stepwise::UniqueFd connection_that_asked(const LoadOptions& options) {
    stepwise::UniqueFd socket = connect_to(options.port);
    send_whole(socket.get(),
               "GET " + options.path +
                   " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1.0 (X11; Linux x86_64)\r\n"
                   "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en,zh;q=0.5\r\n"
                   "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nCache-Control: no-cache\r\n"
                   "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n\r\n");
    std::array<char, 16 * 1024> buffer;
    std::string answer;
    while (answer.find("\r\n\r\n") == std::string::npos || !answer.ends_with(options.body)) {
        answer += receive(socket.get(), buffer);
    }
    return socket;
}

}  // namespace

void measure_open(const LoadOptions& options) {
    FrameBatch frames(options.message_bytes, 1);
    const auto open_for = [&](double seconds, Histogram& times) {
        std::uint64_t opened = 0;
        const Nanoseconds began = now();
        for (Nanoseconds time = began; time < began + static_cast<Nanoseconds>(seconds * 1e9);) {
            come_and_go(options, frames);
            times.add(now() - std::exchange(time, now()));
            opened += options.connections;
        }
        return opened;
    };
    Histogram warm;
    open_for(options.warmup_seconds, warm);
    Histogram times;
    const Nanoseconds began = now();
    const Nanoseconds cpu_before = cpu_time(options.servers);
    const std::uint64_t opened = open_for(options.seconds, times);
    print_figures(opened, now() - began, cpu_time(options.servers) - cpu_before, times);
}

void measure_idle(const LoadOptions& options) {
    const auto open = options.kind == "idle-http" ? connection_that_asked : web_socket_that_echoed;
    std::vector<stepwise::UniqueFd> sockets;
    const auto open_more = [&](std::size_t count) {
        for (; count > 0; --count) sockets.push_back(open(options));
    };
    // What a server takes once, its code first of all, is not counted.
    open_more(options.warmup_connections.value_or(options.connections / 5));
    std::size_t before = resident_bytes(options.servers.front());
    Nanoseconds cpu_before = cpu_time(options.servers);
    open_more(options.connections);
    Nanoseconds open_cpu = cpu_time(options.servers) - cpu_before;
    std::vector<pollfd> all;
    for (auto& socket : sockets) all.push_back({socket.get(), POLLIN, 0});
    // Nothing comes while the server does what it still has to do.
    if (poll(all.data(), all.size(), static_cast<int>(options.seconds * 1000)) != 0)
        fail("something came on an idle connection, or it was closed");
    double count = static_cast<double>(options.connections);
    fmt::print("{{\"bytes_per_connection\": {:.0f}, \"open_cpu_us\": {:.1f}}}\n",
               static_cast<double>(resident_bytes(options.servers.front()) - before) / count,
               static_cast<double>(open_cpu) / 1000 / count);
}

}  // namespace bench
