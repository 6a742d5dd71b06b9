// How a connection may end, and what each end is told: a client that sends bytes of its own choice, right and wrong.
//
// For chapter 27. The client speaks in frames, below ws::connect, so that it can break the rules; on the simulator.
// Run:    ./stepwise run close_codes [--lang zh|en]
// Try:    a ping of 126 bytes in endings. Which rule of RFC 6455, section 5.5, does the server say is broken?
// Prints: a Close, 4001 "bye"
//           server answers with 4001, and saw 4001 "bye"
//         and so on, then what close() refuses
#include <fmt/core.h>

#include <optional>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/frame.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

net::DemoOptions options;
constexpr ws::MaskKey mask_key{0x37, 0xfa, 0x21, 0x3d};
constexpr std::size_t message_bytes_max = 100;

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

unsigned number_of(ws::CloseCode code) {
    return static_cast<unsigned>(code);
}

std::string in_quotes(std::string_view reason) {
    return reason.empty() ? "" : fmt::format(" \"{}\"", reason);
}

// ---- The server

//[ refused
std::string refusal_of(ws::Connection& connection, ws::CloseCode code, std::string_view reason) {
    try {
        connection.close(code, reason);
    } catch (const std::invalid_argument& refused) {
        return refused.what();
    }
    return "";
}

Coro<> refuse_and_leave(ws::Connection& connection) {
    say("close() 不肯发的", "what close() refuses");
    for (const unsigned code : {1005U, 1006U}) {
        fmt::print("  {}\n", refusal_of(connection, static_cast<ws::CloseCode>(code), ""));
    }
    fmt::print("  {}\n", refusal_of(connection, ws::CloseCode::normal_closure, std::string(124, '.')));
    connection.close(ws::CloseCode::normal_closure, "enough");
    try {
        co_await connection.send("more");
    } catch (const ws::ConnectionClosed& closed) {
        say(fmt::format("close() 之后的 send: {}", closed.what()),
            fmt::format("send after close(): {}", closed.what()));
    }
}
//]

class Listener : public ws::WebSocketHandler {
public:
    void on_message(std::string_view text) {
        say(fmt::format("  服务器得到 {}", text), fmt::format("  server gets {}", text));
    }
    void on_close() {
        const std::string how = fmt::format("{}{}", number_of(close_code()), in_quotes(close_reason()));
        say("  服务器的 on_close: " + how, "  server's on_close: " + how);
    }
};

// ---- The client

std::string frame(ws::Opcode opcode, std::string_view payload, bool fin = true, bool masked = true) {
    std::string bytes;
    net::StringSink sink(bytes);
    ws::append_frame(sink, opcode, payload, fin, masked ? std::optional(mask_key) : std::nullopt);
    return bytes;
}

struct Ending {
    std::string zh;
    std::string en;
    std::string bytes;
    bool breaks_off = false;
};

//[ endings
std::vector<Ending> endings() {
    const auto text = ws::Opcode::text, close = ws::Opcode::close;
    return {
        {"文本分成两帧，中间夹一个 ping；然后是 4001 的 Close", "a text in two frames, a ping between; then Close 4001",
         frame(text, "Hel", false) + frame(ws::Opcode::ping, "?") + frame(ws::Opcode::continuation, "lo") +
             frame(close,
                   "\x0f\xa1"
                   "bye")},
        {"没有状态码的 Close", "a Close without a code", frame(close, "")},
        {"断开，没有 Close", "the connection breaks, without a Close", "", true},
        {"没加掩码的帧", "a frame without a mask", frame(text, "Hi", true, false)},
        {"不是 UTF-8 的文本", "a text that is not UTF-8", frame(text, "\xe4\xbd")},
        {"101 字节的消息，上限是 100", "a message of 101 bytes, where 100 are allowed",
         frame(text, std::string(101, '.'))},
        {"状态码 1006 的 Close", "a Close with the code 1006", frame(close, "\x03\xee")},
    };
}
//]

// What the server sends after its handshake, up to its end of the connection.
Coro<std::string> frames_until_end(net::Stream& stream) {
    std::string received;
    char buffer[4096];
    while (const std::size_t size = co_await stream.read_some(buffer)) received.append(buffer, size);
    co_return received;
}

void print_answers(std::string_view bytes) {
    while (bytes.size() >= 2) {
        const auto header = std::get<ws::FrameHeader>(ws::parse_frame_header(bytes, ws::Role::client));
        const std::string_view payload = bytes.substr(header.header_bytes, header.payload_bytes);
        bytes.remove_prefix(header.header_bytes + header.payload_bytes);
        if (header.opcode == ws::Opcode::pong) {
            say(fmt::format("  客户端得到 pong {}", payload), fmt::format("  client gets pong {}", payload));
        } else if (payload.size() < 2) {
            say("  客户端得到没有状态码的 Close", "  client gets a Close without a code");
        } else {
            const int code = static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
            const std::string reason = in_quotes(payload.substr(2));
            say(fmt::format("  客户端得到 Close {}{}", code, reason),
                fmt::format("  client gets Close {}{}", code, reason));
        }
    }
}

Coro<> end_it(net::Address address, Ending ending) {
    say(ending.zh, ending.en);
    net::Stream stream = co_await net::Stream::connect(address);
    stream.write(
        "GET / HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    co_await stream.read_until("\r\n\r\n");
    if (ending.breaks_off) {
        stream.abort();
        co_return;
    }
    co_await stream.write_all(ending.bytes);
    const std::string answers = co_await frames_until_end(stream);
    print_answers(answers);
}

Coro<> end_in_every_way() {
    ws::ConnectionOptions connection_options;
    connection_options.protocol.message_bytes_max = message_bytes_max;
    http::Router router;
    router.get("/", ws::handler<Listener>(connection_options));
    router.get("/refused", ws::coroutine(refuse_and_leave));
    http::Server server(EventLoop::current(), std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    for (const Ending& ending : endings()) {
        co_await end_it(address, ending);
        while (server.connection_count() > 0) co_await stepwise::sleep(1ms);
    }
    ws::ClientConnection client = co_await ws::connect("ws://" + address.to_string() + "/refused");
    co_await client->wait_closed();
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "How a connection may end, and what each end is told.");
    EventLoop::Options loop_options;
    loop_options.reactor = "sim";
    stepwise::run(end_in_every_way(), loop_options);
}
