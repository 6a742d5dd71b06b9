#include <stepwise/net/http/base64url.hpp>
#include <stepwise/net/http/signed_cookies.hpp>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <utility>

namespace stepwise::http {

namespace {

// What is signed says how long the name is, so that none of it can be read as part of something else.
std::string signature(const std::string& key, std::string_view name, std::string_view signed_part) {
    const std::string text = fmt::format("{}:{}:{}", name.size(), name, signed_part);
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned int size = 0;
    if (::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(text.data()), text.size(),
               reinterpret_cast<unsigned char*>(digest.data()), &size) == nullptr) {
        throw std::bad_alloc();
    }
    digest.resize(size);
    return digest;
}

std::string_view take_part(std::string_view& text) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
    return part;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
    return number;
}

constexpr std::string_view version = "1";

}  // namespace

CookieSigner::CookieSigner(std::vector<std::string> keys) : keys_(std::move(keys)) {
    if (keys_.empty()) throw std::invalid_argument("CookieSigner needs a key");
    if (std::any_of(keys_.begin(), keys_.end(), [](const auto& key) { return key.size() < key_bytes_min; })) {
        throw std::invalid_argument(fmt::format("a key of CookieSigner has at least {} bytes", key_bytes_min));
    }
}

std::string CookieSigner::sign(std::string_view name, std::string_view value, Time now) const {
    std::string text = fmt::format("{}.{}.{}", version, now.time_since_epoch().count(), to_base64url(value));
    const std::string digest = signature(keys_.front(), name, text);
    text += '.';
    text += to_base64url(digest);
    return text;
}

std::optional<std::string> CookieSigner::verify(std::string_view name, std::string_view text,
                                                std::chrono::seconds age_max, Time now) const {
    const std::size_t last_dot = text.rfind('.');
    if (last_dot == std::string_view::npos) return std::nullopt;
    std::string_view signed_part = text.substr(0, last_dot);
    const std::optional<std::string> given = from_base64url(text.substr(last_dot + 1));
    if (!given) return std::nullopt;
    const bool is_ours = std::any_of(keys_.begin(), keys_.end(), [&](const std::string& key) {
        const std::string wanted = signature(key, name, signed_part);
        return given->size() == wanted.size() && ::CRYPTO_memcmp(given->data(), wanted.data(), wanted.size()) == 0;
    });
    if (!is_ours || take_part(signed_part) != version) return std::nullopt;
    const std::optional<std::int64_t> seconds = whole_number(take_part(signed_part));
    if (!seconds) return std::nullopt;
    const std::chrono::seconds age = now.time_since_epoch() - std::chrono::seconds(*seconds);
    if (age > age_max || age < -clock_difference_max) return std::nullopt;
    return from_base64url(signed_part);
}

}  // namespace stepwise::http
