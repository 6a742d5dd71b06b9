// A peer on the ruler: Boost.Beast on Asio's awaitables, one thread, with the executor's own type throughout, which is
// faster than any_io_executor. GET / says hello; a WebSocket at / echoes, one at /all goes to all.
#include <sys/resource.h>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

using tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using WebSocket = beast::websocket::stream<Socket>;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;
constexpr asio::use_awaitable_t<Executor> awaited{};

Awaitable<void> echo(WebSocket& socket) {
    beast::flat_buffer buffer;
    for (;;) {
        co_await socket.async_read(buffer, awaited);
        socket.binary(socket.got_binary());
        co_await socket.async_write(buffer.data(), awaited);
        buffer.consume(buffer.size());
    }
}

struct Member {
    std::shared_ptr<WebSocket> socket;
    std::deque<std::shared_ptr<std::string>> waiting;
    bool writes = false;
    bool gone = false;
};
std::unordered_set<std::shared_ptr<Member>> members;

// One writer for each member: Beast allows one write at a time.
Awaitable<void> write_waiting(std::shared_ptr<Member> member) {
    try {
        while (!member->waiting.empty() && !member->gone) {
            std::shared_ptr<std::string> message = member->waiting.front();
            member->waiting.pop_front();
            co_await member->socket->async_write(asio::buffer(*message), awaited);
        }
    } catch (const std::exception&) {
        member->gone = true;
    }
    member->writes = false;
}

Awaitable<void> broadcast(std::shared_ptr<WebSocket> socket, Executor executor) {
    auto self = std::make_shared<Member>();
    self->socket = socket;
    members.insert(self);
    socket->binary(true);
    beast::flat_buffer buffer;
    try {
        for (;;) {
            co_await socket->async_read(buffer, awaited);
            auto message = std::make_shared<std::string>(beast::buffers_to_string(buffer.data()));
            buffer.consume(buffer.size());
            for (const std::shared_ptr<Member>& member : members) {
                member->waiting.push_back(message);
                if (member->writes) continue;
                member->writes = true;
                asio::co_spawn(executor, write_waiting(member), asio::detached);
            }
        }
    } catch (const std::exception&) {
        self->gone = true;
    }
    members.erase(self);
}

Awaitable<void> serve(Socket socket, Executor executor) {
    try {
        beast::flat_buffer buffer;
        for (;;) {
            http::request<http::empty_body> request;
            co_await http::async_read(socket, buffer, request, awaited);
            if (beast::websocket::is_upgrade(request)) {
                auto upgraded = std::make_shared<WebSocket>(std::move(socket));
                upgraded->auto_fragment(false);  // a message is one frame, as everybody else sends it
                co_await upgraded->async_accept(request, awaited);
                if (request.target() == "/all") {
                    co_await broadcast(upgraded, executor);
                } else {
                    request = {};
                    co_await echo(*upgraded);
                }
                co_return;
            }
            http::response<http::string_body> response{http::status::ok, request.version()};
            response.set(http::field::content_type, "text/plain");
            response.keep_alive(request.keep_alive());
            response.body() = "Hello, World!";
            response.prepare_payload();
            co_await http::async_write(socket, response, awaited);
            if (!request.keep_alive()) co_return;
        }
    } catch (const std::exception&) {
        co_return;  // the peer has left
    }
}

Awaitable<void> accept_all(Acceptor& acceptor, Executor executor) {
    for (;;) {
        Socket socket = co_await acceptor.async_accept(awaited);
        socket.set_option(tcp::no_delay(true));
        asio::co_spawn(executor, serve(std::move(socket), executor), asio::detached);
    }
}

}  // namespace

// beast --port 0
int main(int argc, char** argv) {
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    asio::io_context context(1);
    auto port = static_cast<unsigned short>(argc == 3 ? std::stoi(argv[2]) : 0);
    Acceptor acceptor(context.get_executor(), {asio::ip::make_address("127.0.0.1"), port}, true);
    acceptor.listen(4096);
    std::printf("listening on http://127.0.0.1:%d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    asio::co_spawn(context, accept_all(acceptor, context.get_executor()), asio::detached);
    context.run();
}
