#include <stepwise/tests/bench/net/web_socket.hpp>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

namespace bench {

namespace {

struct WebSocket : LoadConnection {
    explicit WebSocket(std::size_t message_bytes) : reader(message_bytes) {}
    FrameReader reader;
};

class WebSocketLoad : public Load {
public:
    explicit WebSocketLoad(const LoadOptions& options) : Load(options), frames_(options.message_bytes, options.depth) {}

protected:
    // Whose messages a connection gets.
    virtual std::uint32_t sender_to(const LoadConnection& connection) const = 0;
    // One whole message arrived, with the right payload.
    virtual void message_arrived(LoadConnection& connection) = 0;

    LoadConnection& open_one() {
        auto connection = std::make_unique<WebSocket>(options_.message_bytes);
        connection->socket = open_web_socket(options_);
        return add(std::move(connection));
    }
    void send_batch(LoadConnection& connection) {
        std::string_view frames = frames_.stamped(connection.number, connection.sent);
        begin_batch(connection);
        send(connection, frames);
    }

private:
    void input(LoadConnection& connection, std::string_view bytes) override {
        FrameReader::Piece piece;
        while (static_cast<WebSocket&>(connection).reader.next(bytes, piece)) {
            if (!frames_.holds(piece.payload, piece.offset, sender_to(connection), connection.received)) {
                fail(fmt::format("connection {}: message {} is not what was sent", connection.number,
                                 connection.received));
            }
            if (piece.is_last) message_arrived(connection);
        }
    }

    FrameBatch frames_;
};

class EchoLoad final : public WebSocketLoad {
public:
    using WebSocketLoad::WebSocketLoad;

private:
    void open() override {
        for (std::size_t index = 0; index < options_.connections; ++index) open_one();
    }
    void start() override {
        for (auto& connection : connections_) send_batch(*connection);
    }
    std::uint32_t sender_to(const LoadConnection& connection) const override { return connection.number; }
    void message_arrived(LoadConnection& connection) override {
        count_replies(connection, 1);
        if (connection.received == connection.sent) send_batch(connection);
    }
};

// Many who listen, and one who sends. The server gives each message to all of them; whether the sender gets it too is
// its own affair.
class BroadcastLoad final : public WebSocketLoad {
public:
    using WebSocketLoad::WebSocketLoad;

private:
    void open() override {
        for (std::size_t index = 0; index < options_.connections; ++index) open_one();
        sender_ = &open_one();
    }
    void start() override {
        outstanding_ = options_.connections * options_.depth;
        send_batch(*sender_);
    }
    std::uint32_t sender_to(const LoadConnection&) const override { return sender_->number; }
    void message_arrived(LoadConnection& connection) override {
        ++connection.received;
        if (&connection == sender_) return;
        count_reply_after(now() - sender_->batch_sent_at);
        if (--outstanding_ == 0) start();
    }

    LoadConnection* sender_ = nullptr;
    std::size_t outstanding_ = 0;
};

// One message there and back, so that what a server allocates at the first message is there.
void echo_once(int socket, FrameBatch& frames, const LoadOptions& options) {
    std::string_view frame = frames.stamped(0, 0);
    if (send(socket, frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size())) {
        fail("a message could not be sent");
    }
    FrameReader reader(options.message_bytes);
    for (FrameReader::Piece piece; !piece.is_last;) {
        pollfd readable{socket, POLLIN, 0};
        std::array<char, 16 * 1024> buffer;
        ssize_t count = poll(&readable, 1, 10'000) == 1 ? recv(socket, buffer.data(), buffer.size(), 0) : 0;
        if (count <= 0) fail("a message was not echoed");
        std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
        while (reader.next(bytes, piece)) {
        }
    }
}

}  // namespace

std::unique_ptr<Load> make_echo_load(const LoadOptions& options) {
    return std::make_unique<EchoLoad>(options);
}

std::unique_ptr<Load> make_broadcast_load(const LoadOptions& options) {
    return std::make_unique<BroadcastLoad>(options);
}

void measure_idle(const LoadOptions& options) {
    FrameBatch frames(options.message_bytes, 1);
    std::vector<stepwise::UniqueFd> sockets;
    auto open_more = [&](std::size_t count) {
        for (; count > 0; --count) {
            sockets.push_back(open_web_socket(options));
            echo_once(sockets.back().get(), frames, options);
        }
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
