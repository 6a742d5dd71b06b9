#include <stepwise/net/http/xsrf.hpp>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <stepwise/net/http/arguments.hpp>
#include <stepwise/net/http/base64url.hpp>
#include <stepwise/net/http/cookies.hpp>

#include <cstring>
#include <span>

namespace stepwise::http {

namespace {

std::string random_bytes(Entropy& entropy) {
    std::string bytes(Xsrf::secret_bytes, '\0');
    entropy.fill(std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
    return bytes;
}

std::string exclusive_or(std::string_view one, std::string_view other) {
    std::string bytes(one);
    for (std::size_t index = 0; index < bytes.size(); ++index)
        bytes[index] = static_cast<char>(one[index] ^ other[index]);
    return bytes;
}

std::optional<std::string> secret_of_cookie(const Request& request) {
    const std::optional<std::string_view> text = find_cookie(request.headers(), Xsrf::cookie_name);
    std::optional<std::string> secret = text ? from_base64url(*text) : std::nullopt;
    return secret && secret->size() == Xsrf::secret_bytes ? secret : std::nullopt;
}

// A mask, and the secret under it.
std::optional<std::string> secret_of_token(std::string_view token) {
    const std::optional<std::string> bytes = from_base64url(token);
    if (!bytes || bytes->size() != 2 * Xsrf::secret_bytes) return std::nullopt;
    const std::string_view both = *bytes;
    return exclusive_or(both.substr(0, Xsrf::secret_bytes), both.substr(Xsrf::secret_bytes));
}

}  // namespace

std::string Xsrf::token(const Request& request, Response& response) {
    std::optional<std::string> secret = secret_of_cookie(request);
    if (!secret) {
        secret = random_bytes(entropy_);
        Cookie cookie(cookie_name, to_base64url(*secret));
        if (secure_) cookie.secure();
        set_cookie(response.headers, cookie);
    }
    const std::string mask = random_bytes(entropy_);
    return to_base64url(mask + exclusive_or(mask, *secret));
}

std::string Xsrf::form_field(const Request& request, Response& response) {
    return fmt::format(R"(<input type="hidden" name="{}" value="{}">)", argument_name, token(request, response));
}

std::optional<Response> Xsrf::check(const Request& request) const {
    const std::string_view method = request.method();
    if (method == "GET" || method == "HEAD" || method == "OPTIONS") return std::nullopt;
    const std::optional<std::string> expected = secret_of_cookie(request);
    if (!expected) return Response::error(403, "the _xsrf cookie is missing");
    std::optional<std::string> text = find_argument(request, argument_name);
    if (!text) text = std::string(request.headers().get(header_name));
    const std::optional<std::string> given = secret_of_token(*text);
    if (given && CRYPTO_memcmp(given->data(), expected->data(), secret_bytes) == 0) return std::nullopt;
    return Response::error(403, "the _xsrf token is missing, or not that of the cookie");
}

}  // namespace stepwise::http
