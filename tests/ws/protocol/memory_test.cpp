// What a Protocol borrows, copies and allocates, counted with the operator new in support.cpp.
#include <algorithm>

#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

TEST_CASE("an idle Protocol holds no heap memory") {
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
    const std::size_t live_before = live_allocation_count();
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
    CHECK(live_allocation_count() == live_before);
}

TEST_CASE("an unfinished message is released when a Close ends the connection, in parts or not") {
    for (const Role role : both_roles) {
        const std::string close = close_to(role, 1000, "a goodbye that is no small string");
        for (std::size_t cut = 0; cut <= close.size(); ++cut) {
            std::string unfinished = frame_to(role, Opcode::binary, std::string(500, 'u'), false);
            std::string first = close.substr(0, cut);
            std::string second = close.substr(cut);
            Protocol protocol(role, {}, fixed_mask_keys());
            const std::size_t live_before = live_allocation_count();
            for (std::string* piece : {&unfinished, &first, &second}) {
                protocol.receive_data(*piece);
                while (!std::holds_alternative<NeedMore>(protocol.next_event())) {
                }
            }
            CHECK(protocol.close_received());
            CHECK(live_allocation_count() == live_before);
        }
    }
}

TEST_CASE("an unfinished message is released when an error ends the connection") {
    Protocol protocol(Role::client, {}, fixed_mask_keys());
    std::string bytes = frame_to(Role::client, Opcode::binary, std::string(500, 'u'), false) + "\x83";
    const std::size_t live_before = live_allocation_count();
    protocol.receive_data(bytes);
    CHECK(std::holds_alternative<net::ProtocolError>(protocol.next_event()));
    CHECK(live_allocation_count() == live_before + 2);  // the error and its text
}

TEST_CASE("an event stays good when its owner fails the connection, and goes with the next call") {
    Protocol protocol(Role::client, {}, fixed_mask_keys());
    std::string out;
    out.reserve(100);
    net::StringSink sink(out);
    std::string bytes = frame_to(Role::client, Opcode::text, "joined ", false) +
                        frame_to(Role::client, Opcode::continuation, "from two");
    const std::size_t live_before = live_allocation_count();
    protocol.receive_data(bytes);
    const Protocol::Event event = protocol.next_event();
    CHECK(protocol.fail(sink, {1008, "the house rules", "no"}));
    CHECK(describe(event) == "text(joined from two)");
    CHECK(std::holds_alternative<net::ProtocolError>(protocol.next_event()));
    CHECK(live_allocation_count() == live_before + 1);  // the error; its text is short
}

TEST_CASE("memory follows the bytes that came, not the length that a header announces") {
    for (const Role role : both_roles) {
        std::string bytes = header_to(role, 0x82, "\x7F\0\0\0\0\0\x10\0\0"s);  // 1 MiB
        Protocol protocol(role, {}, fixed_mask_keys());
        const std::size_t before = allocated_bytes();
        protocol.receive_data(bytes);
        CHECK(std::holds_alternative<NeedMore>(protocol.next_event()));
        CHECK(allocated_bytes() == before);
        for (std::size_t arrived = 100; arrived <= 100000; arrived += 100) {
            std::string piece(100, 'x');
            const std::size_t its_own = allocated_bytes();
            protocol.receive_data(piece);
            if (!std::holds_alternative<NeedMore>(protocol.next_event())) FAIL("the message cannot be whole yet");
            if (allocated_bytes() - its_own > 2 * arrived) FAIL("the buffer grew more than twofold");
        }
    }
}

TEST_CASE("a message in many pieces allocates a logarithm of times, whatever the limit") {
    for (const std::size_t limit : {std::size_t{1} << 20, std::numeric_limits<std::size_t>::max()}) {
        std::string lent = frame_to(Role::client, Opcode::binary, std::string(1 << 20, 'x'));
        Protocol protocol(Role::client, {.message_bytes_max = limit}, fixed_mask_keys());
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

TEST_CASE("bytes cannot be lent while earlier ones are still unread") {
    Protocol protocol(Role::server);
    std::string bytes = frame_to(Role::server, Opcode::text, "one") + frame_to(Role::server, Opcode::text, "two");
    protocol.receive_data(bytes);
    CHECK(describe(protocol.next_event()) == "text(one)");
    CHECK_THROWS_AS(protocol.receive_data(bytes), std::logic_error);
    CHECK(describe(protocol.next_event()) == "text(two)");
    CHECK(describe(protocol.next_event()) == "need more");
    protocol.receive_data({});
    CHECK(describe(protocol.next_event()) == "need more");
}

TEST_CASE("bytes behind those that made an owner fail the connection are not looked at") {
    Protocol protocol(Role::server);
    std::string out;
    net::StringSink sink(out);
    std::string bytes = frame_to(Role::server, Opcode::text, "one") + frame_to(Role::server, Opcode::text, "two");
    protocol.receive_data(bytes);
    CHECK(describe(protocol.next_event()) == "text(one)");
    CHECK(protocol.fail(sink, {1008, "the house rules", "no"}));
    CHECK(describe(protocol.next_event()) == "error(1008 the house rules)");
}
