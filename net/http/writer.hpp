// Makes the bytes of responses (RFC 9112 §4, §6) and puts them into any ByteSink: a stream's cork in a server, a string
// in a test. It alone decides about Connection, Content-Length, Transfer-Encoding and Date, so that a response cannot
// contradict itself; `Headers` refuses those names.
//
//     net::StringSink sink(out);
//     http::write_response(sink, response, http::WriteOptions());
//
// Does no I/O, has no clock (the date is given), allocates nothing.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/http/body_framing.hpp>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/put.hpp>
#include <string_view>

namespace stepwise::http {

struct WriteOptions {
    bool head_request = false;  // a response to HEAD: the same head, no body
    bool keep_alive = true;     // of the request, and of the server's own mind
    bool http_1_0 = false;      // the request's version
    std::string_view date;      // from format_http_date; empty: none, for a server without a clock
};

// A head on its own, for a body that is sent piece by piece.
struct OutgoingHead {
    int status;
    const Headers* headers;
    std::string_view content_type;
    std::optional<std::uint64_t> content_length;  // nothing: not known beforehand
    bool close_connection = false;

    explicit OutgoingHead(const Response& response)
        : status(response.status),
          headers(&response.headers),
          content_type(response.content_type),
          content_length(response.body.size()),
          close_connection(response.close_connection) {}
};

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7): 29 bytes, no NUL behind them.
void format_http_date(std::time_t time, char (&out)[29]);

namespace detail {
BodyFraming choose_framing(const OutgoingHead& head, const WriteOptions& options);
std::size_t response_head_bytes_max(const OutgoingHead& head, const WriteOptions& options);
// Writes no more than the bytes above says; returns the end.
char* put_response_head(char* out, const OutgoingHead& head, const WriteOptions& options, BodyFraming framing);
std::size_t switching_protocols_bytes_max(std::string_view protocol, const Headers& headers);
char* put_switching_protocols(char* out, std::string_view protocol, const Headers& headers);
char* put_chunk_size(char* out, std::uint64_t size);

inline constexpr std::size_t joined_body_bytes_max = 16 * 1024;
inline constexpr std::size_t chunk_size_bytes_max = 16 + 2;
}  // namespace detail

// A status outside 200 … 599 is the caller's mistake and throws std::invalid_argument: others end no exchange.
// The result says how the body must follow: not at all, exactly that many bytes, with write_chunk and write_last_chunk,
// or as it is, and its end is the connection's.
template <net::ByteSink Sink>
BodyFraming write_response_head(Sink& sink, const OutgoingHead& head, const WriteOptions& options) {
    const BodyFraming framing = detail::choose_framing(head, options);
    char* const begin = sink.prepare(detail::response_head_bytes_max(head, options));
    char* const end = detail::put_response_head(begin, head, options, framing);
    sink.commit(static_cast<std::size_t>(end - begin));
    return framing;
}

template <net::ByteSink Sink>
void write_response(Sink& sink, const Response& response, const WriteOptions& options) {
    const OutgoingHead head(response);
    const BodyFraming framing = detail::choose_framing(head, options);
    const std::string_view body = framing == BodyFraming::none ? std::string_view() : response.body;
    const bool joined = body.size() <= detail::joined_body_bytes_max;
    char* const begin =
        sink.prepare(detail::response_head_bytes_max(head, options) + (joined ? body.size() : std::size_t{0}));
    char* end = detail::put_response_head(begin, head, options, framing);
    if (joined) end = detail::put(end, body);
    sink.commit(static_cast<std::size_t>(end - begin));
    if (!joined) net::append(sink, body);
}

// Nothing for an empty piece, as an empty chunk would end the body.
template <net::ByteSink Sink>
void write_chunk(Sink& sink, std::string_view bytes) {
    if (bytes.empty()) return;
    char* const begin = sink.prepare(detail::chunk_size_bytes_max + bytes.size() + 2);
    char* end = detail::put_chunk_size(begin, bytes.size());
    end = detail::put(end, bytes);
    end = detail::put(end, "\r\n");
    sink.commit(static_cast<std::size_t>(end - begin));
}

template <net::ByteSink Sink>
void write_last_chunk(Sink& sink) {
    net::append(sink, "0\r\n\r\n");
}

// The same with fields behind the body (RFC 9112 §7.1.2): see may_be_trailer.
template <net::ByteSink Sink>
void write_last_chunk(Sink& sink, const Headers& trailers) {
    char* const begin = sink.prepare(trailers.written_bytes() + 5);
    char* end = detail::put(begin, "0\r\n");
    for (const auto& [name, value] : trailers) end = detail::put_field(end, name, value);
    end = detail::put(end, "\r\n");
    sink.commit(static_cast<std::size_t>(end - begin));
}

// For a request whose `expect_continue()` is true, before its body is read (RFC 9110 §15.2.1).
template <net::ByteSink Sink>
void write_continue(Sink& sink) {
    net::append(sink, "HTTP/1.1 100 Continue\r\n\r\n");
}

// The last words of HTTP on this connection (RFC 9110 §7.8): "websocket" and the fields of its handshake.
template <net::ByteSink Sink>
void write_switching_protocols(Sink& sink, std::string_view protocol, const Headers& headers) {
    char* const begin = sink.prepare(detail::switching_protocols_bytes_max(protocol, headers));
    char* const end = detail::put_switching_protocols(begin, protocol, headers);
    sink.commit(static_cast<std::size_t>(end - begin));
}

}  // namespace stepwise::http
