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

}  // namespace

std::unique_ptr<Load> make_echo_load(const LoadOptions& options) {
    return std::make_unique<EchoLoad>(options);
}

std::unique_ptr<Load> make_broadcast_load(const LoadOptions& options) {
    return std::make_unique<BroadcastLoad>(options);
}

}  // namespace bench
