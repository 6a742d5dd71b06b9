#include <stepwise/tests/ws/protocol/support.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;
using State = Protocol::State;

namespace {

template <class Test>
void for_each_role_and_cut(Test test) {
    for (const Role role : both_roles) {
        for (std::size_t cut = 0; cut <= cuts; ++cut) {
            CAPTURE(role_name(role));
            CAPTURE(cut);
            test(role, cut);
        }
    }
}

Role other(Role role) {
    return role == Role::server ? Role::client : Role::server;
}

}  // namespace

TEST_CASE("a Close frame carries nothing, or a code and a reason (RFC 6455 §5.5.1)") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        CHECK(events_of(role, frame_to(role, Opcode::close, "")) == "close(1005)");
        CHECK(events_of(role, close_to(role, 1000)) == "close(1000)");
        CHECK(events_of(role, close_to(role, 1001, "going, 再见")) == "close(1001 going, 再见)");
        const std::string longest(123, 'r');
        CHECK(events_of(role, close_to(role, 4000, longest)) == "close(4000 " + longest + ")");
        CHECK(events_of(role, frame_to(role, Opcode::close, "\x03")) == "error(1002 RFC 6455 §5.5.1)");
    }
}

TEST_CASE("a Close with a code that must not be sent is refused (RFC 6455 §7.4)") {
    for (const Role role : both_roles) {
        for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
            CHECK(events_of(role, close_to(role, code)) == "close(" + std::to_string(code) + ")");
        }
        for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2000U, 2999U, 5000U, 65535U}) {
            CHECK(events_of(role, close_to(role, code, "why")) == "error(1002 RFC 6455 §7.4.1)");
        }
    }
    CHECK(error_of(Role::server, close_to(Role::server, 1006)).message ==
          "a Close frame has code 1006, which must not be sent");
}

TEST_CASE("a reason that is not UTF-8 is refused with 1007 (RFC 6455 §5.5.1)") {
    for (const Role role : both_roles) {
        CHECK(events_of(role, close_to(role, 1000, "\xED\xA0\x80")) == "error(1007 RFC 6455 §5.5.1)");
        CHECK(events_of(role, close_to(role, 1000, "cut \xE4\xB8")) == "error(1007 RFC 6455 §5.5.1)");
    }
}

TEST_CASE("what arrives after a Close is dropped, even if it is broken (RFC 6455 §5.5.1)") {
    for (const Role role : both_roles) {
        CHECK(events_of(role, close_to(role, 1000) + frame_to(role, Opcode::text, "late")) == "close(1000)");
        CHECK(events_of(role, close_to(role, 1000) + close_to(role, 1001)) == "close(1000)");
        CHECK(events_of(role, close_to(role, 1000) + "\xFF\xFF\xFF") == "close(1000)");
    }
}

TEST_CASE("the peer closes, we answer with its code, and the connection is closed") {
    for_each_role_and_cut([](Role role, std::size_t cut) {
        Protocol protocol(role, {}, fixed_mask_keys());
        std::string out;
        net::StringSink sink(out);
        CHECK(protocol.state() == State::open);
        CHECK_FALSE(protocol.send_close_reply(sink));
        CHECK(receive(protocol, cut, close_to(role, 3456, "because")) == "close(3456 because)");
        CHECK(protocol.state() == State::closing);
        CHECK(protocol.close_received());
        CHECK(protocol.close_code() == static_cast<CloseCode>(3456));
        CHECK(protocol.send_close_reply(sink));
        CHECK(protocol.state() == State::closed);
        CHECK(events_of(other(role), out) == "close(3456)");
        out.clear();
        CHECK_FALSE(protocol.send_close_reply(sink));
        CHECK_FALSE(protocol.send_close(sink));
        CHECK_FALSE(protocol.send_text(sink, "late"));
        CHECK_FALSE(protocol.send_ping(sink));
        CHECK(out.empty());
    });
}

