// What the tests of WebSocket connections share: a client that speaks in single frames and shows every one that it
// gets.
#pragma once

#include <stepwise/net/byte_sink.hpp>
#include <stepwise/tests/net/http_support.hpp>
#include <stepwise/ws/frame.hpp>
#include <stepwise/ws/route.hpp>

namespace ws_test {

using namespace net_test;
using ws::CloseCode;
using ws::Opcode;

inline std::string handshake(std::string_view path = "/", std::string_view fields = {}) {
    return "GET " + std::string(path) +
           " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           std::string(fields) + "\r\n";
}

inline std::string client_frame(Opcode opcode, std::string_view payload, bool fin = true) {
    std::string bytes;
    net::StringSink sink(bytes);
    ws::append_frame(sink, opcode, payload, fin, ws::MaskKey{0x12, 0x34, 0x56, 0x78});
    return bytes;
}

inline std::string text_frame(std::string_view payload) {
    return client_frame(Opcode::text, payload);
}

inline std::string close_frame(unsigned code, std::string_view reason = {}) {
    std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    return client_frame(Opcode::close, payload + std::string(reason));
}

// A frame from the server, as text: "text:hello", "close:1000 bye", "close:", "ping:", "end" when there is none.
inline std::string read_frame(Peer& peer) {
    std::string header = peer.read(2);
    if (header.size() < 2) return "end";
    auto first = static_cast<unsigned char>(header[0]);
    std::uint64_t size = static_cast<unsigned char>(header[1]);
    if ((size & 0x80) != 0) return "a masked frame";
    if (size >= 126) {
        std::size_t size_bytes = size == 126 ? 2 : 8;
        size = 0;
        for (char byte : peer.read(size_bytes)) size = size << 8 | static_cast<unsigned char>(byte);
    }
    std::string payload = peer.read(size);
    std::string end = (first & 0x80) != 0 ? "" : " (more)";
    switch (static_cast<Opcode>(first & 0x0f)) {
        case Opcode::text:
            return "text:" + payload + end;
        case Opcode::binary:
            return "binary:" + payload + end;
        case Opcode::ping:
            return "ping:" + payload;
        case Opcode::pong:
            return "pong:" + payload;
        case Opcode::close: {
            if (payload.size() < 2) return "close:";
            int code = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
            std::string reason = payload.substr(2);
            return "close:" + std::to_string(code) + (reason.empty() ? "" : " " + reason);
        }
        default:
            return "a frame of opcode " + std::to_string(first & 0x0f);
    }
}

using Log = std::vector<std::string>;

// Of a connection that goes on, and loses what has waited longest.
inline ws::ConnectionOptions drops_oldest(std::size_t queued_bytes_max) {
    ws::ConnectionOptions options;
    options.when_full = ws::WhenFull::drop_oldest;
    options.queued_bytes_max = queued_bytes_max;
    return options;
}

struct WsServed : Served {
    // The same for every connection.
    void serve_coroutine(ws::ConnectionOptions options, ws::CoroutineFunction function) {
        http::Router router;
        router.get("/", ws::coroutine(std::move(function), std::move(options)));
        serve(std::move(router));
    }
    // A client whose handshake has been answered with 101.
    Peer open(std::string_view path = "/", int receive_buffer_bytes = 0) {
        Peer peer = connect(receive_buffer_bytes);
        peer.send(handshake(path));
        REQUIRE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
        return peer;
    }
    void run_until_gone() {
        run_until([&] { return server->connection_count() == 0; });
    }

    Log log;
};

inline std::string code_text(CloseCode code) {
    return std::to_string(static_cast<unsigned>(code));
}

}  // namespace ws_test
