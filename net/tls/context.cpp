#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stepwise/net/tls/context.hpp>

#include <cstring>
#include <stdexcept>

namespace stepwise::tls {

namespace {

// RFC 7301 §3.1: each behind its length, in one byte.
std::string wire_format(const std::vector<std::string>& protocols) {
    std::string wire;
    for (const std::string& protocol : protocols) {
        if (protocol.empty() || protocol.size() > 255) {
            throw std::invalid_argument("tls::Context: a protocol's name has 1 to 255 bytes");
        }
        wire += static_cast<char>(protocol.size());
        wire += protocol;
    }
    return wire;
}

const unsigned char* bytes_of(const std::string& text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// The server's order decides (RFC 7301 §3.2).
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned offered_size, void* ours) noexcept {
    const std::string& wire = *static_cast<const std::string*>(ours);
    unsigned char* found = nullptr;
    const int outcome = SSL_select_next_proto(&found, chosen_size, bytes_of(wire), static_cast<unsigned>(wire.size()),
                                              offered, offered_size);
    *chosen = found;
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int no_passphrase(char*, int, int, void*) noexcept {
    return 0;
}

}  // namespace

Context::Context(bool is_server, const std::vector<std::string>& protocols)
    : protocols_(wire_format(protocols)), is_server_(is_server) {
    ERR_clear_error();
    context_ = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (context_ == nullptr) refuse("TLS cannot begin");
    SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
    SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // An idle connection has no buffers; what is written may be anywhere at each try.
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_passwd_cb(context_, no_passphrase);  // else OpenSSL asks the terminal
    // Of TLS 1.2; those of 1.3 are all good.
    if (SSL_CTX_set_cipher_list(context_, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) refuse("TLS has no good cipher");
    if (is_server) {
        // Sessions are resumed by tickets, which cost the server no memory (RFC 5077).
        SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
        if (!protocols_.empty()) SSL_CTX_set_alpn_select_cb(context_, choose_protocol, &protocols_);
    } else {
        SSL_CTX_set_alpn_protos(context_, bytes_of(protocols_), static_cast<unsigned>(protocols_.size()));
    }
}

Context::~Context() {
    SSL_CTX_free(context_);
}

void Context::refuse(const std::string& what) {
    // The first error of the queue is the cause.
    const unsigned long code = ERR_get_error();
    const char* reason = ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    ERR_clear_error();
    throw std::runtime_error(reason == nullptr ? what : what + ": " + reason);
}

std::shared_ptr<const Context> Context::for_server(const ServerOptions& options) {
    std::shared_ptr<Context> made(new Context(true, options.protocols));
    SSL_CTX* context = made->context_;
    if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
        refuse("cannot use the certificate '" + options.certificate_file + "'");
    }
    // It also asks whether key and certificate belong together.
    if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        refuse("cannot use the key '" + options.key_file + "' for the certificate '" + options.certificate_file + "'");
    }
    return made;
}

std::shared_ptr<const Context> Context::for_client(const ClientOptions& options) {
    std::shared_ptr<Context> made(new Context(false, options.protocols));
    SSL_CTX* context = made->context_;
    SSL_CTX_set_verify(context, options.insecure_skip_verification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
    if (options.authorities_file.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) != 1) refuse("cannot find whom this machine trusts");
    } else if (SSL_CTX_load_verify_file(context, options.authorities_file.c_str()) != 1) {
        refuse("cannot use the authorities '" + options.authorities_file + "'");
    }
    return made;
}

std::shared_ptr<const Context> Context::default_client() {
    static const std::shared_ptr<const Context> instance = for_client();
    return instance;
}

}  // namespace stepwise::tls
