// What the tests of WebSockets under faults share: a peer of single frames that may do whatever it likes, a program
// that stands by and must not notice.
#pragma once

#include <stepwise/net/http/server.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/sim/weather.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/frame.hpp>
#include <stepwise/ws/handshake.hpp>
#include <stepwise/ws/route.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace sim_test {

using ws::CloseCode;
using ws::Opcode;

inline unsigned number_of(CloseCode code) {
    return static_cast<unsigned>(code);
}

// What a program sees of its connections.
struct Seen {
    int opened = 0;
    std::vector<unsigned> codes;   // of those that ended, in this order
    std::string reason;            // of the last one
    std::size_t queued_bytes = 0;  // at most
    Duration latest_echo{};        // of who stands by
    int echoes = 0;
};

inline ws::ConnectionOptions small_limits() {
    ws::ConnectionOptions options;
    options.protocol.message_bytes_max = 64 * 1024;
    options.queued_bytes_max = 1024 * 1024;
    return options;
}

class Echo : public ws::WebSocketHandler {
public:
    explicit Echo(Seen& seen) : seen_(seen) {}
    void open() { ++seen_.opened; }
    void on_message(ws::MessageView message) {
        write_message(message.data, !message.is_text);
        seen_.queued_bytes = std::max(seen_.queued_bytes, connection().queued_bytes());
    }
    void on_close() {
        seen_.codes.push_back(number_of(close_code()));
        seen_.reason = close_reason();
    }

private:
    Seen& seen_;
};

// A peer that makes every frame itself.
class Attacker {
public:
    // A client's end of a connection to `server`, which is open; byte by byte if `drips`.
    static Coro<Attacker> connect(net::Address server, bool is_packed, bool drips) {
        net::Stream stream = co_await net::Stream::connect(server);
        Attacker attacker(std::move(stream), true, drips);
        const std::string request =
            "GET / HTTP/1.1\r\nHost: sim\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
            std::string(is_packed ? extensions : "") + "\r\n";
        co_await attacker.send(request);
        co_await attacker.stream.read_until("\r\n\r\n");
        co_return attacker;
    }
    // A server's end of the next connection.
    static Coro<Attacker> accept(int listening, bool is_packed, bool drips) {
        net::Stream stream = co_await net::accept_from(listening);
        Attacker attacker(std::move(stream), false, drips);
        const std::optional<std::string> request = co_await attacker.stream.read_until("\r\n\r\n");
        const std::string field = "Sec-WebSocket-Key: ";
        const std::string key = request->substr(request->find(field) + field.size(), 24);
        const std::string answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
            ws::accept_key(key) + "\r\n" + std::string(is_packed ? extensions : "") + "\r\n";
        co_await attacker.send(answer);
        co_return attacker;
    }

    std::string frame(Opcode opcode, std::string_view payload, bool fin = true, std::uint8_t reserved_bits = 0) const {
        std::string bytes;
        net::StringSink sink(bytes);
        const auto key = is_client_ ? std::optional(ws::MaskKey{0x12, 0x34, 0x56, 0x78}) : std::nullopt;
        ws::append_frame(sink, opcode, payload, fin, key, reserved_bits);
        return bytes;
    }
    std::string close_frame(unsigned code) const {
        return frame(Opcode::close, std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)});
    }

    // False once the connection takes nothing any more.
    Coro<bool> send(std::string bytes) {
        try {
            if (!drips_) co_await stream.write_all(bytes);
            for (std::size_t at = 0; drips_ && at < bytes.size(); ++at) {
                stream.write(std::string_view(bytes).substr(at, 1));
                co_await sleep(100us);
            }
            co_return true;
        } catch (const std::system_error&) {
            co_return false;
        }
    }
    // The payload of the next frame, "close" for a Close, which is noted, and "end" behind the last one.
    Coro<std::string> next() {
        try {
            std::string head(2, '\0');
            co_await stream.read_exactly(head);
            std::size_t size = static_cast<unsigned char>(head[1]) & 0x7f;
            std::string length(size < 126 ? 0 : size == 126 ? 2 : 8, '\0');
            co_await stream.read_exactly(length);
            if (size >= 126) size = 0;
            for (const char byte : length) size = size << 8 | static_cast<unsigned char>(byte);
            std::string key(is_client_ ? 0 : 4, '\0');
            co_await stream.read_exactly(key);
            std::string payload(size, '\0');
            co_await stream.read_exactly(payload);
            for (std::size_t at = 0; !is_client_ && at < size; ++at) payload[at] ^= key[at % 4];
            if (static_cast<Opcode>(head[0] & 0x0f) != Opcode::close) co_return payload;
            told = payload.size() < 2
                       ? 1005
                       : static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
            co_return "close";
        } catch (const std::exception&) {
            co_return "end";
        }
    }
    Coro<void> hear_all() {
        for (std::string heard; heard != "end";) heard = co_await next();
    }

    net::Stream stream;
    int told = 0;  // the code of the Close frame that came

private:
    static constexpr std::string_view extensions =
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";

    Attacker(net::Stream of, bool is_client, bool drips) noexcept
        : stream(std::move(of)), is_client_(is_client), drips_(drips) {}

    bool is_client_;
    bool drips_;
};

// Talks to the same program, round by round, until it is over.
inline Coro<void> stand_by(std::string url, const bool& is_over, Seen& seen) {
    EventLoop& loop = EventLoop::current();
    ws::ClientConnection connection = co_await ws::connect(url);
    while (!is_over) {
        const TimePoint sent = loop.time();
        co_await connection->send("still there?");
        const auto answer = co_await connection->receive();
        if (!answer) break;
        seen.latest_echo = std::max(seen.latest_echo, loop.time() - sent);
        ++seen.echoes;
        co_await sleep(20ms);
    }
    connection->close();
    co_await connection->wait_closed();
}

inline Coro<void> calm_echo(ws::Connection& connection) {
    while (auto message = co_await connection.receive()) co_await connection.send(message->data());
}

}  // namespace sim_test
