#include <fmt/format.h>
#include <stepwise/net/http/base64url.hpp>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/proxies.hpp>
#include <stepwise/net/http/target.hpp>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace stepwise::http {

namespace {

std::string_view variable(const char* name, const char* other = nullptr) {
    const char* value = std::getenv(name);
    if (value == nullptr && other != nullptr) value = std::getenv(other);
    return value == nullptr ? std::string_view() : value;
}

// RFC 4648 §4.
std::string to_base64(std::string_view bytes) {
    std::string text = to_base64url(bytes);
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    text.resize((text.size() + 3) / 4 * 4, '=');
    return text;
}

// Takes "user:password@" out of the text, so that no message and no log has it.
std::string take_authorization(std::string& text) {
    const std::size_t begin = text.find("://") + 3;
    const std::size_t end = std::min(text.find_first_of("/?#", begin), text.size());
    if (text.find('@', end) != std::string::npos) {
        throw std::invalid_argument(
            "a proxy cannot be used: '/', '?' and '#' in its user or password are to be written as %2F, %3F and %23");
    }
    const std::size_t at = text.rfind('@', end);
    if (at == std::string::npos || at < begin) return {};
    const std::string user = text.substr(begin, at - begin);
    text.erase(begin, at + 1 - begin);
    std::optional<std::string> decoded = percent_decode(user);
    if (!decoded) throw std::invalid_argument("a proxy cannot be used: its user or password has a bad escape");
    if (decoded->find(':') == std::string::npos) *decoded += ':';
    return "Basic " + to_base64(*decoded);
}

}  // namespace

std::optional<Proxies::Proxy> Proxies::parse(std::string_view proxy) {
    if (proxy.empty()) return std::nullopt;
    std::string text(proxy);
    if (text.find("://") == std::string::npos) text.insert(0, "http://");
    std::string authorization = take_authorization(text);
    std::string why;
    std::optional<net::Url> url = net::Url::parse(text, why);
    if (!url) throw std::invalid_argument("a proxy cannot be used: " + why);
    if (url->scheme() != "http") {
        throw std::invalid_argument(fmt::format("a proxy cannot be used: {} is not an http URL", url->to_string()));
    }
    return Proxy{std::move(*url), std::move(authorization)};
}

Proxies Proxies::from_environment() {
    Proxies proxies;
    const std::string_view all = variable("all_proxy", "ALL_PROXY");
    const std::string_view http = variable("http_proxy");
    const std::string_view https = variable("https_proxy", "HTTPS_PROXY");
    proxies.for_http(http.empty() ? all : http);
    proxies.for_https(https.empty() ? all : https);
    proxies.but_not_for(variable("no_proxy", "NO_PROXY"));
    return proxies;
}

Proxies& Proxies::for_http(std::string_view proxy) {
    http_ = parse(proxy);
    return *this;
}

Proxies& Proxies::for_https(std::string_view proxy) {
    https_ = parse(proxy);
    return *this;
}

Proxies& Proxies::but_not_for(std::string_view hosts) {
    while (!hosts.empty()) {
        const std::size_t end = std::min(hosts.find_first_of(", \t"), hosts.size());
        std::string host(hosts.substr(0, end));
        hosts.remove_prefix(std::min(end + 1, hosts.size()));
        std::transform(host.begin(), host.end(), host.begin(), to_lower);
        if (host.starts_with("*.")) host.erase(0, 1);
        if (host.starts_with('.') && host.size() > 1) host.erase(0, 1);
        if (!host.empty()) excepted_.push_back(std::move(host));
    }
    return *this;
}

bool Proxies::is_excepted(const net::Url& url) const {
    const std::string with_port = fmt::format("{}:{}", url.host(), url.port());
    for (const std::string& name : excepted_) {
        if (name == "*" || name == url.host() || name == with_port || name == url.host_field()) return true;
        if (url.host().size() > name.size() && url.host().ends_with(name) &&
            url.host()[url.host().size() - name.size() - 1] == '.') {
            return true;
        }
    }
    return false;
}

const Proxies::Proxy* Proxies::find(const net::Url& url) const {
    const std::optional<Proxy>& proxy = url.is_secure() ? https_ : http_;
    return !proxy || is_excepted(url) ? nullptr : &*proxy;
}

std::optional<net::Url> Proxies::proxy_for(const net::Url& url) const {
    const Proxy* const proxy = find(url);
    return proxy == nullptr ? std::nullopt : std::optional(proxy->url);
}

std::string_view Proxies::authorization_for(const net::Url& url) const {
    const Proxy* const proxy = find(url);
    return proxy == nullptr ? std::string_view() : proxy->authorization;
}

}  // namespace stepwise::http
