// The examples in the headers of net/tls/, between marks that name the header.
#include <stepwise/net/tls/context.hpp>
#include <stepwise/net/tls/error.hpp>
#include <stepwise/net/tls/session.hpp>
#include <stepwise/tests/net/tls/certificates.hpp>

#include <doctest/doctest.h>

#include <array>
#include <utility>

using namespace stepwise;
using namespace tls_test;

namespace {

TEST_CASE("contexts are made of files") {
    Authority authority;
    const Identity identity = authority.issue();
    const std::string certificate_file = identity.certificate_file;
    const std::string key_file = identity.key_file;
    const std::string authorities_file = authority.file();
    //[ net/tls/context.hpp
    std::shared_ptr<const tls::Context> ours = tls::Context::for_server({certificate_file, key_file});
    std::shared_ptr<const tls::Context> trusting = tls::Context::for_client({.authorities_file = authorities_file});
    //]
    CHECK(ours->is_server());
    CHECK_FALSE(trusting->is_server());
}

TEST_CASE("a failure is one line") {
    std::string logged;
    auto log = [&](std::string line) { logged = std::move(line); };
    //[ net/tls/error.hpp
    tls::Error error{tls::Failure::wrong_host, "TLS with example.com"};
    log(error.message());
    //]
    CHECK(logged == "TLS with example.com: the certificate is not for this host");
}

struct Bytes final : tls::Session::Output {
    void send_to_wire(std::string_view bytes) override { sent += bytes; }
    std::string sent;
};

TEST_CASE("a session says hello to a server") {
    Authority authority;
    std::shared_ptr<const tls::Context> context = authority.client();
    const std::string host = "localhost";
    const std::string bytes_of_the_wire = "HTTP/1.1 400 Bad Request\r\n\r\n";
    Bytes output;
    std::string got;
    auto take = [&](const char* bytes, std::size_t count) { got.append(bytes, count); };
    //[ net/tls/session.hpp
    tls::Session session(context, host);  // a server's context: no host
    session.start(output);                // a client says hello into it
    session.receive_data(bytes_of_the_wire);
    std::array<char, tls::Session::record_bytes_max> plain;
    while (std::size_t count = session.read(plain)) take(plain.data(), count);
    if (session.is_established()) session.write("hello");
    //]
    CHECK(output.sent.size() > 100);
    CHECK(got.empty());
    REQUIRE(session.error());
    CHECK(session.error()->failure == tls::Failure::not_tls);
}

}  // namespace
