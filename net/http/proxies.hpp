// Proxies: through whom a client goes to which server, as the environment of the program says it.
//
//     http::Proxies proxies = http::Proxies::from_environment();
//     std::optional<net::Url> proxy = proxies.proxy_for(url);
//
// http_proxy (in small letters only: HTTP_PROXY is what a CGI server makes of a request's field "Proxy"), https_proxy
// or HTTPS_PROXY, all_proxy or ALL_PROXY, and no_proxy or NO_PROXY: names of hosts and of domains, with or without a
// dot before them or a port behind them, "*" for all. A value. The proxy's own URL is http; who it asks for comes of
// it: http://user:password@proxy.example:3128.
#pragma once

#include <optional>
#include <stepwise/net/url.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

class Proxies {
public:
    // None at all.
    Proxies() = default;
    // Reads the environment once. Throws std::invalid_argument naming a variable that is no http URL. Not while another
    // thread changes the environment.
    static Proxies from_environment();

    // Each one a URL, perhaps with "user:password@" before its host, "host:port", or empty for none. Throws
    // std::invalid_argument for what is neither.
    Proxies& for_http(std::string_view proxy);
    Proxies& for_https(std::string_view proxy);
    // Separated by commas or spaces.
    Proxies& but_not_for(std::string_view hosts);

    // Nothing: straight to the server.
    std::optional<net::Url> proxy_for(const net::Url& url) const;
    // What that proxy is told in Proxy-Authorization: "Basic dXNlcjpwYXNz" (RFC 7617); empty: nothing.
    std::string_view authorization_for(const net::Url& url) const;

private:
    struct Proxy {
        net::Url url;
        std::string authorization;
    };

    static std::optional<Proxy> parse(std::string_view proxy);
    const Proxy* find(const net::Url& url) const;
    bool is_excepted(const net::Url& url) const;

    std::optional<Proxy> http_;
    std::optional<Proxy> https_;
    std::vector<std::string> excepted_;
};

}  // namespace stepwise::http
