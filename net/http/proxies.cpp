#include <fmt/format.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/proxies.hpp>

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

std::optional<net::Url> parse(std::string_view proxy) {
    if (proxy.empty()) return std::nullopt;
    std::string text(proxy);
    if (text.find("://") == std::string::npos) text.insert(0, "http://");
    std::string why;
    std::optional<net::Url> url = net::Url::parse(text, why);
    if (!url) throw std::invalid_argument("a proxy cannot be used: " + why);
    if (url->scheme() != "http") {
        throw std::invalid_argument(fmt::format("a proxy cannot be used: {} is not an http URL", url->to_string()));
    }
    return url;
}

}  // namespace

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

std::optional<net::Url> Proxies::proxy_for(const net::Url& url) const {
    const std::optional<net::Url>& proxy = url.is_secure() ? https_ : http_;
    if (!proxy || is_excepted(url)) return std::nullopt;
    return proxy;
}

}  // namespace stepwise::http
