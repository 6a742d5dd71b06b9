// What anybody may send to the port of a server that expects a handshake of TLS, for tls::Session.
//
// Without our keys nobody finishes a handshake by bytes that were made beforehand: no plain byte comes out, the end is
// an error, which stays, and what is answered is bounded, however the bytes were cut.
#include <stepwise/net/tls/session.hpp>
#include <stepwise/tests/fuzz/support.hpp>
#include <stepwise/tests/net/tls/certificates.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

// A certificate and what stands around it, or an alert.
constexpr std::size_t answer_bytes_max = 16 * 1024;

struct Wire final : tls::Session::Output {
    void send_to_wire(std::string_view bytes) override { sent += bytes.size(); }
    std::size_t sent = 0;
};

const std::shared_ptr<const tls::Context>& context() {
    static tls_test::Authority authority;
    static const std::shared_ptr<const tls::Context> instance = authority.server();
    return instance;
}

std::string read(tls::Session& session) {
    std::array<char, tls::Session::record_bytes_max> plain;
    std::string got;
    while (const std::size_t count = session.read(plain)) got.append(plain.data(), count);
    return got;
}

void serve(const Pieces& pieces) {
    Wire wire;
    tls::Session session(context(), "");
    session.start(wire);
    std::size_t sent_before_error = 0;
    for (const std::string_view piece : pieces) {
        const LentBytes lent(piece);
        const bool had_failed = session.error().has_value();
        session.receive_data(lent.view());
        expect(read(session).empty(), "nothing comes out", piece);
        session.drop_input();
        expect(!session.is_established(), "nobody is let in", piece);
        expect(!had_failed || session.error().has_value(), "an error stays");
        expect(!had_failed || wire.sent == sent_before_error, "behind an error nothing is answered");
        sent_before_error = wire.sent;
    }
    session.receive_eof();
    expect(read(session).empty(), "nothing comes out at the end");
    expect(session.error().has_value(), "the end within a handshake is an error");
    expect(!session.error()->message().empty(), "an error says what it is");
    expect(wire.sent <= answer_bytes_max, "what is answered is bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    // A session costs as much as thousands of bytes: the ways of cutting are tried with what is short.
    if (input.bytes.size() > 2048) {
        serve({input.bytes});
        return 0;
    }
    for (const Pieces& pieces : ways_to_cut(input)) serve(pieces);
    return 0;
}
