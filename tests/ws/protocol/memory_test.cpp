// What a Protocol copies and allocates, counted with the operator new in support.cpp.
#include <algorithm>

#include "support.hpp"

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

TEST_CASE("an idle Protocol holds no heap memory and has at most 128 bytes") {
    CHECK(sizeof(Protocol) <= 128);
    const std::size_t before = allocation_count();
    Protocol protocol(Role::server);
    CHECK(describe(protocol.next_event()) == "need more");
    CHECK(allocation_count() == before);
}

TEST_CASE("whole unfragmented frames are viewed where they lie, without a copy or an allocation") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        std::string bytes;
        for (int index = 0; index < 100; ++index) {
            bytes += frame_to(role, Opcode::text, "a message that is longer than any small string");
            bytes += frame_to(role, Opcode::ping, "a ping between");
        }
        bytes += close_to(role, 1000, "a reason that is longer than any small string");
        Protocol protocol(role, {}, fixed_mask_keys());
        const auto lies_inside = [&](std::string_view view) {
            return view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + bytes.size();
        };
        std::size_t messages = 0;
        std::size_t views_inside = 0;
        const std::size_t before = allocation_count();
        protocol.receive_data(bytes);
        while (true) {
            const Protocol::Event event = protocol.next_event();
            if (std::holds_alternative<NeedMore>(event)) break;
            if (const auto* message = std::get_if<Protocol::Message>(&event)) {
                ++messages;
                views_inside += lies_inside(message->payload);
            }
        }
        CHECK(allocation_count() == before);
        CHECK(messages == 100);
        CHECK(views_inside == 100);
        CHECK(protocol.close_received());
    }
}

TEST_CASE("a frame whose header came alone is still viewed where its payload lies") {
    for (const Role role : both_roles) {
        const std::string bytes = frame_to(role, Opcode::binary, std::string(1000, 'b'));
        const std::size_t header_bytes = frame_header_size(1000, role == Role::server);
        for (std::size_t cut = 1; cut <= header_bytes; ++cut) {
            std::string first = bytes.substr(0, cut);
            std::string second = bytes.substr(cut);
            Protocol protocol(role, {}, fixed_mask_keys());
            const std::size_t before = allocation_count();
            protocol.receive_data(first);
            const bool waits = std::holds_alternative<NeedMore>(protocol.next_event());
            protocol.receive_data(second);
            const Protocol::Event event = protocol.next_event();
            CHECK(allocation_count() == before);
            CHECK(waits);
            CHECK(std::get<Protocol::Message>(event).payload.data() == second.data() + (header_bytes - cut));
        }
    }
}

TEST_CASE("a joined message is released once it was looked at, and the next one starts anew") {
    Protocol protocol(Role::client, {}, fixed_mask_keys());
    for (int round = 0; round < 3; ++round) {
        std::string first = frame_to(Role::client, Opcode::binary, std::string(5000, 'a'), false);
        std::string second = frame_to(Role::client, Opcode::continuation, std::string(5000, 'b'));
        const std::size_t before = allocation_count();
        protocol.receive_data(first);
        CHECK(std::holds_alternative<NeedMore>(protocol.next_event()));
        CHECK(allocation_count() == before + 1);
        protocol.receive_data(second);
        CHECK(std::get<Protocol::Message>(protocol.next_event()).payload.size() == 10000);
        CHECK(allocation_count() == before + 2);
        CHECK(std::holds_alternative<NeedMore>(protocol.next_event()));
    }
}

TEST_CASE("a message in many pieces allocates a logarithm of times") {
    const std::string bytes = frame_to(Role::client, Opcode::binary, std::string(1 << 20, 'x'));
    std::string lent = bytes;
    Protocol protocol(Role::client, {}, fixed_mask_keys());
    const std::size_t before = allocation_count();
    std::size_t size = 0;
    for (std::size_t at = 0; at < lent.size(); at += 64) {
        protocol.receive_data(std::span(lent).subspan(at, std::min<std::size_t>(64, lent.size() - at)));
        const Protocol::Event event = protocol.next_event();
        if (const auto* message = std::get_if<Protocol::Message>(&event)) size = message->payload.size();
    }
    CHECK(size == 1 << 20);
    CHECK(allocation_count() - before <= 20);
}

TEST_CASE("sending into a sink with room allocates nothing") {
    std::string out;
    out.reserve(10000);
    net::StringSink sink(out);
    Protocol protocol(Role::server);
    const std::string payload(500, 'p');
    const std::size_t before = allocation_count();
    const bool sent = protocol.send_text(sink, payload) && protocol.send_ping(sink, "ping") &&
                      protocol.send_close(sink, CloseCode::going_away, "a reason");
    CHECK(allocation_count() == before);
    CHECK(sent);
}
