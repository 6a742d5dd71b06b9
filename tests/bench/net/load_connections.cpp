// Connections that do nothing: what the server's memory grows by for each of them, once it has answered on it.
#include <stepwise/tests/bench/net/load.hpp>
#include <stepwise/tests/bench/net/web_socket.hpp>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

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

// One message there and back, so that what a server allocates at the first message is there.
stepwise::UniqueFd web_socket_that_echoed(const LoadOptions& options) {
    stepwise::UniqueFd socket = open_web_socket(options);
    FrameBatch frames(options.message_bytes, 1);
    send_whole(socket.get(), frames.stamped(0, 0));
    FrameReader reader(options.message_bytes);
    std::array<char, 16 * 1024> buffer;
    for (FrameReader::Piece piece; !piece.is_last;) {
        std::string_view bytes = receive(socket.get(), buffer);
        while (reader.next(bytes, piece)) continue;
    }
    return socket;
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

void measure_idle(const LoadOptions& options) {
    const auto open = options.kind == "idle-http" ? connection_that_asked : web_socket_that_echoed;
    std::vector<stepwise::UniqueFd> sockets;
    const auto open_more = [&](std::size_t count) {
        for (; count > 0; --count) sockets.push_back(open(options));
    };
    // What a server takes once, its code first of all, is not counted.
    open_more(options.connections / 5);
    std::size_t before = resident_bytes(options.server);
    Nanoseconds cpu_before = cpu_time(options.server);
    open_more(options.connections);
    Nanoseconds open_cpu = cpu_time(options.server) - cpu_before;
    std::vector<pollfd> all;
    for (auto& socket : sockets) all.push_back({socket.get(), POLLIN, 0});
    // Nothing comes while the server does what it still has to do.
    if (poll(all.data(), all.size(), static_cast<int>(options.seconds * 1000)) != 0) fail("a connection was closed");
    double count = static_cast<double>(options.connections);
    fmt::print("{{\"bytes_per_connection\": {:.0f}, \"open_cpu_us\": {:.1f}}}\n",
               static_cast<double>(resident_bytes(options.server) - before) / count,
               static_cast<double>(open_cpu) / 1000 / count);
}

}  // namespace bench
