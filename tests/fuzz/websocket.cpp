#include <stepwise/tests/fuzz/websocket.hpp>

#include <algorithm>
#include <stepwise/tests/fuzz/websocket_reference.hpp>

namespace stepwise::fuzz {

namespace {

using ws::CloseCode;
using ws::NeedMore;
using ws::Protocol;
using ws::ProtocolOptions;
using ws::Role;

ws::MaskKeySource mask_keys() {
    static std::uint32_t last = 0;
    static auto next = [] { return last += 0x9E3779B9; };
    return ws::MaskKeySource(next);
}

Role other(Role role) {
    return role == Role::server ? Role::client : Role::server;
}

std::string describe_close(CloseCode code, std::string_view reason) {
    const std::string number = std::to_string(static_cast<unsigned>(code));
    return describe_payload("close", reason.empty() ? number : number + " " + std::string(reason));
}

class Run {
public:
    Run(Role role, const ProtocolOptions& options) : protocol_(role, options, mask_keys()), options_(options) {}

    std::string transcript(const Pieces& pieces) {
        for (const std::string_view piece : pieces) {
            LentBytes lent(piece);
            arrived_ += piece.size();
            heap_.during([&] { return protocol_.receive_data(lent.span()), true; });
            while (draw_event()) {
            }
            if (!error_.empty()) break;
            // What is joined doubles its buffer as it grows, up to the limit and a control frame between fragments.
            const bool has_limit = options_.message_bytes_max < std::numeric_limits<std::size_t>::max();
            const std::size_t joined_max =
                has_limit ? std::min(2 * arrived_, options_.message_bytes_max + 125) : 2 * arrived_;
            expect(heap_.held() <= joined_max + 64, "memory is bounded by what arrived and by message_bytes_max");
        }
        end();
        return text_;
    }
    bool holds_memory() const { return heap_.held() != 0; }

private:
    bool draw_event() {
        const Protocol::Event event = heap_.during([&] { return protocol_.next_event(); });
        if (std::holds_alternative<NeedMore>(event)) return false;
        text_ += describe(event);
        if (!std::holds_alternative<net::ProtocolError>(event)) return true;
        error_ = describe(event);
        return false;
    }

    void end() {
        std::string late("\x81\x00", 2);
        protocol_.receive_data(late);
        if (!error_.empty()) {
            expect_equal(describe(protocol_.next_event()), error_, "an error is given again as it was");
            expect_equal(describe(protocol_.next_event()), error_, "an error is given for ever");
            expect(protocol_.state() == Protocol::State::closed, "an error closes");
        } else if (protocol_.close_received()) {
            expect(std::holds_alternative<NeedMore>(protocol_.next_event()), "nothing comes after a Close");
        }
    }

