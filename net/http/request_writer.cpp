#include <stepwise/net/http/request_writer.hpp>

#include <fmt/format.h>
#include <stdexcept>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/put.hpp>
#include <stepwise/net/http/target.hpp>

namespace stepwise::http::detail {

namespace {

const Headers no_headers;

const Headers& headers_of(const OutgoingRequest& request) {
    return request.headers != nullptr ? *request.headers : no_headers;
}

void check_host(std::string_view host) {
    if (!is_valid_host(host)) throw std::invalid_argument("the host of a request is not a valid host and port");
}

void check(const OutgoingRequest& request) {
    if (!is_token(request.method)) throw std::invalid_argument("the method of a request is not a token");
    const bool has_only_visible = is_all_of_class(request.target, character_class::target);
    if (!has_only_visible || !split_target(request.method, request.target)) {
        throw std::invalid_argument(fmt::format("the target of a request is invalid for {}", request.method));
    }
    check_host(request.host);
    int hosts = 0;
    for (const auto& [name, value] : headers_of(request)) {
        if (!equal_ignoring_case(name, "host")) continue;
        check_host(value);
        if (++hosts > 1) throw std::invalid_argument("a request has more than one Host field");
    }
}

bool usually_has_content(std::string_view method) {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

std::size_t request_head_bytes_max(const OutgoingRequest& request) {
    check(request);
    // " HTTP/1.1" and the ends of lines, Host, Content-Length or Transfer-Encoding, Connection: 13, 8, 38, 28.
    constexpr std::size_t fixed_bytes_max = 96;
    return fixed_bytes_max + request.method.size() + request.target.size() + request.host.size() +
           headers_of(request).written_bytes();
}

char* put_request_head(char* out, const OutgoingRequest& request) {
    const Headers& headers = headers_of(request);
    out = put(out, request.method);
    out = put(out, " ");
    out = put(out, request.target);
    out = put(out, " HTTP/1.1\r\n");
    // First, as RFC 9110 §7.2 asks for.
    if (!headers.contains("host")) out = put_field(out, "Host", request.host);
    bool has_upgrade = false;
    for (const auto& [name, value] : headers) {
        has_upgrade = has_upgrade || equal_ignoring_case(name, "upgrade");
        out = put_field(out, name, value);
    }
    if (!request.content_length) {
        out = put_field(out, "Transfer-Encoding", "chunked");
    } else if (*request.content_length > 0 || usually_has_content(request.method)) {
        out = put(out, "Content-Length: ");
        out = put_number(out, *request.content_length);
        out = put(out, "\r\n");
    }
    if (has_upgrade) {
        out = put_field(out, "Connection", request.close_connection ? "Upgrade, close" : "Upgrade");
    } else if (request.close_connection) {
        out = put_field(out, "Connection", "close");
    }
    return put(out, "\r\n");
}

}  // namespace stepwise::http::detail
