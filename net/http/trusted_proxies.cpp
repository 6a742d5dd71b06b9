#include <arpa/inet.h>
#include <fmt/format.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/trusted_proxies.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace stepwise::http {

namespace {

constexpr unsigned mapped_prefix_bits = 96;

// Some proxies add the port: "192.0.2.1:8080", "[2001:db8::1]:8080".
std::string_view without_port(std::string_view element) {
    if (element.starts_with('[')) return element.substr(1, std::min(element.find(']'), element.size()) - 1);
    const std::size_t colon = element.find(':');
    const bool is_v4_with_port = colon != std::string_view::npos && element.find('.') < colon;
    return is_v4_with_port ? element.substr(0, colon) : element;
}

}  // namespace

bool TrustedProxies::parse(std::string_view ip, Bytes& bytes) {
    char text[INET6_ADDRSTRLEN];
    if (ip.size() >= sizeof text) return false;
    std::memcpy(text, ip.data(), ip.size());
    text[ip.size()] = '\0';
    if (inet_pton(AF_INET6, text, bytes.data()) == 1) return true;
    bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
    return inet_pton(AF_INET, text, bytes.data() + 12) == 1;
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks) {
    for (const std::string& text : networks) {
        const std::string_view whole = text;
        const std::string_view address = whole.substr(0, whole.find('/'));
        const unsigned bits_max = address.find(':') == std::string_view::npos ? 32 : 128;
        Network network{{}, bits_max};
        bool is_valid = parse(address, network.bytes);
        if (address.size() < whole.size()) {
            const char* begin = whole.data() + address.size() + 1;
            const char* end = whole.data() + whole.size();
            const std::from_chars_result result = std::from_chars(begin, end, network.bits);
            is_valid = is_valid && result.ec == std::errc() && result.ptr == end && network.bits <= bits_max;
        }
        if (!is_valid) throw std::invalid_argument(fmt::format("'{}' is no IP address or network", text));
        if (bits_max == 32) network.bits += mapped_prefix_bits;
        networks_.push_back(network);
    }
}

bool TrustedProxies::trusts(std::string_view ip) const {
    Bytes bytes{};
    if (!parse(ip, bytes)) return false;
    return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
        for (unsigned bit = 0; bit < network.bits; ++bit) {
            const unsigned mask = 0x80U >> bit % 8;
            if ((bytes[bit / 8] & mask) != (network.bytes[bit / 8] & mask)) return false;
        }
        return true;
    });
}

std::string_view TrustedProxies::client_of(const Request& request, std::string_view peer) const {
    std::string_view client = peer;
    if (!trusts(client)) return client;
    const HeaderFields& headers = request.headers();
    for (std::size_t index = headers.size(); index > 0; --index) {
        const HeaderField field = headers[index - 1];
        if (!equal_ignoring_case(field.name, "x-forwarded-for")) continue;
        std::string_view rest = field.value;
        for (bool more = true; more;) {
            const std::size_t comma = rest.rfind(',');
            more = comma != std::string_view::npos;
            const std::string_view ip = without_port(trim_space(more ? rest.substr(comma + 1) : rest));
            Bytes bytes{};
            if (!parse(ip, bytes)) return client;  // nobody's word: the last that was said by one of ours
            client = ip;
            if (!trusts(client)) return client;
            if (more) rest = rest.substr(0, comma);
        }
    }
    return client;
}

bool TrustedProxies::is_secure(const Request& request, std::string_view peer, bool peer_is_secure) const {
    const HeaderFields& headers = request.headers();
    if (headers.count("X-Forwarded-Proto") != 1 || !trusts(peer)) return peer_is_secure;
    const std::string_view scheme = headers.get("X-Forwarded-Proto");
    if (equal_ignoring_case(scheme, "https")) return true;
    return !equal_ignoring_case(scheme, "http") && peer_is_secure;
}

}  // namespace stepwise::http
