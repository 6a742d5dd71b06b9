// What a client and a server say to each other, byte by byte: each frame, with the meaning of its bits.
//
// For chapter 27. Between the two stands a relay that reads what passes; on the simulator, so that the mask keys, which
// nobody may guess, are the same in each run.
// Run:    ./stepwise run frames [--lang zh|en]
// Try:    a text of 126 bytes in talk. How does its second byte look, and what comes behind it?
// Prints: client: text
//           81              1 FIN | 000 RSV | 0001 opcode: text
//         and so on, then the lengths of larger frames
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/frame.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

constexpr std::size_t shown_bytes_max = 16;  // of a payload
net::DemoOptions options;

std::string in_language(const char* zh, const char* en) {
    return options.language == net::Language::chinese ? zh : en;
}

std::string hex(std::string_view bytes) {
    std::vector<std::string> octets;
    for (const char byte : bytes) octets.push_back(fmt::format("{:02x}", static_cast<unsigned char>(byte)));
    return fmt::format("{}", fmt::join(octets, " "));
}

void print_field(std::string_view bytes, const std::string& meaning) {
    fmt::print("  {:<14}  {}\n", hex(bytes), meaning);
}

const char* name_of(ws::Opcode opcode) {
    switch (opcode) {
        case ws::Opcode::continuation:
            return "continuation";
        case ws::Opcode::text:
            return "text";
        case ws::Opcode::binary:
            return "binary";
        case ws::Opcode::close:
            return "close";
        case ws::Opcode::ping:
            return "ping";
        case ws::Opcode::pong:
            return "pong";
    }
    return "?";
}

// A Close frame's first two bytes are the code (RFC 6455 §5.5.1).
std::string meaning_of(ws::Opcode opcode, std::string_view payload) {
    if (opcode != ws::Opcode::close || payload.size() < 2) return std::string(payload);
    const int code = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    return fmt::format("{}{}{}", code, payload.size() > 2 ? " " : "", payload.substr(2));
}

// ---- What passes, frame by frame

void print_frame(const std::string& who, std::string_view bytes, const ws::FrameHeader& header) {
    const auto first = static_cast<unsigned char>(bytes[0]);
    const auto second = static_cast<unsigned char>(bytes[1]);
    fmt::print("{}: {}\n", who, name_of(header.opcode));
    print_field(bytes.substr(0, 1), fmt::format("{:b} FIN | {:03b} RSV | {:04b} opcode: {}", first >> 7,
                                                (first >> 4) & 7, first & 15, name_of(header.opcode)));
    print_field(bytes.substr(1, 1), fmt::format("{:b} MASK | {:07b} {}: {}", second >> 7, second & 127,
                                                in_language("长度", "length"), second & 127));
    std::size_t read = 2;
    if (const std::size_t more = header.header_bytes - (header.masked ? 4 : 0) - read; more > 0) {
        print_field(bytes.substr(read, more),
                    fmt::format("{}: {}", in_language("长度", "length"), header.payload_bytes));
        read += more;
    }
    std::string payload(bytes.substr(header.header_bytes, header.payload_bytes));
    if (header.masked) {
        print_field(bytes.substr(read, 4), in_language("掩码", "mask key"));
        ws::apply_mask(payload, header.mask_key);
    }
    const std::string name =
        header.masked ? in_language("负载，加了掩码: ", "payload, masked: ") : in_language("负载: ", "payload: ");
    print_field(bytes.substr(header.header_bytes, std::min(payload.size(), shown_bytes_max)),
                name + meaning_of(header.opcode, std::string_view(payload).substr(0, shown_bytes_max)) +
                    (payload.size() > shown_bytes_max ? " …" : ""));
}

// Takes the whole frames that `bytes` begins with.
void print_frames(const std::string& who, std::string& bytes, ws::Role receiver) {
    for (;;) {
        const auto parsed = ws::parse_frame_header(bytes, receiver);
        const auto* header = std::get_if<ws::FrameHeader>(&parsed);
        if (header == nullptr || bytes.size() < header->header_bytes + header->payload_bytes) return;
        print_frame(who, bytes, *header);
        bytes.erase(0, header->header_bytes + header->payload_bytes);
    }
}

// ---- The relay

struct Direction {
    std::string who;
    ws::Role receiver;
    std::string unread;
    bool handshake_passed = false;
};

Coro<> pass_on(net::Stream& from, net::Stream& to, Direction direction) {
    char buffer[4096];
    while (const std::size_t size = co_await from.read_some(buffer)) {
        direction.unread.append(buffer, size);
        if (!direction.handshake_passed) {
            const std::size_t end = direction.unread.find("\r\n\r\n");
            direction.handshake_passed = end != std::string::npos;
            if (direction.handshake_passed) direction.unread.erase(0, end + 4);
        }
        if (direction.handshake_passed) print_frames(direction.who, direction.unread, direction.receiver);
        co_await to.write_all(std::string_view(buffer, size));
    }
    to.write_end();
}

Coro<> relay(int listening_socket, net::Address server) {
    net::Stream client = co_await net::accept_from(listening_socket);
    net::Stream upstream = co_await net::Stream::connect(server);
    Coro<> up = pass_on(client, upstream, {in_language("客户端", "client"), ws::Role::server, {}});
    Coro<> down = pass_on(upstream, client, {in_language("服务器", "server"), ws::Role::client, {}});
    co_await stepwise::gather(std::move(up), std::move(down));
}

// ---- Who talks

//[ talk
Coro<> echo(ws::Connection& connection) {
    while (auto message = co_await connection.receive()) co_await connection.send(message->data());
}

Coro<> talk(std::string url) {
    ws::ClientConnection connection = co_await ws::connect(url);
    co_await connection->send("Hi");
    co_await connection->receive();
    connection->close(ws::CloseCode(4001), "bye");
    co_await connection->wait_closed();
}
//]

void print_length_of(std::uint64_t payload_bytes) {
    ws::FrameHeader header;
    header.opcode = ws::Opcode::binary;
    header.payload_bytes = payload_bytes;
    std::string bytes(ws::frame_header_bytes_max, '\0');
    bytes.resize(ws::write_frame_header(bytes.data(), header));
    fmt::print("{:>7}: {}\n", payload_bytes, hex(bytes.substr(1)));
}

Coro<> talk_through_a_relay() {
    http::Router router;
    ws::ConnectionOptions plain;
    plain.protocol.compression.enabled = false;
    router.get("/", ws::coroutine(echo, plain));
    http::Server server(EventLoop::current(), std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    stepwise::UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    Task<> passing = EventLoop::current().create_task(relay(listening.get(), address));
    co_await talk("ws://" + net::Address::of_local_end(listening.get()).to_string() + "/");
    co_await passing;
    fmt::print("{}\n", in_language("-- 长度怎么写，从服务器的帧的第二个字节起",
                                   "-- how a length is written, from the second byte of a server's frame on"));
    for (const std::uint64_t payload_bytes : {0, 125, 126, 127, 65535, 65536}) print_length_of(payload_bytes);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "The frames of a conversation, byte by byte.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    stepwise::run(talk_through_a_relay(), loop_options);
}
