#include <fmt/format.h>
#include <stepwise/net/http/request_writer.hpp>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/net/http/tunnel.hpp>

namespace stepwise::http {

namespace {

constexpr std::size_t proxy_head_bytes_max = 16 * 1024;

}  // namespace

Coro<void> open_tunnel(net::Stream& stream, net::Url proxy, net::Url url, std::string authorization) {
    const bool is_ipv6 = url.host().find(':') != std::string::npos;
    const std::string server =
        is_ipv6 ? fmt::format("[{}]:{}", url.host(), url.port()) : fmt::format("{}:{}", url.host(), url.port());
    std::string out;
    net::StringSink sink(out);
    Headers headers;
    if (!authorization.empty()) headers.add("Proxy-Authorization", authorization);
    write_request_head(sink, {.method = "CONNECT", .target = server, .host = server, .headers = &headers});
    stream.write(out);
    ResponseParser parser;
    parser.expect_response("CONNECT");
    std::optional<std::string> head;
    ResponseEvent event = NeedMore();
    do {  // RFC 9110 §15.2: interim responses may come first
        head = co_await stream.read_until("\r\n\r\n", proxy_head_bytes_max);
        if (!head) throw net::EndOfStreamError("the proxy ended the connection");
        parser.receive_data(*head);
        event = parser.next_event();
    } while (std::holds_alternative<InterimResponse>(event));
    const auto* start = std::get_if<StartOfResponse>(&event);
    if (start != nullptr && start->head->switches_protocol()) co_return;
    const std::string why = start != nullptr ? fmt::format("{} {}", start->head->status(), start->head->reason())
                                             : std::string("no HTTP response");
    throw TunnelRefused(start != nullptr ? start->head->status() : 0,
                        fmt::format("the proxy {} refuses a tunnel: {}", proxy.host_field(), why));
}

}  // namespace stepwise::http
