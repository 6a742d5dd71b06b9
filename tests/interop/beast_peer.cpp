// Boost.Beast's WebSockets against ours, one at a time and without asynchrony, which compiles in seconds:
// `beast_peer server packed|plain` echoes, `beast_peer client PORT packed|plain` talks to an echo server and closes
// with 4003, `beast_peer return PORT` comes back to a server that went away. What they say is what node_peer.mjs says.
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;
using Socket = websocket::stream<tcp::socket>;

const std::string host = "127.0.0.1";

void set_compression(Socket& socket, bool is_packed) {
    websocket::permessage_deflate options;
    options.server_enable = options.client_enable = is_packed;
    socket.set_option(options);
}

std::string read(Socket& socket) {
    beast::flat_buffer buffer;
    socket.read(buffer);
    return beast::buffers_to_string(buffer.data());
}

void close(Socket& socket, int code, const std::string& reason) {
    socket.close({static_cast<websocket::close_code>(code), reason});
}

// Until the client closes, or asks for it: "leave 4011 enough".
void echo(Socket& socket) {
    socket.accept();
    for (;;) {
        const std::string message = read(socket);
        if (message.starts_with("leave ")) {
            return close(socket, std::stoi(message.substr(6)), message.substr(message.find(' ', 6) + 1));
        }
        socket.binary(socket.got_binary());
        socket.write(asio::buffer(message));
    }
}

void serve(bool is_packed) {
    asio::io_context context;
    tcp::acceptor acceptor(context, {asio::ip::make_address(host), 0});
    std::cout << "listening on http://" << host << ":" << acceptor.local_endpoint().port() << std::endl;
    std::signal(SIGTERM, [](int) { ::_exit(0); });
    for (;;) {
        Socket socket(acceptor.accept());
        set_compression(socket, is_packed);
        try {
            echo(socket);
        } catch (const beast::system_error& error) {
            if (error.code() != websocket::error::closed) std::cout << "error: " << error.what() << std::endl;
        }
        std::cout << "closed " << socket.reason().code << " " << socket.reason().reason.c_str() << std::endl;
    }
}

Socket open(asio::io_context& context, int port, bool is_packed) {
    Socket socket(context);
    socket.next_layer().connect({asio::ip::make_address(host), static_cast<std::uint16_t>(port)});
    set_compression(socket, is_packed);
    websocket::response_type response;
    socket.handshake(response, host, "/");
    const auto extensions = response["Sec-WebSocket-Extensions"];
    if (!extensions.empty()) std::cout << extensions.substr(0, extensions.find(';')) << "\n";
    return socket;
}

std::string echo_of(Socket& socket, const std::string& message, bool is_binary) {
    socket.binary(is_binary);
    socket.write(asio::buffer(message));
    return read(socket);
}

void talk(int port, bool is_packed) {
    std::string again;
    for (int count = 0; count < 100; ++count) again += "again and again, ";
    asio::io_context context;
    Socket socket = open(context, port, is_packed);
    bool all_came = true;
    for (const std::string& text : {std::string("short"), std::string("grüß dich, 你好 🎈"), again}) {
        all_came = echo_of(socket, text, false) == text && all_came;
    }
    const std::string bytes(1 << 20, '\7');
    all_came = echo_of(socket, bytes, true) == bytes && all_came;
    close(socket, 4003, "done");
    std::cout << (all_came ? "all came back" : "lost") << "; closed " << socket.reason().code << "\n";
}

void come_back(int port) {
    asio::io_context context;
    Socket socket = open(context, port, false);
    std::cout << echo_of(socket, "here", false) << std::endl;
    try {
        read(socket);
    } catch (const beast::system_error&) {
        std::cout << "closed " << socket.reason().code << std::endl;
    }
    for (;;) {
        try {
            Socket next = open(context, port, false);
            std::cout << echo_of(next, "here again", false) << std::endl;
            return next.close(websocket::close_code::normal);
        } catch (const beast::system_error&) {
            std::this_thread::yield();  // it is not there yet
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 2 && words[0] == "server") {
        serve(words[1] == "packed");
    } else if (words.size() == 3 && words[0] == "client") {
        talk(std::stoi(words[1]), words[2] == "packed");
    } else if (words.size() == 2 && words[0] == "return") {
        come_back(std::stoi(words[1]));
    } else {
        std::cerr << "beast_peer: server packed|plain, client PORT packed|plain, or return PORT\n";
        return 2;
    }
}
