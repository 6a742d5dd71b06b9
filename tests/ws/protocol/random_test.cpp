// Random conversations with fixed seeds: what one end sends arrives at the other, however the bytes are cut; and bytes
// that nobody meant never break the protocol.
#include <algorithm>
#include <random>

#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

namespace {

class Dice {
public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t bound) { return engine_() % bound; }
    std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

    std::string bytes(std::size_t size) {
        std::string text;
        while (text.size() < size) text += static_cast<char>(engine_());
        return text;
    }
    std::string text(std::size_t characters) {
        static constexpr std::string_view alphabet[] = {"a", "z", " ", "é", "ß", "步", "一", "😀"};
        std::string out;
        for (std::size_t left = characters; left > 0; --left) out += alphabet[below(std::size(alphabet))];
        return out;
    }

private:
    std::mt19937 engine_;
};

// Cuts at random places; empty pieces are among them.
std::vector<std::string_view> random_pieces(std::string_view bytes, Dice& dice) {
    std::vector<std::string_view> pieces;
    while (!bytes.empty()) {
        const std::size_t size = std::min(bytes.size(), dice.below(1 + (std::size_t{1} << dice.below(10))));
        pieces.push_back(bytes.substr(0, size));
        bytes.remove_prefix(size);
    }
    return pieces;
}

// Writes a message as one to five fragments with pings between, and what the receiver must see.
void say_message(Dice& dice, net::StringSink& sink, bool masked, std::string& expected) {
    const bool is_text = dice.below(2) == 0;
    const std::size_t size = dice.below(std::size_t{1} << dice.below(12));
    const std::string payload = is_text ? dice.text(size) : dice.bytes(size);
    const std::size_t fragments = 1 + dice.below(5);
    const auto key = [&]() -> std::optional<MaskKey> {
        if (!masked) return std::nullopt;
        return std::bit_cast<MaskKey>(dice());
    };
    std::size_t at = 0;
    for (std::size_t index = 0; index < fragments; ++index) {
        const bool last = index + 1 == fragments;
        const std::size_t end = last ? payload.size() : at + dice.below(payload.size() - at + 1);
        const Opcode opcode = index > 0 ? Opcode::continuation : is_text ? Opcode::text : Opcode::binary;
        append_frame(sink, opcode, std::string_view(payload).substr(at, end - at), last, key());
        at = end;
        if (!last && dice.below(3) == 0) {
            const std::string ping = dice.bytes(dice.below(126));
            append_frame(sink, Opcode::ping, ping, true, key());
            expected += "ping(" + ping + ") ";
        }
    }
    expected += (is_text ? "text(" : "binary(") + payload + ") ";
}

}  // namespace

TEST_CASE("random messages in random fragments and random pieces arrive as they were said") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        Dice dice(seed);
        for (const Role role : both_roles) {
            CAPTURE(seed);
            CAPTURE(role_name(role));
            std::string bytes;
            std::string expected;
            net::StringSink sink(bytes);
            for (int index = 0; index < 20; ++index) say_message(dice, sink, role == Role::server, expected);
            bytes += close_to(role, 1000, "bye");
            expected += "close(1000 bye)";
            const bool whole = events_of_pieces(role, {bytes}) == expected;
            CHECK(whole);
            for (int round = 0; round < 4; ++round) {
                const bool in_pieces = events_of_pieces(role, random_pieces(bytes, dice)) == expected;
                CHECK(in_pieces);
            }
        }
    }
}

TEST_CASE("conversations with a few bytes changed give the same events however they are cut") {
    const ProtocolOptions options{.message_bytes_max = 2000};
    for (unsigned seed = 1; seed <= 400; ++seed) {
        Dice dice(seed);
        const Role role = both_roles[seed % 2];
        std::string bytes;
        std::string expected;
        net::StringSink sink(bytes);
        for (int index = 0; index < 4; ++index) say_message(dice, sink, role == Role::server, expected);
        for (std::size_t changes = 1 + dice.below(4); changes > 0; --changes) {
            bytes[dice.below(bytes.size())] = static_cast<char>(dice());
        }
        CAPTURE(seed);
        const std::string whole = events_of_pieces(role, {bytes}, options);
        for (int round = 0; round < 4; ++round) {
            const bool same = events_of_pieces(role, random_pieces(bytes, dice), options) == whole;
            CHECK(same);
        }
    }
}

TEST_CASE("random bytes never break the protocol and give the same events however they are cut") {
    for (unsigned seed = 1; seed <= 2000; ++seed) {
        Dice dice(seed);
        const Role role = both_roles[seed % 2];
        const std::string bytes = dice.bytes(dice.below(200));
        CAPTURE(seed);
        const std::string whole = events_of_pieces(role, {bytes});
        const bool same = events_of_pieces(role, random_pieces(bytes, dice)) == whole;
        CHECK(same);
    }
}
