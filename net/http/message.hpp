// What a handler gets and what it gives: Request and Response.
//
//     std::string name = request.argument("name").value_or("you");
//     return http::Response::text("Hello, " + name + "!\n");
//
// A Request borrows: its texts view the parser's head and the receive buffer, and are as short-lived. `own()` copies
// every byte that it views into its own block, so that a handler which suspends may keep it. The server reuses one
// object for request after request, borrowed or owned, without allocating once its memory has grown.
// A Response owns everything, and cannot be made to say two things about its framing (see Headers).
#pragma once

#include <optional>
#include <stepwise/net/http/headers.hpp>
#include <stepwise/net/http/request_head.hpp>
#include <stepwise/net/protocol_error.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http {

class Request {
public:
    Request() = default;
    Request(Request&& other) noexcept { swap(other); }
    Request& operator=(Request&& other) noexcept;

    std::string_view method() const { return head_.method(); }
    std::string_view target() const { return head_.target(); }  // as it came
    std::string_view path() const;                              // decoded
    std::string_view raw_path() const { return head_.path(); }  // as it came: what a router should cut at slashes
    std::string_view query() const { return head_.query(); }    // as it came
    std::string_view host() const { return head_.host(); }
    const HeaderFields& headers() const { return head_.headers(); }
    const RequestHead& head() const { return head_; }
    std::string_view body() const { return body_; }
    std::string_view remote_ip() const { return remote_ip_; }
    // "https" or "http": how the client reached us, or the outermost of the proxies that are trusted.
    std::string_view scheme() const { return is_secure_ ? "https" : "http"; }

    // The decoded value of the first query argument of that name.
    std::optional<std::string> argument(std::string_view name) const { return query_value(query(), name); }
    // What stood at {name} in the route's path.
    std::optional<std::string_view> path_parameter(std::string_view name) const;

    // From here on: for whoever serves the request. All of these borrow, except for `append_body`.
    void assign(const RequestHead& head);  // forgets the request before
    void set_body(std::string_view bytes);
    void append_body(std::string_view bytes);
    void set_remote_ip(std::string_view ip);
    void set_secure(bool secure) { is_secure_ = secure; }
    void add_path_parameter(std::string_view name, std::string_view value);
    void clear_path_parameters() { path_parameters_.clear(); }

    void own();
    bool is_owned() const { return is_owned_; }
    // Empty again, with its memory (up to a bound for each part) kept for the next request.
    void clear();
    void swap(Request& other) noexcept;

private:
    struct PathParameter {
        std::string_view name;
        std::string_view value;
    };

    void forget_texts();
    std::string_view keep(std::string_view bytes);

    RequestHead head_;
    std::string_view body_;
    std::string_view remote_ip_;
    std::vector<PathParameter> path_parameters_;
    // Vectors, not strings: moving them leaves views into them good.
    std::vector<char> decoded_path_;  // empty while the path needs no decoding
    std::vector<char> body_pieces_;   // what append_body copied
    std::vector<char> block_;         // what own copied
    bool is_secure_ = false;
    bool is_owned_ = true;  // nothing viewed is somebody else's
};

// A text that is certain to live forever, as it was known to the compiler.
class LiteralText {
public:
    LiteralText() = default;
    template <std::size_t Size>
    consteval LiteralText(const char (&text)[Size]) : text_(text, Size - 1) {}
    operator std::string_view() const { return text_; }
    bool empty() const { return text_.empty(); }

private:
    std::string_view text_;
};

struct Response {
    int status = 200;
    Headers headers;
    std::string body;
    // Unless `headers` have a Content-Type, which goes first. Empty: none is sent.
    LiteralText content_type;
    // This exchange is the last one of its connection.
    bool close_connection = false;
    // For functions behind a handler (see Middleware), of the head of a response that is written piece by piece: its
    // pieces may be compressed; they will be.
    bool may_compress_stream = false;
    bool compress_stream = false;

    Response() = default;
    explicit Response(int code) : status(code) {}
    Response(int code, std::string content, LiteralText type);

    static Response text(std::string content) { return {200, std::move(content), "text/plain; charset=utf-8"}; }
    static Response html(std::string content) { return {200, std::move(content), "text/html; charset=utf-8"}; }
    static Response json(std::string content) { return {200, std::move(content), "application/json"}; }
    // A line of plain text; without a message the status' own phrase.
    static Response error(int code, std::string_view message = {});
    // What a peer is told about its mistake; the connection closes, as nothing that follows can be trusted.
    static Response error(const net::ProtocolError& mistake);
};

}  // namespace stepwise::http
