// Sessions without sockets: two of them, or one and bytes that nobody should send. Links neither runtime nor reactor.
#include <stepwise/tests/net/tls/sessions.hpp>

#include <openssl/ssl.h>

#include <array>
#include <string>
#include <vector>

using namespace stepwise;
using namespace tls_test;
using tls::Failure;
using tls::Session;

namespace {

// OpenSSL by itself, as another program uses it.
class Foreign {
public:
    explicit Foreign(int version_max, const std::string& ciphers = {}) : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_, version_max);
        SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
        if (!ciphers.empty()) SSL_CTX_set_cipher_list(context_, ciphers.c_str());
        ssl_ = SSL_new(context_);
        SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl_);
    }
    Foreign(const Foreign&) = delete;
    ~Foreign() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }

    SSL* get() { return ssl_; }
    void shake_hands(End& server) {
        for (int round = 0; round < 6; ++round) {
            SSL_do_handshake(ssl_);
            server.receive(take());
            const std::string answer = server.take_sent();
            BIO_write(SSL_get_rbio(ssl_), answer.data(), static_cast<int>(answer.size()));
        }
    }
    std::string take() {
        std::string bytes(BIO_ctrl_pending(SSL_get_wbio(ssl_)), '\0');
        if (!bytes.empty()) BIO_read(SSL_get_wbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
        return bytes;
    }

private:
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
};

std::string message_of(const End& end) {
    return end.session.error() ? end.session.error()->message() : "";
}

}  // namespace

// ---- what must work

TEST_CASE("two sessions agree, whole and in pieces of any size") {
    for (std::size_t step :
         {std::string_view::npos, std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{100}}) {
        CAPTURE(step);
        Ends ends;
        ends.shake_hands(step);
        REQUIRE(ends.are_established());
        CHECK(ends.client.session.version() == "TLSv1.3");
        CHECK(ends.client.session.protocol() == "http/1.1");
        CHECK(ends.server.session.protocol() == "http/1.1");
        CHECK(ends.client.session.cipher() == ends.server.session.cipher());
        ends.client.session.write("a question");
        ends.server.session.write("an answer");
        CHECK(ends.client.sent.find("question") == std::string::npos);
        ends.shake_hands(step);
        CHECK(ends.server.got == "a question");
        CHECK(ends.client.got == "an answer");
    }
}

TEST_CASE("much is cut into records, and comes out as it went in") {
    Ends ends;
    ends.shake_hands();
    std::string much;
    for (int number = 0; much.size() < 1'000'000; ++number) much += std::to_string(number);
    ends.client.session.write(much);
    CHECK(ends.client.sent.size() < much.size() + much.size() / 100);
    ends.shake_hands(1400);
    CHECK(ends.server.got == much);
}

TEST_CASE("each side ends by itself, and the other one may go on") {
    Ends ends;
    ends.shake_hands();
    ends.client.session.write("last words");
    ends.client.session.close();
    ends.client.session.close();  // once is enough
    ends.shake_hands(1);
    CHECK(ends.server.got == "last words");
    CHECK(ends.server.session.has_ended());
    CHECK_FALSE(ends.client.session.has_ended());
    ends.server.session.write("noted");
    ends.server.session.close();
    ends.shake_hands();
    CHECK(ends.client.got == "noted");
    CHECK(ends.client.session.has_ended());
    ends.client.session.receive_eof();
    CHECK(message_of(ends.client) == "");
}

TEST_CASE("a certificate for a number, a wildcard, and a name with a dot behind it") {
    CHECK(authority().client() != nullptr);
    const auto is_fine = [](const std::string& names, std::string_view host) {
        Ends ends(authority().server({.names = names}), host);
        ends.shake_hands();
        return ends.are_established();
    };
    CHECK(is_fine("IP:127.0.0.1", "127.0.0.1"));
    CHECK(is_fine("IP:::1", "::1"));
    CHECK(is_fine("DNS:*.example.com", "www.example.com"));
    CHECK(is_fine("DNS:localhost", "LOCALHOST."));
    CHECK_FALSE(is_fine("DNS:*.example.com", "example.com"));
    CHECK_FALSE(is_fine("DNS:*.example.com", "a.www.example.com"));
    CHECK_FALSE(is_fine("DNS:w*.example.com", "www.example.com"));
    CHECK_FALSE(is_fine("DNS:127.0.0.1", "127.0.0.1"));
}

