#include <stepwise/net/http/conditional.hpp>

#include <openssl/sha.h>
#include <array>
#include <charconv>
#include <stepwise/net/http/base64url.hpp>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/ranges.hpp>

namespace stepwise::http {

namespace {

bool is_weak(std::string_view tag) {
    return tag.starts_with("W/");
}
std::string_view opaque(std::string_view tag) {
    return is_weak(tag) ? tag.substr(2) : tag;
}

// Takes an entity-tag off the front of a list (RFC 9110 §8.8.3); nothing where none stands. Commas may stand within.
std::optional<std::string_view> take_tag(std::string_view& list) {
    while (!list.empty() && (is_space(list.front()) || list.front() == ',')) list.remove_prefix(1);
    const std::size_t quote = is_weak(list) ? 2 : 0;
    if (list.size() <= quote || list[quote] != '"') return std::nullopt;
    const std::size_t end = list.find('"', quote + 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view tag = list.substr(0, end + 1);
    list.remove_prefix(end + 1);
    return tag;
}

enum class Comparison : std::uint8_t { strong, weak };

bool matches_one(std::string_view list, std::string_view etag, Comparison comparison) {
    if (trim_space(list) == "*") return true;
    while (const std::optional<std::string_view> tag = take_tag(list)) {
        if (comparison == Comparison::strong && (is_weak(*tag) || is_weak(etag))) continue;
        if (!etag.empty() && opaque(*tag) == opaque(etag)) return true;
    }
    return false;
}

// In any of the fields of that name.
bool matches(const HeaderFields& headers, std::string_view name, std::string_view etag, Comparison comparison) {
    for (const HeaderField field : headers) {
        if (equal_ignoring_case(field.name, name) && matches_one(field.value, etag, comparison)) return true;
    }
    return false;
}

std::optional<std::time_t> date_of(const Request& request, std::string_view name) {
    const std::optional<std::string_view> text = request.headers().find(name);
    return text ? parse_http_date(*text) : std::nullopt;
}

bool is_get_or_head(const Request& request) {
    return request.method() == "GET" || request.method() == "HEAD";
}

// ---- dates

constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

// Takes digits off the front: exactly so many.
std::optional<int> take_number(std::string_view& rest, std::size_t digits) {
    int number = 0;
    if (rest.size() < digits) return std::nullopt;
    for (const char c : rest.substr(0, digits)) {
        if (!is_digit(c)) return std::nullopt;
        number = number * 10 + (c - '0');
    }
    rest.remove_prefix(digits);
    return number;
}

bool take_text(std::string_view& rest, std::string_view text) {
    if (!rest.starts_with(text)) return false;
    rest.remove_prefix(text.size());
    return true;
}

bool take_month(std::string_view& rest, std::tm& time) {
    const std::size_t at = months.find(rest.substr(0, 3));
    if (rest.size() < 3 || at == std::string_view::npos || at % 3 != 0) return false;
    time.tm_mon = static_cast<int>(at / 3);
    rest.remove_prefix(3);
    return true;
}

bool take_time(std::string_view& rest, std::tm& time) {
    const std::optional<int> hours = take_number(rest, 2);
    if (!hours || !take_text(rest, ":")) return false;
    const std::optional<int> minutes = take_number(rest, 2);
    if (!minutes || !take_text(rest, ":")) return false;
    const std::optional<int> seconds = take_number(rest, 2);
    if (!seconds || *hours > 23 || *minutes > 59 || *seconds > 60) return false;
    time.tm_hour = *hours;
    time.tm_min = *minutes;
    time.tm_sec = *seconds;
    return true;
}

// "06 Nov 1994", or with `separator` '-' and two digits "06-Nov-94".
bool take_date(std::string_view& rest, std::tm& time, std::string_view separator) {
    const std::optional<int> day = take_number(rest, 2);
    if (!day || !take_text(rest, separator) || !take_month(rest, time) || !take_text(rest, separator)) return false;
    const std::optional<int> year = take_number(rest, separator == "-" ? 2 : 4);
    if (!year) return false;
    time.tm_mday = *day;
    // Two digits: the years that a server can have meant, fifty back and fifty ahead of 2020.
    time.tm_year = separator == " " ? *year - 1900 : *year < 70 ? *year + 100 : *year;
    return true;
}

// "Nov  6 08:49:37 1994"
bool take_asctime(std::string_view& rest, std::tm& time) {
    if (!take_month(rest, time) || !take_text(rest, " ")) return false;
    const std::optional<int> day = take_text(rest, " ") ? take_number(rest, 1) : take_number(rest, 2);
    if (!day || !take_text(rest, " ") || !take_time(rest, time) || !take_text(rest, " ")) return false;
    const std::optional<int> year = take_number(rest, 4);
    if (!year) return false;
    time.tm_mday = *day;
    time.tm_year = *year - 1900;
    return true;
}

}  // namespace

std::optional<std::time_t> parse_http_date(std::string_view text) {
    std::tm time{};
    std::string_view rest = text.substr(std::min(text.find(' '), text.size()));
    if (!take_text(rest, " ")) return std::nullopt;
    const std::string_view day_name = text.substr(0, text.size() - rest.size() - 1);
    bool is_date = false;
    if (!day_name.ends_with(',')) {
        is_date = take_asctime(rest, time);
    } else {
        const std::string_view separator = day_name.size() == 4 ? " " : "-";
        is_date = take_date(rest, time, separator) && take_text(rest, " ") && take_time(rest, time) &&
                  take_text(rest, " GMT");
    }
    if (!is_date || !rest.empty() || time.tm_mday < 1 || time.tm_mday > 31) return std::nullopt;
    return timegm(&time);
}

Precondition check_preconditions(const Request& request, const Validators& validators) {
    const HeaderFields& headers = request.headers();
    if (headers.find("if-match")) {
        if (!matches(headers, "if-match", validators.etag, Comparison::strong)) return Precondition::failed;
    } else if (const std::optional<std::time_t> date = date_of(request, "if-unmodified-since")) {
        if (validators.last_modified && *validators.last_modified > *date) return Precondition::failed;
    }
    const Precondition unchanged = is_get_or_head(request) ? Precondition::not_modified : Precondition::failed;
    if (headers.find("if-none-match")) {
        if (matches(headers, "if-none-match", validators.etag, Comparison::weak)) return unchanged;
    } else if (is_get_or_head(request)) {
        const std::optional<std::time_t> date = date_of(request, "if-modified-since");
        if (date && validators.last_modified && *validators.last_modified <= *date) return unchanged;
    }
    return Precondition::go_on;
}

bool range_applies(const Request& request, const Validators& validators) {
    const std::optional<std::string_view> condition = request.headers().find("if-range");
    if (!condition) return true;
    std::string_view rest = *condition;
    if (const std::optional<std::string_view> tag = take_tag(rest)) {
        return rest.empty() && !is_weak(*tag) && *tag == validators.etag;
    }
    const std::optional<std::time_t> date = parse_http_date(*condition);
    return date && validators.last_modified && *date == *validators.last_modified;
}

std::string etag_of(std::string_view bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    constexpr std::size_t kept_bytes = 18;
    return '"' + to_base64url({reinterpret_cast<const char*>(digest.data()), kept_bytes}) + '"';
}

void add_etag(const Request& request, Response& response) {
    if (!is_get_or_head(request) || response.status != 200 || response.headers.contains("ETag")) return;
    if (!response.body.empty()) response.headers.set("ETag", etag_of(response.body));
}

void answer_conditionally(const Request& request, Response& response) {
    if (!is_get_or_head(request) || response.status != 200) return;
    const std::optional<std::string_view> etag = response.headers.find("ETag");
    const std::optional<std::string_view> date = response.headers.find("Last-Modified");
    if (!etag && !date) return;
    const Validators validators{etag.value_or(std::string_view()), date ? parse_http_date(*date) : std::nullopt};
    switch (check_preconditions(request, validators)) {
        case Precondition::not_modified:
            response.status = 304;
            response.body.clear();
            return;
        case Precondition::failed:
            response = Response::error(412);
            return;
        case Precondition::go_on:
            break;
    }
    if (request.method() == "GET" && range_applies(request, validators)) answer_range(request, response);
}

}  // namespace stepwise::http
