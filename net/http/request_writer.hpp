// Makes the bytes of requests (RFC 9112 §3, §6) and puts them into any ByteSink. It alone decides about Connection,
// Content-Length and Transfer-Encoding, so that a request cannot contradict itself, and checks what the caller's texts
// could smuggle in: a CR, LF or space in a method or a target ends here.
//
//     net::StringSink sink(out);
//     http::write_request_head(sink, {.target = "/users/7", .host = "example.com"});
//
// Does no I/O, allocates nothing. The body of a chunked request goes on with `write_chunk` and `write_last_chunk`.
#pragma once

#include <cstdint>
#include <optional>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/http/body_framing.hpp>
#include <stepwise/net/http/headers.hpp>
#include <stepwise/net/http/writer.hpp>
#include <string_view>

namespace stepwise::http {

// A head to be written. It borrows: all of it outlives the call that writes it.
struct OutgoingRequest {
    std::string_view method = "GET";
    std::string_view target = "/";                    // any form that the method may have (RFC 9112 §3.2)
    std::string_view host;                            // the Host field, unless `headers` have one
    const Headers* headers = nullptr;                 // nullptr: none
    std::optional<std::uint64_t> content_length = 0;  // nothing: not known beforehand, so chunked
    bool close_connection = false;                    // this exchange is the last one of its connection
};

namespace detail {
// All checks; throws std::invalid_argument.
std::size_t request_head_bytes_max(const OutgoingRequest& request);
// Writes no more than the bytes above says; returns the end.
char* put_request_head(char* out, const OutgoingRequest& request);
}  // namespace detail

// Throws std::invalid_argument, and writes nothing, for a method that is no token, a target that does not fit it, and a
// host that is none. The result says how the body must follow. A field `Upgrade` is named in Connection too (RFC 9110
// §7.8). A length of 0 is only written for methods that usually have content (§8.6: not GET, HEAD, DELETE …).
template <net::ByteSink Sink>
BodyFraming write_request_head(Sink& sink, const OutgoingRequest& request) {
    char* const begin = sink.prepare(detail::request_head_bytes_max(request));
    char* const end = detail::put_request_head(begin, request);
    sink.commit(static_cast<std::size_t>(end - begin));
    if (!request.content_length) return BodyFraming::chunked;
    return *request.content_length == 0 ? BodyFraming::none : BodyFraming::content_length;
}

// With all of its body; its own content_length does not count.
template <net::ByteSink Sink>
void write_request(Sink& sink, OutgoingRequest request, std::string_view body) {
    request.content_length = body.size();
    const bool joined = body.size() <= detail::joined_body_bytes_max;
    char* const begin = sink.prepare(detail::request_head_bytes_max(request) + (joined ? body.size() : std::size_t{0}));
    char* end = detail::put_request_head(begin, request);
    if (joined) end = detail::put(end, body);
    sink.commit(static_cast<std::size_t>(end - begin));
    if (!joined) net::append(sink, body);
}

}  // namespace stepwise::http