TEST_CASE("a Close without a code is answered by one without a code") {
    for_each_role_and_cut([](Role role, std::size_t cut) {
        Protocol protocol(role, {}, fixed_mask_keys());
        std::string out;
        net::StringSink sink(out);
        CHECK(receive(protocol, cut, frame_to(role, Opcode::close, "")) == "close(1005)");
        CHECK(protocol.close_code() == CloseCode::no_status_received);
        CHECK(protocol.send_close_reply(sink));
        CHECK(events_of(other(role), out) == "close(1005)");
    });
}

TEST_CASE("after our Close messages still arrive and control frames still go, until the peer's Close") {
    for_each_role_and_cut([](Role role, std::size_t cut) {
        Protocol protocol(role, {}, fixed_mask_keys());
        std::string out;
        net::StringSink sink(out);
        CHECK(protocol.send_close(sink, CloseCode::going_away, "restart"));
        CHECK(protocol.state() == State::closing);
        CHECK(protocol.close_sent());
        CHECK(events_of(other(role), out) == "close(1001 restart)");
        out.clear();
        CHECK_FALSE(protocol.send_binary(sink, "late"));
        CHECK_FALSE(protocol.send_close(sink));
        CHECK(out.empty());
        CHECK(receive(protocol, cut, frame_to(role, Opcode::text, "on its way")) == "text(on its way)");
        CHECK(receive(protocol, cut, frame_to(role, Opcode::ping, "?")) == "ping(?)");
        CHECK(protocol.send_pong(sink, "?"));
        CHECK(events_of(other(role), out) == "pong(?)");
        out.clear();
        CHECK(protocol.close_code() == CloseCode::abnormal_closure);
        CHECK(receive(protocol, cut, close_to(role, 1001)) == "close(1001)");
        CHECK(protocol.state() == State::closed);
        CHECK_FALSE(protocol.send_close_reply(sink));
        CHECK(out.empty());
        CHECK(receive(protocol, cut, frame_to(role, Opcode::text, "dropped")) == "need more");
    });
}

TEST_CASE("a broken rule is answered with its code and its message, once") {
    for_each_role_and_cut([](Role role, std::size_t cut) {
        Protocol protocol(role, {}, fixed_mask_keys());
        std::string out;
        net::StringSink sink(out);
        CHECK(receive(protocol, cut, frame_to(role, Opcode::text, "fine") + "\x83 and more") == "text(fine)");
        const Protocol::Event event = protocol.next_event();
        CHECK(protocol.state() == State::closed);
        CHECK_FALSE(protocol.send_text(sink, "no more"));
        CHECK(protocol.fail(sink, std::get<net::ProtocolError>(event)));
        CHECK(events_of(other(role), out) == "close(1002 opcode 0x3 is reserved)");
        CHECK_FALSE(protocol.fail(sink, std::get<net::ProtocolError>(event)));
        CHECK_FALSE(protocol.fail(sink, {1011, "a later thought", "too late"}));
        CHECK(describe(protocol.next_event()) == "error(1002 RFC 6455 §5.2)");
        CHECK_FALSE(protocol.send_pong(sink, ""));
        CHECK(protocol.close_code() == CloseCode::abnormal_closure);
    });
}

TEST_CASE("the owner can fail a connection for its own reason, which is cut to fit a Close frame") {
    for_each_role_and_cut([](Role role, std::size_t cut) {
        Protocol protocol(role, {}, fixed_mask_keys());
        std::string out;
        net::StringSink sink(out);
        CHECK(receive(protocol, cut, frame_to(role, Opcode::text, "one")) == "text(one)");
        std::string message = "x";
        for (int index = 0; index < 60; ++index) message += "é";
        CHECK(protocol.fail(sink, {1008, "the house rules", message + "é and more"}));
        CHECK(events_of(other(role), out) == "close(1008 " + message + "é)");
        CHECK(receive(protocol, cut, frame_to(role, Opcode::text, "two")) == "error(1008 the house rules)");
        CHECK(describe(protocol.next_event()) == "error(1008 the house rules)");
    });
}
