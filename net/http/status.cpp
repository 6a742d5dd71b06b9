#include <stepwise/net/http/status.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace stepwise::http {

namespace {

constexpr std::string_view before_code = "HTTP/1.1 ";
constexpr std::string_view before_phrase = "HTTP/1.1 200 ";

constexpr std::string_view lines[] = {
    "HTTP/1.1 100 Continue\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.1 102 Processing\r\n",
    "HTTP/1.1 103 Early Hints\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 201 Created\r\n",
    "HTTP/1.1 202 Accepted\r\n",
    "HTTP/1.1 203 Non-Authoritative Information\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 205 Reset Content\r\n",
    "HTTP/1.1 206 Partial Content\r\n",
    "HTTP/1.1 300 Multiple Choices\r\n",
    "HTTP/1.1 301 Moved Permanently\r\n",
    "HTTP/1.1 302 Found\r\n",
    "HTTP/1.1 303 See Other\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "HTTP/1.1 307 Temporary Redirect\r\n",
    "HTTP/1.1 308 Permanent Redirect\r\n",
    "HTTP/1.1 400 Bad Request\r\n",
    "HTTP/1.1 401 Unauthorized\r\n",
    "HTTP/1.1 402 Payment Required\r\n",
    "HTTP/1.1 403 Forbidden\r\n",
    "HTTP/1.1 404 Not Found\r\n",
    "HTTP/1.1 405 Method Not Allowed\r\n",
    "HTTP/1.1 406 Not Acceptable\r\n",
    "HTTP/1.1 407 Proxy Authentication Required\r\n",
    "HTTP/1.1 408 Request Timeout\r\n",
    "HTTP/1.1 409 Conflict\r\n",
    "HTTP/1.1 410 Gone\r\n",
    "HTTP/1.1 411 Length Required\r\n",
    "HTTP/1.1 412 Precondition Failed\r\n",
    "HTTP/1.1 413 Content Too Large\r\n",
    "HTTP/1.1 414 URI Too Long\r\n",
    "HTTP/1.1 415 Unsupported Media Type\r\n",
    "HTTP/1.1 416 Range Not Satisfiable\r\n",
    "HTTP/1.1 417 Expectation Failed\r\n",
    "HTTP/1.1 418 I'm a teapot\r\n",
    "HTTP/1.1 421 Misdirected Request\r\n",
    "HTTP/1.1 422 Unprocessable Content\r\n",
    "HTTP/1.1 425 Too Early\r\n",
    "HTTP/1.1 426 Upgrade Required\r\n",
    "HTTP/1.1 428 Precondition Required\r\n",
    "HTTP/1.1 429 Too Many Requests\r\n",
    "HTTP/1.1 431 Request Header Fields Too Large\r\n",
    "HTTP/1.1 451 Unavailable For Legal Reasons\r\n",
    "HTTP/1.1 500 Internal Server Error\r\n",
    "HTTP/1.1 501 Not Implemented\r\n",
    "HTTP/1.1 502 Bad Gateway\r\n",
    "HTTP/1.1 503 Service Unavailable\r\n",
    "HTTP/1.1 504 Gateway Timeout\r\n",
    "HTTP/1.1 505 HTTP Version Not Supported\r\n",
    "HTTP/1.1 507 Insufficient Storage\r\n",
    "HTTP/1.1 511 Network Authentication Required\r\n",
};

constexpr int first_status = 100;
constexpr std::size_t status_count = 500;

// For each code the number of its line, counted from 1; 0: none.
constexpr std::array<std::uint8_t, status_count> make_line_numbers() {
    std::array<std::uint8_t, status_count> numbers{};
    std::uint8_t number = 0;
    for (const std::string_view line : lines) {
        int status = 0;
        for (const char digit : line.substr(before_code.size(), 3)) status = status * 10 + (digit - '0');
        numbers[static_cast<std::size_t>(status - first_status)] = ++number;
    }
    return numbers;
}

constexpr std::array<std::uint8_t, status_count> line_numbers = make_line_numbers();

}  // namespace

std::string_view status_line(int status) {
    if (status < first_status || status >= first_status + static_cast<int>(status_count)) return {};
    const std::uint8_t number = line_numbers[static_cast<std::size_t>(status - first_status)];
    return number == 0 ? std::string_view() : lines[number - 1];
}

std::string_view reason_phrase(int status) {
    const std::string_view line = status_line(status);
    if (line.empty()) return {};
    return line.substr(before_phrase.size(), line.size() - before_phrase.size() - 2);
}

}  // namespace stepwise::http
