#include <stepwise/tests/ws/protocol/support.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

namespace {
std::size_t allocations = 0;
std::size_t releases = 0;
std::size_t allocated = 0;
}  // namespace

// Not inlined: g++ 12 sees the malloc or free of an inlined one beside an operator it has not seen, and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    allocated += size;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory != nullptr) ++releases;
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

namespace stepwise::ws::test {
namespace {

constexpr MaskKey peer_key{0x37, 0xFA, 0x21, 0x3D};

std::uint32_t next_mask_key() {
    return 0x1B2C3D4E;
}

template <class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

std::string call(std::string_view what, std::string_view payload) {
    return std::string(what) + "(" + std::string(payload) + ")";
}

}  // namespace

std::size_t allocation_count() {
    return allocations;
}

std::size_t allocated_bytes() {
    return allocated;
}

std::size_t live_allocation_count() {
    return allocations - releases;
}

std::string_view role_name(Role role) {
    return role == Role::server ? "server" : "client";
}

MaskKeySource fixed_mask_keys() {
    static auto source = [] { return next_mask_key(); };
    return MaskKeySource(source);
}

std::string frame_to(Role receiver, Opcode opcode, std::string_view payload, bool fin) {
    std::string bytes;
    net::StringSink sink(bytes);
    const auto key = receiver == Role::server ? std::optional(peer_key) : std::nullopt;
    append_frame(sink, opcode, payload, fin, key);
    return bytes;
}

std::string close_to(Role receiver, unsigned code, std::string_view reason) {
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    payload += reason;
    return frame_to(receiver, Opcode::close, payload);
}

std::string header_to(Role receiver, unsigned char first_byte, std::string_view length_form) {
    std::string bytes(1, static_cast<char>(first_byte));
    bytes += length_form;
    if (receiver == Role::client) return bytes;
    bytes[1] = static_cast<char>(bytes[1] | 0x80);
    return bytes.append(peer_key.begin(), peer_key.end());
}

std::string describe(const Protocol::Event& event) {
    return std::visit(Overloaded{
                          [](const NeedMore&) { return "need more"s; },
                          [](const Protocol::Message& message) {
                              return call(message.opcode == Opcode::text ? "text" : "binary", message.payload);
                          },
                          [](const Protocol::Ping& ping) { return call("ping", ping.payload); },
                          [](const Protocol::Pong& pong) { return call("pong", pong.payload); },
                          [](const Protocol::Close& close) {
                              const std::string code = std::to_string(static_cast<unsigned>(close.code));
                              return call("close",
                                          close.reason.empty() ? code : code + " " + std::string(close.reason));
                          },
                          [](const net::ProtocolError& error) {
                              return call("error", std::to_string(error.code) + " " + std::string(error.section));
                          },
                      },
                      event);
}

namespace {

// False after an error.
bool add_events(Protocol& protocol, std::string& seen) {
    for (Protocol::Event event = protocol.next_event(); !std::holds_alternative<NeedMore>(event);
         event = protocol.next_event()) {
        if (!seen.empty()) seen += ' ';
        seen += describe(event);
        if (std::holds_alternative<net::ProtocolError>(event)) return false;
    }
    return true;
}

// The bytes that an error came with are gone.
void check_that_error_stays(Protocol& protocol) {
    CHECK(protocol.state() == Protocol::State::closed);
    const std::string error = describe(protocol.next_event());
    std::string late = frame_to(protocol.role(), Opcode::text, "late");
    protocol.receive_data(late);
    CHECK(describe(protocol.next_event()) == error);
    CHECK(describe(protocol.next_event()) == error);
}

}  // namespace

std::string events_of_pieces(Role role, const Pieces& pieces, const ProtocolOptions& options) {
    Protocol protocol(role, options, fixed_mask_keys());
    std::string seen;
    bool is_open = true;
    for (std::size_t index = 0; index < pieces.size() && is_open; ++index) {
        ShortLived lent(pieces[index]);
        protocol.receive_data(lent.span());
        is_open = add_events(protocol, seen);
    }
    if (!is_open) check_that_error_stays(protocol);
    return seen;
}

std::string events_of(Role role, std::string_view bytes, const ProtocolOptions& options) {
    return same_however_cut(bytes, [&](const Pieces& pieces) { return events_of_pieces(role, pieces, options); });
}

std::string receive(Protocol& protocol, std::size_t cut, std::string_view bytes) {
    std::string first;
    while (!bytes.empty()) {
        ShortLived lent(bytes.substr(0, cut == 0 ? 1 : cut));
        bytes.remove_prefix(lent.view().size());
        if (cut != 0) cut = std::max(bytes.size(), std::size_t{1});
        protocol.receive_data(lent.span());
        Protocol::Event event = protocol.next_event();
        if (!std::holds_alternative<NeedMore>(event) && first.empty()) first = describe(event);
        while (!std::holds_alternative<NeedMore>(event) && !std::holds_alternative<net::ProtocolError>(event)) {
            event = protocol.next_event();
        }
    }
    return first.empty() ? "need more" : first;
}

std::size_t bytes_before_error(Role role, std::string_view bytes) {
    Protocol protocol(role, {}, fixed_mask_keys());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        ShortLived lent(bytes.substr(at, 1));
        protocol.receive_data(lent.span());
        if (std::holds_alternative<net::ProtocolError>(protocol.next_event())) return at;
    }
    return bytes.size();
}

net::ProtocolError error_of(Role role, std::string_view bytes, const ProtocolOptions& options) {
    Protocol protocol(role, options, fixed_mask_keys());
    std::string lent(bytes);
    protocol.receive_data(lent);
    while (true) {
        Protocol::Event event = protocol.next_event();
        if (auto* error = std::get_if<net::ProtocolError>(&event)) return *error;
        REQUIRE(!std::holds_alternative<NeedMore>(event));
    }
}

}  // namespace stepwise::ws::test
