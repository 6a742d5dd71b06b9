// What the two floors share: the least that a server must do with bytes. It looks for where requests and frames end
// and nothing else: no parsing, no validation, no limits, no deadlines. It serves nobody but the load generator.
#pragma once

#include <emmintrin.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <stepwise/tests/bench/net/accept_key.hpp>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace bench {

enum class Mode { http, echo, broadcast };

struct FloorOptions {
    int port = 0;
    Mode mode = Mode::http;
};

inline FloorOptions parse_floor_options(int argc, char** argv, const char* what) {
    FloorOptions options;
    std::string mode = "http";
    CLI::App app(what);
    app.add_option("--port", options.port)->required()->take_last();
    app.add_option("--mode", mode)->check(CLI::IsMember({"http", "echo", "broadcast"}));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error));
    }
    if (mode != "http") options.mode = mode == "echo" ? Mode::echo : Mode::broadcast;
    return options;
}

inline void check(bool ok, const char* call) {
    if (!ok) throw std::system_error(errno, std::generic_category(), call);
}

// With TCP_NODELAY, which accepted sockets inherit; prints where it listens.
inline int listen_on(int port, int socket_flags) {
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    int listening = socket(AF_INET, SOCK_STREAM | socket_flags, 0);
    int on = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(listening, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));  // two floors may share a port
    setsockopt(listening, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    check(bind(listening, generic, sizeof(address)) == 0 && listen(listening, 4096) == 0, "bind and listen");
    socklen_t size = sizeof(address);
    check(getsockname(listening, generic, &size) == 0, "getsockname");
    std::printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return listening;
}

// Turns the whole masked frames at the start of `bytes` into unmasked ones, packed there. Returns how many bytes of
// input were used; `reply_bytes` is what they became.
inline std::size_t unmask_in_place(std::span<char> bytes, std::size_t& reply_bytes) {
    std::size_t used = 0;
    reply_bytes = 0;
    while (bytes.size() - used >= 6) {
        auto* from = reinterpret_cast<unsigned char*>(bytes.data()) + used;
        std::size_t payload_bytes = from[1] & 0x7fU;
        std::size_t head_bytes = 2;
        if (payload_bytes == 126) {
            payload_bytes = static_cast<std::size_t>(from[2]) << 8 | from[3];
            head_bytes = 4;
        }
        if (bytes.size() - used < head_bytes + 4 + payload_bytes) break;
        auto* to = reinterpret_cast<unsigned char*>(bytes.data()) + reply_bytes;
        std::array<unsigned char, 4> key;
        std::memcpy(key.data(), from + head_bytes, key.size());
        int key_bits = 0;
        std::memcpy(&key_bits, key.data(), key.size());
        std::array<unsigned char, 4> head{from[0], static_cast<unsigned char>(from[1] & 0x7f), from[2], from[3]};
        std::memcpy(to, head.data(), head_bytes);
        from += head_bytes + 4;
        to += head_bytes;
        std::size_t at = 0;
        for (__m128i keys = _mm_set1_epi32(key_bits); at + 16 <= payload_bytes; at += 16) {
            __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), _mm_xor_si128(block, keys));
        }
        for (; at < payload_bytes; ++at) to[at] = from[at] ^ key[at & 3];
        used += head_bytes + 4 + payload_bytes;
        reply_bytes += head_bytes + payload_bytes;
    }
    return used;
}

// One connection as a floor sees it.
struct FloorPeer {
    bool is_open = false;  // the WebSocket handshake is done
    std::string rest;      // bytes that did not end a request or a frame
};

struct FloorReply {
    enum class Kind { none, fixed, handshake, in_place };
    Kind kind = Kind::none;
    std::string_view bytes;  // fixed: for ever; handshake: until the next one; in_place: within the input
    std::size_t used = 0;    // of the input
};

class FloorProtocol {
public:
    explicit FloorProtocol(Mode mode) : mode_(mode) {
        for (std::size_t count = 0; count < requests_max; ++count) responses_ += response;
    }

    FloorReply serve(FloorPeer& peer, std::span<char> bytes) {
        if (mode_ == Mode::http) return serve_requests({bytes.data(), bytes.size()});
        if (!peer.is_open) {
            peer.is_open = true;
            return {FloorReply::Kind::handshake, shake_hands({bytes.data(), bytes.size()}), bytes.size()};
        }
        std::size_t reply_bytes = 0;
        std::size_t used = unmask_in_place(bytes, reply_bytes);
        auto kind = reply_bytes == 0 ? FloorReply::Kind::none : FloorReply::Kind::in_place;
        return {kind, {bytes.data(), reply_bytes}, used};
    }

private:
    static constexpr std::string_view response =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
    static constexpr std::size_t requests_max = 64;

    // Requests are all alike: the first one tells how long they are.
    FloorReply serve_requests(std::string_view bytes) {
        if (request_bytes_ == 0) request_bytes_ = bytes.find("\r\n\r\n") + 4;
        std::size_t count = bytes.size() / request_bytes_;
        if (count > requests_max) throw std::runtime_error("too many requests at once");
        auto kind = count == 0 ? FloorReply::Kind::none : FloorReply::Kind::fixed;
        return {kind, std::string_view(responses_).substr(0, count * response.size()), count * request_bytes_};
    }

    std::string_view shake_hands(std::string_view request) {
        constexpr std::string_view name = "Sec-WebSocket-Key: ";
        std::string key = accept_key(request.substr(request.find(name) + name.size(), 24));
        handshake_ =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
            key + "\r\n\r\n";
        return handshake_;
    }

    Mode mode_;
    std::string responses_;
    std::string handshake_;
    std::size_t request_bytes_ = 0;
};

}  // namespace bench
