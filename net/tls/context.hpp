// What many TLS connections of one kind share: certificates, whom to trust, which application protocols.
//
//     std::shared_ptr<const tls::Context> ours = tls::Context::for_server({certificate_file, key_file});
//     std::shared_ptr<const tls::Context> trusting = tls::Context::for_client({.authorities_file = authorities_file});
//
// Made once from files, which is blocking, and never changed: new certificates are a new Context, and connections that
// exist keep theirs. TLS 1.2 and 1.3 with forward secrecy and authenticated ciphers; no compression, no renegotiation.
// A client verifies the chain and the host unless its options say, in that many words, that it must not. Shared by
// threads. In a build without TLS both functions throw, and say so.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;  // OpenSSL's

namespace stepwise::tls {

struct ServerOptions {
    std::string certificate_file = {};  // PEM: the server's own, then those between it and its authority
    std::string key_file = {};          // PEM, without a passphrase
    // A client that offers protocols, and none of these, is refused (ALPN, RFC 7301).
    std::vector<std::string> protocols = {"http/1.1"};
};

struct ClientOptions {
    std::string authorities_file = {};  // PEM, and only these are trusted; empty: whom this machine trusts
    std::vector<std::string> protocols = {"http/1.1"};
    // Anybody between us and the server can then read and change everything. For tests.
    bool insecure_skip_verification = false;
};

class Context {
public:
    // Throw std::runtime_error that names the file and what is wrong with it.
    static std::shared_ptr<const Context> for_server(const ServerOptions& options);
    static std::shared_ptr<const Context> for_client(const ClientOptions& options = {});
    // The one that clients use which were told of no other: for_client({}), made at its first use.
    static std::shared_ptr<const Context> default_client();

    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context();

    bool is_server() const noexcept { return is_server_; }
    ssl_ctx_st* get() const noexcept { return context_; }

private:
    Context(bool is_server, const std::vector<std::string>& protocols);
    // Throws with what OpenSSL says.
    [[noreturn]] static void refuse(const std::string& what);

    ssl_ctx_st* context_ = nullptr;
    std::string protocols_;  // as they go over the wire
    bool is_server_;
};

}  // namespace stepwise::tls
