#include <stepwise/net/tls/error.hpp>

namespace stepwise::tls {

namespace {

const char* sentence_of(Failure failure) noexcept {
    switch (failure) {
        case Failure::certificate_expired:
            return "the certificate has expired";
        case Failure::certificate_not_yet_valid:
            return "the certificate is not valid yet";
        case Failure::certificate_self_signed:
            return "the certificate is signed by itself, and not trusted";
        case Failure::authority_unknown:
            return "no trusted authority vouches for the certificate";
        case Failure::wrong_host:
            return "the certificate is not for this host";
        case Failure::certificate_refused:
            return "the certificate cannot be trusted";
        case Failure::not_tls:
            return "the peer does not speak TLS";
        case Failure::version_too_old:
            return "the peer's versions of TLS are too old: at least 1.2 is needed";
        case Failure::nothing_in_common:
            return "the peer and we have no cipher, signature or protocol in common";
        case Failure::refused_by_peer:
            return "the peer refused the connection";
        case Failure::damaged:
            return "what came was damaged, or forged";
        case Failure::ended_in_handshake:
            return "the peer closed the connection within the handshake";
        case Failure::truncated:
            return "the peer closed the connection without close_notify: what came may lack its end";
        case Failure::timeout:
            return "no handshake within handshake_timeout";
        case Failure::limit_reached:
            return "the peer asks for answers and reads none";
    }
    return "an unknown failure";
}

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "TLS"; }
    std::string message(int code) const override { return sentence_of(static_cast<Failure>(code)); }
};

}  // namespace

const std::error_category& category() noexcept {
    static const Category instance;
    return instance;
}

std::string Error::message() const {
    return where + ": " + sentence_of(failure);
}

void Error::raise() const {
    throw std::system_error(static_cast<int>(failure), category(), where);
}

}  // namespace stepwise::tls
