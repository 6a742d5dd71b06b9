// What the tests of sessions share: two ends of a connection without a wire, and an authority for all of them.
#pragma once

#include <stepwise/net/tls/session.hpp>
#include <stepwise/tests/net/tls/certificates.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tls_test {

// One end of a connection, with what it sends and what it got.
struct End final : stepwise::tls::Session::Output {
    End(std::shared_ptr<const stepwise::tls::Context> context, std::string_view host = {})
        : session(std::move(context), host) {
        session.start(*this);
    }
    void send_to_wire(std::string_view bytes) override { sent += bytes; }

    // In pieces of so many bytes.
    void receive(std::string_view bytes, std::size_t step = std::string_view::npos) {
        for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
            const std::string piece(bytes.substr(0, step));
            session.receive_data(piece);
            std::array<char, 1000> plain;
            while (std::size_t count = session.read(plain)) got.append(plain.data(), count);
        }
    }
    std::string take_sent() { return std::exchange(sent, {}); }
    stepwise::tls::Failure failure() const {
        REQUIRE(session.error());
        return session.error()->failure;
    }

    stepwise::tls::Session session;
    std::string sent;
    std::string got;
};

// Until neither has anything to say.
inline void talk(End& client, End& server, std::size_t step = std::string_view::npos) {
    while (!client.sent.empty() || !server.sent.empty()) {
        const std::string to_server = client.take_sent();
        const std::string to_client = server.take_sent();
        server.receive(to_server, step);
        client.receive(to_client, step);
    }
}

inline Authority& authority() {
    static Authority instance;
    return instance;
}

struct Ends {
    explicit Ends(std::shared_ptr<const stepwise::tls::Context> server_context = authority().server(),
                  std::string_view host = "localhost")
        : client(authority().client(), host), server(std::move(server_context)) {}

    void shake_hands(std::size_t step = std::string_view::npos) { talk(client, server, step); }
    bool are_established() const { return client.session.is_established() && server.session.is_established(); }

    End client;
    End server;
};

}  // namespace tls_test
