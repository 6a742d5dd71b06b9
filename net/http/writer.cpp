#include <stepwise/net/http/writer.hpp>

#include <fmt/format.h>
#include <cassert>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/status.hpp>

namespace stepwise::http {

namespace {

using detail::put;
using detail::put_field;
using detail::put_number;

constexpr std::size_t date_bytes = 29;

char* put_two_digits(char* out, int number) {
    out[0] = static_cast<char>('0' + number / 10 % 10);
    out[1] = static_cast<char>('0' + number % 10);
    return out + 2;
}

char* put_status_line(char* out, int status) {
    if (status == 200) return put(out, "HTTP/1.1 200 OK\r\n");  // of a known length: no call
    const std::string_view line = status_line(status);
    if (!line.empty()) return put(out, line);
    out = put(out, "HTTP/1.1 ");
    out = put_number(out, static_cast<std::uint64_t>(status));
    return put(out, " \r\n");  // the space stands even if no phrase does (RFC 9112 §4)
}

// Of one length, as choose_framing has seen to: no call is needed to copy it.
char* put_date(char* out, std::string_view date) {
    std::memcpy(out, "Date: ", 6);
    std::memcpy(out + 6, date.data(), date_bytes);
    std::memcpy(out + 6 + date_bytes, "\r\n", 2);
    return out + 6 + date_bytes + 2;
}

// A sender of Upgrade, as in a 426, must name it in Connection too (RFC 9110 §7.8).
std::string_view connection_value(bool upgrade, bool close, bool keep_alive_for_1_0) {
    if (upgrade) return close ? "Upgrade, close" : keep_alive_for_1_0 ? "Upgrade, keep-alive" : "Upgrade";
    if (close) return "close";
    return keep_alive_for_1_0 ? "keep-alive" : "";
}

char* put_length(char* out, const OutgoingHead& head, const WriteOptions& options) {
    if (!head.content_length) return options.http_1_0 ? out : put_field(out, "Transfer-Encoding", "chunked");
    out = put(out, "Content-Length: ");
    out = put_number(out, *head.content_length);
    return put(out, "\r\n");
}

}  // namespace

namespace detail {

BodyFraming choose_framing(const OutgoingHead& head, const WriteOptions& options) {
    if (head.status < 200 || head.status > 599) {
        throw std::invalid_argument(fmt::format("{} is not the status of a final response", head.status));
    }
    if (!options.date.empty() && options.date.size() != date_bytes) {
        throw std::invalid_argument(fmt::format("\"{}\" is no date of HTTP (RFC 9110 §5.6.7)", options.date));
    }
    const bool bodiless = head.status == 204 || head.status == 205 || head.status == 304;
    if (options.head_request || bodiless) return BodyFraming::none;
    if (head.content_length) return BodyFraming::content_length;
    return options.http_1_0 ? BodyFraming::until_close : BodyFraming::chunked;
}

std::size_t response_head_bytes_max(const OutgoingHead& head, const WriteOptions& options) {
    // The longest status line has 47 bytes, Content-Length or Transfer-Encoding 38, Connection 33.
    constexpr std::size_t fixed_bytes_max = 128 + 8 + 18 + 2;
    return fixed_bytes_max + options.date.size() + head.content_type.size() + head.headers->written_bytes();
}

char* put_response_head(char* out, const OutgoingHead& head, const WriteOptions& options, BodyFraming framing) {
    assert(options.date.empty() || options.date.size() == date_bytes);
    out = put_status_line(out, head.status);
    if (!options.date.empty()) out = put_date(out, options.date);

    bool has_content_type = head.content_type.empty();
    bool has_upgrade = false;
    for (const auto& [name, value] : *head.headers) {
        has_content_type = has_content_type || equal_ignoring_case(name, "content-type");
        has_upgrade = has_upgrade || equal_ignoring_case(name, "upgrade");
        out = put_field(out, name, value);
    }
    if (!has_content_type) out = put_field(out, "Content-Type", head.content_type);

    const bool close = !options.keep_alive || head.close_connection || framing == BodyFraming::until_close;
    const std::string_view connection = connection_value(has_upgrade, close, options.http_1_0 && !close);
    if (!connection.empty()) out = put_field(out, "Connection", connection);

    // None with 204, which forbids it, nor with 304, which would have to say the length of a 200 (RFC 9110 §8.6).
    if (head.status == 205) {
        out = put_field(out, "Content-Length", "0");  // §15.3.6
    } else if (head.status != 204 && head.status != 304) {
        out = put_length(out, head, options);
    }
    return put(out, "\r\n");
}

std::size_t switching_protocols_bytes_max(std::string_view protocol, const Headers& headers) {
    if (protocol.empty() || !is_all_of_class(protocol, character_class::value)) {
        throw std::invalid_argument("the name of the protocol to switch to is not a field value");
    }
    return 96 + protocol.size() + headers.written_bytes();
}

char* put_switching_protocols(char* out, std::string_view protocol, const Headers& headers) {
    out = put(out, status_line(101));
    out = put_field(out, "Upgrade", protocol);
    out = put_field(out, "Connection", "Upgrade");
    for (const auto& [name, value] : headers) {
        if (!equal_ignoring_case(name, "upgrade")) out = put_field(out, name, value);
    }
    return put(out, "\r\n");
}

char* put_chunk_size(char* out, std::uint64_t size) {
    out = std::to_chars(out, out + chunk_size_bytes_max - 2, size, 16).ptr;
    return put(out, "\r\n");
}

}  // namespace detail

void format_http_date(std::time_t time, char (&out)[29]) {
    static constexpr char days[] = "SunMonTueWedThuFriSat";
    static constexpr char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::tm utc{};
    gmtime_r(&time, &utc);
    char* end = put(out, {days + 3 * utc.tm_wday, 3});
    end = put(end, ", ");
    end = put_two_digits(end, utc.tm_mday);
    end = put(end, " ");
    end = put(end, {months + 3 * utc.tm_mon, 3});
    end = put(end, " ");
    end = put_two_digits(end, (utc.tm_year + 1900) / 100);
    end = put_two_digits(end, utc.tm_year + 1900);
    end = put(end, " ");
    end = put_two_digits(end, utc.tm_hour);
    end = put(end, ":");
    end = put_two_digits(end, utc.tm_min);
    end = put(end, ":");
    end = put_two_digits(end, utc.tm_sec);
    put(end, " GMT");
}

}  // namespace stepwise::http