TEST_CASE("a server is told the name that a client wants, and no number") {
    using Names = std::vector<std::string>;
    const auto names_told = [](std::string_view host) {
        const std::shared_ptr<const tls::Context> context =
            authority().server({.names = "DNS:localhost,IP:127.0.0.1,IP:::1"});
        Names names;
        SSL_CTX_set_tlsext_servername_arg(context->get(), &names);
        SSL_CTX_set_tlsext_servername_callback(
            context->get(), +[](SSL* ssl, int*, void* told) {
                const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
                static_cast<Names*>(told)->emplace_back(name == nullptr ? "nothing" : name);
                return SSL_TLSEXT_ERR_NOACK;
            });
        Ends ends(context, host);
        ends.shake_hands();
        CHECK(ends.are_established());
        return names;
    };
    CHECK(names_told("localhost") == Names{"localhost"});
    CHECK(names_told("localhost.") == Names{"localhost"});
    CHECK(names_told("127.0.0.1") == Names{"nothing"});
    CHECK(names_told("::1") == Names{"nothing"});
}

TEST_CASE("TLS 1.2 is taken, with forward secrecy only") {
    End server(authority().server());
    Foreign client(TLS1_2_VERSION);
    client.shake_hands(server);
    CHECK(server.session.is_established());
    CHECK(server.session.version() == "TLSv1.2");
    End strict(authority().server());
    Foreign old(TLS1_2_VERSION, "AES128-SHA256:AES128-GCM-SHA256");
    old.shake_hands(strict);
    CHECK(strict.failure() == Failure::nothing_in_common);
}

// ---- whom not to trust

TEST_CASE("a certificate that must not be trusted is named with its reason, and nothing was sent to it") {
    struct Row {
        std::shared_ptr<const tls::Context> server;
        std::string_view host;
        Failure failure;
        std::string_view message;
    };
    static Authority other("another authority");
    const Row rows[] = {
        {authority().server({.ends = -60}), "localhost", Failure::certificate_expired,
         "TLS with localhost (certificate has expired): the certificate has expired"},
        {authority().server({.begins = hour}), "localhost", Failure::certificate_not_yet_valid,
         "TLS with localhost (certificate is not yet valid): the certificate is not valid yet"},
        {Authority::of(authority().issue_self_signed()), "localhost", Failure::certificate_self_signed,
         "TLS with localhost (self-signed certificate): the certificate is signed by itself, and not trusted"},
        {other.server(), "localhost", Failure::authority_unknown,
         "TLS with localhost (unable to get local issuer certificate): no trusted authority vouches for the "
         "certificate"},
        {authority().server(), "example.com", Failure::wrong_host,
         "TLS with example.com (hostname mismatch): the certificate is not for this host"},
        {authority().server({.names = "", .subject = "localhost"}), "localhost", Failure::wrong_host,
         "TLS with localhost (hostname mismatch): the certificate is not for this host"},
        {authority().server(), "127.0.0.2", Failure::wrong_host,
         "TLS with 127.0.0.2 (IP address mismatch): the certificate is not for this host"},
    };
    for (const Row& row : rows) {
        for (std::size_t step : {std::string_view::npos, std::size_t{1}}) {
            CAPTURE(row.message);
            Ends ends(row.server, row.host);
            ends.shake_hands(step);
            CHECK(ends.client.failure() == row.failure);
            CHECK(message_of(ends.client) == row.message);
            CHECK_FALSE(ends.client.session.is_established());
            // The server is told why.
            CHECK(ends.server.failure() == Failure::refused_by_peer);
        }
    }
}

TEST_CASE("verification is off for those only who say so") {
    Ends ends(Authority::of(authority().issue_self_signed()), "example.com");
    End trusting(tls::Context::for_client({.insecure_skip_verification = true}), "example.com");
    talk(trusting, ends.server);
    CHECK(trusting.session.is_established());
    End usual(tls::Context::default_client(), "localhost");
    End server(authority().server());
    talk(usual, server);
    CHECK(usual.failure() == Failure::authority_unknown);
}

TEST_CASE("a client without a host is a mistake of its program") {
    for (const std::string& host : {std::string(), std::string("a\0b", 3), std::string(".")}) {
        CHECK_THROWS_AS(Session(authority().client(), host), std::invalid_argument);
    }
}

// ---- peers that are wrong

TEST_CASE("what is no TLS is called so, on both sides, whole and byte by byte") {
    const std::string wrong[] = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                 "HTTP/1.1 400 Bad Request\r\n\r\n",
                                 "220 mail.example.com ESMTP\r\n",
                                 std::string(400, '\0'),
                                 std::string(400, '\xff'),
                                 "\x16\x03\x01\x40\x01" + std::string(20000, 'x')};
    for (const std::string& bytes : wrong) {
        for (std::size_t step : {std::string_view::npos, std::size_t{1}}) {
            CAPTURE(bytes.substr(0, 20));
            End server(authority().server());
            server.receive(bytes, step);
            CHECK(server.failure() == Failure::not_tls);
            End client(authority().client(), "localhost");
            client.receive(bytes, step);
            CHECK(client.failure() == Failure::not_tls);
        }
    }
}