    Protocol protocol_;
    ProtocolOptions options_;
    HeapMeter heap_;
    std::size_t arrived_ = 0;
    std::string text_;
    std::string error_;
};

// Answers each event as an echo server would; what it sent goes to `sink`. Gives what the other end must see.
std::string answer(Role role, const ProtocolOptions& options, std::string_view bytes, net::StringSink& sink) {
    Protocol protocol(role, options, mask_keys());
    LentBytes lent(bytes);
    protocol.receive_data(lent.span());
    std::string expected;
    for (Protocol::Event event = protocol.next_event(); event.index() != 0; event = protocol.next_event()) {
        bool sent = false;
        if (const auto* message = std::get_if<Protocol::Message>(&event)) {
            sent = protocol.send_message(sink, message->opcode, message->payload);
            expected += describe(event);
        } else if (const auto* ping = std::get_if<Protocol::Ping>(&event)) {
            sent = protocol.send_pong(sink, ping->payload);
            expected += describe_payload("pong", ping->payload);
        } else if (const auto* pong = std::get_if<Protocol::Pong>(&event)) {
            sent = protocol.send_ping(sink, pong->payload);
            expected += describe_payload("ping", pong->payload);
        } else if (const auto* close = std::get_if<Protocol::Close>(&event)) {
            sent = protocol.send_close_reply(sink);
            expected += describe_close(close->code, {});
        } else {
            const auto& error = std::get<net::ProtocolError>(event);
            sent = protocol.fail(sink, error);
            expect(protocol.state() == Protocol::State::closed, "a failed connection is closed");
            expected += describe_close(static_cast<CloseCode>(error.code), error.message.substr(0, 123));
        }
        expect(sent, "an answer to an event can be sent", describe(event));
        if (protocol.state() == Protocol::State::closed) break;
    }
    return expected;
}

void check_utf8(std::string_view text, const Input& input) {
    expect(ws::is_valid_utf8(text) == is_utf8(text), "text is valid UTF-8 or not", text);
    ws::Utf8Validator validator;
    std::size_t fed = 0;
    bool is_viable = true;
    while (is_viable && fed < text.size()) {
        const std::string_view piece = text.substr(fed, 1 + input.choices[1] % 16);
        fed += piece.size();
        is_viable = validator.feed(piece);
        expect(is_viable == is_viable_utf8(text.substr(0, fed)), "a bad byte is found as it comes",
               text.substr(0, fed));
    }
    if (is_viable) expect(validator.is_complete() == is_utf8(text), "text that ended is complete", text);
    const std::size_t bytes_max = input.choices[1];
    const std::size_t prefix = ws::utf8_prefix(text, bytes_max).size();
    expect(prefix <= bytes_max && is_utf8(text.substr(0, prefix)), "a prefix is text", text);
    for (std::size_t longer = prefix + 1; longer <= std::min(bytes_max, text.size()); ++longer) {
        expect(!is_utf8(text.substr(0, longer)), "a prefix is as long as it can be", text);
    }
}

}  // namespace

ProtocolOptions websocket_options(std::uint8_t choice) {
    ProtocolOptions options;
    if (choice % 4 == 1) options = {.message_bytes_max = 300, .frame_bytes_max = 200};
    if (choice % 4 == 2) options.message_bytes_max = 12;
    if (choice % 4 == 3)
        options = {.message_bytes_max = std::numeric_limits<std::size_t>::max(), .frame_bytes_max = 64};
    return options;
}

std::string describe_payload(std::string_view what, std::string_view payload) {
    return std::string(what) + "(" + std::string(payload) + ") ";
}

std::string describe(const Protocol::Event& event) {
    if (const auto* message = std::get_if<Protocol::Message>(&event)) {
        return describe_payload(message->opcode == ws::Opcode::text ? "text" : "binary", message->payload);
    }
    if (const auto* ping = std::get_if<Protocol::Ping>(&event)) return describe_payload("ping", ping->payload);
    if (const auto* pong = std::get_if<Protocol::Pong>(&event)) return describe_payload("pong", pong->payload);
    if (const auto* close = std::get_if<Protocol::Close>(&event)) return describe_close(close->code, close->reason);
    if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
        return describe_payload("error", std::to_string(error->code) + " " + std::string(error->section));
    }
    return "need more ";
}

std::string websocket_events(Role role, const ProtocolOptions& options, const Pieces& pieces) {
    return Run(role, options).transcript(pieces);
}

void check_conversation(Role role, const Input& input) {
    const ProtocolOptions options = websocket_options(input.choices[0]);
    const Conversation expected = read_conversation(role, input.bytes, options);
    Run whole(role, options);
    expect_equal(whole.transcript({input.bytes}), expected.events, "events are those of a plain reading");
    expect(!expected.is_idle || !whole.holds_memory(), "an idle connection holds no heap memory");
    for (const Pieces& pieces : ways_to_cut(input)) {
        Run cut(role, options);
        expect_equal(cut.transcript(pieces), expected.events, "events do not depend on cuts");
        expect(!expected.is_idle || !cut.holds_memory(),
               "an idle connection holds no heap memory, however it came there");
    }
    std::string answers;
    net::StringSink sink(answers);
    const std::string meant = answer(role, options, input.bytes, sink);
    expect_equal(read_conversation(other(role), answers, {}).events, meant, "answers are frames as they were meant");
    expect_equal(websocket_events(other(role), {}, {answers}), meant, "the other end understands the answers");
}

void check_functions(Role role, const Input& input) {
    const std::string_view bytes = input.bytes;
    for (const std::uint8_t allowed_bits : {0, 4, 7}) {
        const auto result = ws::parse_frame_header(bytes, role, allowed_bits);
        const auto* header = std::get_if<ws::FrameHeader>(&result);
        if (header == nullptr) continue;
        char written[ws::frame_header_bytes_max];
        const std::size_t size = ws::write_frame_header(written, *header);
        expect(size == header->header_bytes, "a header is written as long as it was");
        expect_equal({written, size}, bytes.substr(0, size), "a header is written as it was read");
    }
    const ws::MaskKey key{input.choices[0], input.choices[1], input.choices[2], 0x5A};
    std::string masked(bytes);
    const std::size_t cut = bytes.size() * input.choices[1] / 256;
    ws::apply_mask({masked.data(), cut}, key);
    ws::apply_mask({masked.data() + cut, masked.size() - cut}, ws::rotate_mask(key, cut));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        expect(static_cast<unsigned char>(masked[at]) == (static_cast<unsigned char>(bytes[at]) ^ key[at % 4]),
               "a mask is an exclusive or with its key in turn");
    }
    check_utf8(bytes, input);
}

}  // namespace stepwise::fuzz
