#include <stepwise/net/http/ranges.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/conditional.hpp>

namespace stepwise::http {

namespace {

// Digits only; what does not fit is as far away as can be told.
std::optional<std::uint64_t> parse_position(std::string_view text) {
    std::uint64_t number = 0;
    const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || result.ptr != text.data() + text.size()) return std::nullopt;
    return result.ec == std::errc::result_out_of_range ? UINT64_MAX : number;
}

enum class Meaning : std::uint8_t { part, nothing_of_it, invalid };

Meaning parse_range(std::string_view text, std::uint64_t size, ByteRange& range) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return Meaning::invalid;
    const std::string_view last_text = text.substr(dash + 1);
    if (dash == 0) {
        const std::optional<std::uint64_t> suffix = parse_position(last_text);
        if (!suffix) return Meaning::invalid;
        if (*suffix == 0 || size == 0) return Meaning::nothing_of_it;
        range = {size - std::min(*suffix, size), size - 1};
        return Meaning::part;
    }
    const std::optional<std::uint64_t> first = parse_position(text.substr(0, dash));
    const std::optional<std::uint64_t> last = last_text.empty() ? UINT64_MAX : parse_position(last_text);
    if (!first || !last || *first > *last) return Meaning::invalid;
    if (*first >= size) return Meaning::nothing_of_it;
    range = {*first, std::min(*last, size - 1)};
    return Meaning::part;
}

bool overlap(const ByteRanges& ranges) {
    for (std::size_t one = 0; one < ranges.size(); ++one) {
        for (std::size_t other = one + 1; other < ranges.size(); ++other) {
            if (ranges[one].first <= ranges[other].last && ranges[other].first <= ranges[one].last) return true;
        }
    }
    return false;
}

}  // namespace

std::optional<ByteRanges> parse_ranges(std::string_view field, std::uint64_t size) {
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(trim_space(field.substr(0, equals)), "bytes")) {
        return std::nullopt;
    }
    std::string_view list = field.substr(equals + 1);
    ByteRanges ranges;
    std::size_t count = 0;
    while (!list.empty()) {
        const std::string_view element = take_list_element(list);
        if (element.empty()) continue;
        if (++count > ranges_max) return std::nullopt;
        ByteRange range;
        const Meaning meaning = parse_range(element, size, range);
        if (meaning == Meaning::invalid) return std::nullopt;
        if (meaning == Meaning::part) ranges.push_back(range);
    }
    if (count == 0 || overlap(ranges)) return std::nullopt;
    return ranges;
}

std::string content_range(const ByteRange& range, std::uint64_t size) {
    return fmt::format("bytes {}-{}/{}", range.first, range.last, size);
}

std::string content_range_unsatisfied(std::uint64_t size) {
    return fmt::format("bytes */{}", size);
}

MultipartRanges::MultipartRanges(ByteRanges ranges, std::string content_type, std::uint64_t size, std::string boundary)
    : ranges_(std::move(ranges)), content_type_(std::move(content_type)), size_(size), boundary_(std::move(boundary)) {}

std::string MultipartRanges::part_head(std::size_t index) const {
    std::string head = fmt::format("{}--{}\r\n", index == 0 ? "" : "\r\n", boundary_);
    if (!content_type_.empty()) head += fmt::format("Content-Type: {}\r\n", content_type_);
    return head + fmt::format("Content-Range: {}\r\n\r\n", content_range(ranges_[index], size_));
}

std::uint64_t MultipartRanges::body_bytes() const {
    std::uint64_t bytes = end().size();
    for (std::size_t index = 0; index < ranges_.size(); ++index)
        bytes += part_head(index).size() + ranges_[index].size();
    return bytes;
}

void answer_range(const Request& request, Response& response) {
    const std::optional<std::string_view> field = request.headers().find("range");
    if (!field || response.body.empty() || response.headers.contains("Content-Encoding")) return;
    const std::uint64_t size = response.body.size();
    std::optional<ByteRanges> ranges = parse_ranges(*field, size);
    if (!ranges) return;
    if (ranges->empty()) {
        response = Response::error(416);
        response.headers.set("Content-Range", content_range_unsatisfied(size));
        return;
    }
    const auto part_of_body = [&](const ByteRange& range) {
        return std::string_view(response.body).substr(range.first, range.size());
    };
    response.status = 206;
    if (ranges->size() == 1) {
        response.headers.set("Content-Range", content_range(ranges->front(), size));
        response.body = std::string(part_of_body(ranges->front()));
        return;
    }
    std::string type(response.headers.find("Content-Type").value_or(response.content_type));
    // The tag of the body stands in none of its parts but by intent: a hash of it.
    const std::string tag = etag_of(response.body);
    const MultipartRanges parts(std::move(*ranges), std::move(type), size, tag.substr(1, tag.size() - 2));
    std::string body;
    body.reserve(parts.body_bytes());
    for (std::size_t index = 0; index < parts.ranges().size(); ++index) {
        body += parts.part_head(index);
        body += part_of_body(parts.ranges()[index]);
    }
    body += parts.end();
    response.headers.set("Content-Type", parts.content_type());
    response.body = std::move(body);
}

}  // namespace stepwise::http
