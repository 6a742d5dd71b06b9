#include <stepwise/tests/bench/net/load.hpp>

#include <charconv>

namespace bench {

namespace {

struct HttpConnection : LoadConnection {
    std::string partial;  // a response that has not ended
};

class HttpLoad final : public Load {
public:
    using Load::Load;

private:
    void open() override {
        std::string request =
            "GET " + options_.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port) + "\r\n\r\n";
        for (std::size_t index = 0; index < options_.depth; ++index) batch_ += request;
        for (std::size_t index = 0; index < options_.connections; ++index) {
            auto connection = std::make_unique<HttpConnection>();
            connection->socket = connect_to(options_.port);
            set_nonblocking(connection->socket.get());
            add(std::move(connection));
        }
    }
    void start() override {
        for (auto& connection : connections_) send_batch(*connection);
    }
    void send_batch(LoadConnection& connection) {
        begin_batch(connection);
        send(connection, batch_);
    }

    void input(LoadConnection& connection, std::string_view bytes) override {
        std::string& partial = static_cast<HttpConnection&>(connection).partial;
        if (!partial.empty()) bytes = partial.append(bytes);
        std::size_t used = 0;
        std::size_t complete = 0;
        while (std::size_t size = response_size(bytes.substr(used))) {
            used += size;
            ++complete;
        }
        partial = std::string(bytes.substr(used));
        count_replies(connection, complete);
        if (connection.received == connection.sent) send_batch(connection);
    }

    // Of the first one, or 0 if it is not whole.
    std::size_t response_size(std::string_view bytes) const {
        std::size_t head_end = bytes.find("\r\n\r\n");
        if (head_end == std::string_view::npos) return 0;
        std::string_view head = bytes.substr(0, head_end);
        if (!head.starts_with("HTTP/1.1 200 ")) fail("a response that is not 200: " + std::string(head.substr(0, 60)));
        std::string_view length = field(head, "Content-Length");
        std::size_t body_bytes = 0;
        auto end = std::from_chars(length.data(), length.data() + length.size(), body_bytes).ptr;
        if (length.empty() || end != length.data() + length.size()) fail("a response without a Content-Length");
        if (bytes.size() < head_end + 4 + body_bytes) return 0;
        if (bytes.substr(head_end + 4, body_bytes) != options_.body) fail("a response with another body");
        return head_end + 4 + body_bytes;
    }

    std::string batch_;
};

}  // namespace

std::unique_ptr<Load> make_http_load(const LoadOptions& options) {
    return std::make_unique<HttpLoad>(options);
}

}  // namespace bench
