// Why TLS with a peer failed: a value, whatever the peer sent; thrown only by those whose errors are exceptions anyway,
// as a std::system_error of tls::category().
//
//     tls::Error error{tls::Failure::wrong_host, "TLS with example.com"};
//     log(error.message());
//
// Each failure names one cause that a person can act upon. Copyable; owns all it has; any thread.
#pragma once

#include <string>
#include <system_error>

namespace stepwise::tls {

enum class Failure {
    certificate_expired = 1,
    certificate_not_yet_valid,
    certificate_self_signed,  // and nobody has said that it is trusted
    authority_unknown,        // whoever signed it is not among the trusted
    wrong_host,               // it is somebody else's certificate
    certificate_refused,      // for another reason, which `where` names
    not_tls,                  // what came is no TLS at all: plain HTTP, garbage
    version_too_old,          // the peer has nothing newer than TLS 1.1
    nothing_in_common,        // no cipher, signature or application protocol (RFC 7301 §3.2)
    refused_by_peer,          // an alert, which `where` names: it may not trust our certificate
    damaged,                  // it was TLS, and then bytes that the peer cannot have sent so
    ended_in_handshake,       // the connection was closed before it was secure
    truncated,                // closed without close_notify: what came may lack its end (RFC 8446 §6.1)
    timeout,                  // no handshake in time
    limit_reached             // the peer asks for answers and reads none
};

// One sentence for each of them.
const std::error_category& category() noexcept;

struct Error {
    Failure failure;
    std::string where;  // "TLS with example.com", and what the library says in detail

    // One line: where, and what happened.
    std::string message() const;
    // Throws std::system_error with the code and the message.
    [[noreturn]] void raise() const;
};

}  // namespace stepwise::tls
