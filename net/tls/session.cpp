#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stepwise/net/tls/session.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>

namespace stepwise::tls {

// OpenSSL's way to the wire: reads the session's input where it lies, writes into the session's output.
struct Session::Wire {
    static int read(BIO* bio, char* to, int size) noexcept {
        BIO_clear_retry_flags(bio);
        auto& session = *static_cast<Session*>(BIO_get_data(bio));
        if (session.input_.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t count = std::min(session.input_.size(), static_cast<std::size_t>(size));
        std::memcpy(to, session.input_.data(), count);
        session.input_.remove_prefix(count);
        return static_cast<int>(count);
    }
    static int write(BIO* bio, const char* from, int size) noexcept {
        auto& session = *static_cast<Session*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        try {
            session.output_->send_to_wire({from, static_cast<std::size_t>(size)});
            return size;
        } catch (...) {  // no exception may cross OpenSSL's frames
            session.out_of_memory_ = true;
            return -1;
        }
    }
    static long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static const BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stepwise");
            if (method == nullptr) throw std::bad_alloc();
            BIO_meth_set_read(method, &Wire::read);
            BIO_meth_set_write(method, &Wire::write);
            BIO_meth_set_ctrl(method, &Wire::control);
            return method;
        }();
        return made;
    }
};

namespace {

bool is_number(const std::string& host) noexcept {
    std::array<unsigned char, sizeof(in6_addr)> address;
    return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
           inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// False: it can be in no certificate.
bool expect_host(SSL* ssl, const std::string& host) {
    if (host.empty() || host.find('\0') != std::string::npos) return false;
    X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
    if (is_number(host)) return X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
    // Of the subject's common name nobody has said that it is a host (RFC 9110 §4.3.4).
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1 &&
           SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

Failure failure_of_certificate(long verdict) noexcept {
    switch (verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return Failure::certificate_expired;
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return Failure::certificate_not_yet_valid;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return Failure::certificate_self_signed;
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return Failure::authority_unknown;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return Failure::wrong_host;
        default:
            return Failure::certificate_refused;
    }
}

// `reason` as in the queue of OpenSSL's errors; those of a peer's alerts begin at 1000.
Failure failure_of(int reason, bool established) noexcept {
    switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return Failure::version_too_old;
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_APPLICATION_PROTOCOL:
        case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
            return Failure::nothing_in_common;
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
            return Failure::not_tls;
        case SSL_R_WRONG_VERSION_NUMBER:
            return established ? Failure::damaged : Failure::not_tls;
        default:
            return reason >= SSL_AD_REASON_OFFSET ? Failure::refused_by_peer : Failure::damaged;
    }
}

}  // namespace

Session::Session(std::shared_ptr<const Context> context, std::string_view host)
    : context_(std::move(context)), host_(host) {
    if (host_.ends_with('.')) host_.pop_back();  // of a name that is complete: no certificate has it (RFC 6066 §3)
    ERR_clear_error();
    ssl_ = SSL_new(context_->get());
    BIO* wire = ssl_ == nullptr ? nullptr : BIO_new(Wire::method());
    if (wire == nullptr) {
        SSL_free(ssl_);
        throw std::bad_alloc();
    }
    BIO_set_data(wire, this);
    BIO_set_init(wire, 1);
    SSL_set_bio(ssl_, wire, wire);
    if (context_->is_server()) {
        SSL_set_accept_state(ssl_);
        return;
    }
    SSL_set_connect_state(ssl_);
    if (!expect_host(ssl_, host_)) {
        SSL_free(ssl_);
        throw std::invalid_argument("tls::Session: a client needs the host of its server, not '" + host_ + "'");
    }
}

Session::~Session() {
    SSL_free(ssl_);
}

void Session::start(Output& output) {
    output_ = &output;
    if (!established_ && !error_ && !context_->is_server()) {
        char nothing = 0;
        static_cast<void>(read({&nothing, 1}));
    }
}

std::size_t Session::read(std::span<char> plain) {
    if (error_ || ended_) {
        drop_input();
        return 0;
    }
    ERR_clear_error();
    if (!established_) {
        const int outcome = SSL_do_handshake(ssl_);
        if (outcome != 1) {
            fail_as_told(outcome);
            return 0;
        }
        established_ = true;
    }
    std::size_t count = 0;
    const int outcome = SSL_read_ex(ssl_, plain.data(), plain.size(), &count);
    if (outcome == 1) return count;
    fail_as_told(outcome);
    return 0;
}

// What a call that did not succeed means: more is needed, the end, or an error.
void Session::fail_as_told(int outcome) {
    const int told = SSL_get_error(ssl_, outcome);
    if (told == SSL_ERROR_WANT_READ) return;
    if (told == SSL_ERROR_ZERO_RETURN && established_) {
        ended_ = true;
    } else if (told == SSL_ERROR_ZERO_RETURN) {
        set_error(Failure::ended_in_handshake, {});
    } else {
        const unsigned long code = ERR_peek_error();
        if (out_of_memory_ || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) throw std::bad_alloc();
        if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
            set_error(Failure::damaged, {});
        } else if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            const long verdict = SSL_get_verify_result(ssl_);
            set_error(failure_of_certificate(verdict), X509_verify_cert_error_string(verdict));
        } else {
            const char* text = ERR_reason_error_string(code);
            Failure failure = failure_of(ERR_GET_REASON(code), established_);
            // Bytes that make no first message are no TLS, whatever OpenSSL takes them for.
            const OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl_);
            const bool is_first = state == TLS_ST_BEFORE || state == TLS_ST_CW_CLNT_HELLO;
            if (failure == Failure::damaged && is_first) failure = Failure::not_tls;
            set_error(failure, text == nullptr ? "" : text);
        }
    }
    drop_input();
    ERR_clear_error();
}

void Session::set_error(Failure failure, std::string_view detail) {
    std::string where = host_.empty() ? "TLS" : "TLS with " + host_;
    if (!detail.empty()) where.append(" (").append(detail).append(")");
    error_ = Error{failure, std::move(where)};
}

void Session::fail(Failure failure) {
    if (!error_) set_error(failure, {});
    drop_input();
}

void Session::receive_eof() {
    if (ended_ || error_) return;
    set_error(established_ ? Failure::truncated : Failure::ended_in_handshake, {});
}

void Session::write(std::string_view plain) {
    assert(established_ && !closed_);
    while (!plain.empty() && !error_) {
        ERR_clear_error();
        const std::string_view piece = plain.substr(0, std::numeric_limits<int>::max());
        std::size_t count = 0;
        const int outcome = SSL_write_ex(ssl_, piece.data(), piece.size(), &count);
        if (outcome != 1) {
            fail_as_told(outcome);
            // The output takes everything, and there is nothing to wait for.
            if (!error_) set_error(Failure::damaged, "it cannot be written");
            return;
        }
        plain.remove_prefix(count);
    }
}

void Session::close() {
    if (!established_ || closed_) return;
    closed_ = true;
    if (error_) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
}

std::string_view Session::version() const noexcept {
    return SSL_get_version(ssl_);
}
std::string_view Session::cipher() const noexcept {
    return SSL_get_cipher_name(ssl_);
}
std::string_view Session::protocol() const noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

}  // namespace stepwise::tls