TEST_CASE("a peer with nothing newer than TLS 1.1 is too old") {
    End server(authority().server());
    Foreign client(TLS1_1_VERSION, "ALL:@SECLEVEL=0");
    client.shake_hands(server);
    CHECK(server.failure() == Failure::version_too_old);
    CHECK(message_of(server).ends_with("the peer's versions of TLS are too old: at least 1.2 is needed"));
}

TEST_CASE("a client that offers only other protocols is refused, one that offers none is not") {
    const Identity identity = authority().issue();
    const auto server = tls::Context::for_server({identity.certificate_file, identity.key_file, {"h2", "http/1.1"}});
    const auto with = [&](std::vector<std::string> protocols) {
        End client(tls::Context::for_client({authority().file(), std::move(protocols)}), "localhost");
        End answering(server);
        talk(client, answering);
        return client.session.error() ? message_of(client) : std::string(client.session.protocol());
    };
    CHECK(with({"http/1.1", "h2"}) == "h2");  // the server's order decides
    CHECK(with({"http/1.1"}) == "http/1.1");
    CHECK(with({}) == "");
    CHECK(with({"gopher"}).ends_with("the peer and we have no cipher, signature or protocol in common"));
}

TEST_CASE("a handshake that is cut after any byte is an error on both sides, and never more than that") {
    Ends ends;
    const std::string hello = ends.client.take_sent();
    ends.server.receive(hello);
    const std::string answer = ends.server.take_sent();
    for (std::size_t length = 0; length < hello.size(); ++length) {
        End server(authority().server());
        server.receive(hello.substr(0, length));
        server.session.receive_eof();
        CHECK(server.failure() == Failure::ended_in_handshake);
    }
    for (std::size_t length = 0; length < answer.size(); ++length) {
        Ends cut;
        cut.server.receive(cut.client.take_sent());
        cut.client.receive(cut.server.take_sent().substr(0, length));
        if (cut.client.session.is_established()) continue;  // signatures differ in their length
        cut.client.session.receive_eof();
        CHECK(cut.client.failure() == Failure::ended_in_handshake);
    }
}

TEST_CASE("an end without close_notify is truncation, after any number of bytes") {
    Ends ends;
    ends.shake_hands();
    ends.client.session.write("half of it");
    const std::string record = ends.client.take_sent();
    SUBCASE("between records") {
        ends.server.receive(record);
        ends.server.session.receive_eof();
        CHECK(ends.server.got == "half of it");
    }
    SUBCASE("within a record") {
        ends.server.receive(record.substr(0, record.size() - 1));
        ends.server.session.receive_eof();
        CHECK(ends.server.got == "");
    }
    CHECK(ends.server.failure() == Failure::truncated);
    CHECK(message_of(ends.server) ==
          "TLS: the peer closed the connection without close_notify: what came may lack its end");
}

TEST_CASE("a record in which one bit was changed is damaged, wherever it was") {
    Ends ends;
    ends.shake_hands();
    ends.client.session.write("important");
    const std::string record = ends.client.take_sent();
    for (std::size_t at = 0; at < record.size(); ++at) {
        Ends fresh;
        fresh.shake_hands();
        fresh.client.session.write("important");
        std::string forged = fresh.client.take_sent();
        forged[at] = static_cast<char>(forged[at] ^ 1);
        fresh.server.receive(forged);
        fresh.server.session.receive_eof();
        const Failure failure = fresh.server.failure();
        // A length that grew waits for more than comes.
        CHECK((failure == Failure::damaged || failure == Failure::truncated));
        CHECK(fresh.server.got == "");
    }
}

TEST_CASE("a client that asks for a new handshake gets none") {
    End server(authority().server());
    Foreign client(TLS1_2_VERSION);
    client.shake_hands(server);
    REQUIRE(server.session.is_established());
    REQUIRE(SSL_renegotiate(client.get()) == 1);
    SSL_do_handshake(client.get());
    server.receive(client.take());
    CHECK(server.sent.size() < 100);  // an alert, no hello
    CHECK_FALSE(SSL_do_handshake(client.get()) == 1);
}

TEST_CASE("keys can be changed at any time") {
    End server(authority().server());
    Foreign client(TLS1_3_VERSION);
    client.shake_hands(server);
    for (int round = 0; round < 10; ++round) {
        REQUIRE(SSL_key_update(client.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
        REQUIRE(SSL_write(client.get(), "x", 1) == 1);
        server.receive(client.take());
        server.session.write("y");
        const std::string answer = server.take_sent();
        BIO_write(SSL_get_rbio(client.get()), answer.data(), static_cast<int>(answer.size()));
        char got = 0;
        REQUIRE(SSL_read(client.get(), &got, 1) == 1);
        CHECK(got == 'y');
    }
    CHECK(server.got == std::string(10, 'x'));
}
