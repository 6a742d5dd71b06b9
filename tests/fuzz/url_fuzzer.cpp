// What anybody may write as a URL, for net::Url.
//
// What it takes is written back to an equal one, in lower case where that is promised, and fits into a request that
// http::RequestParser reads as it was meant.
#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/url.hpp>
#include <stepwise/tests/fuzz/support.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

std::string lower(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return lowered;
}

void check_parts(const net::Url& url, std::string_view text) {
    const std::string given = lower(text);
    expect(given.starts_with(url.scheme() + "://"), "a URL begins with its scheme", text);
    expect(url.is_secure() == (url.scheme() == "https" || url.scheme() == "wss"), "https and wss ask for TLS");
    expect(!url.host().empty() && given.find(url.host()) != std::string::npos, "a host is part of the text", text);
    expect_equal(url.host(), lower(url.host()), "a host is in lower case");
    expect(url.port() != 0, "a port is one that can be connected to");
    const std::string_view path = std::string_view(url.path_and_query()).substr(1);
    expect(url.path_and_query()[0] == '/' && text.find(path) != std::string_view::npos, "a path stays as it was", text);
}

void check_request(const net::Url& url) {
    // A NUL that is written as an escape is a URL's right, and a server's to refuse.
    if (url.path_and_query().find("%00") != std::string::npos) return;
    const std::string request =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", url.path_and_query(), url.host_field());
    http::ParserLimits limits;
    limits.request_line_bytes_max = limits.header_bytes_max = 1 << 20;
    http::RequestParser parser(limits);
    parser.receive_data(request);
    const http::Event event = parser.next_event();
    const auto* start = std::get_if<http::StartOfMessage>(&event);
    expect(start != nullptr, "a URL fits into a request", request);
    expect_equal(start->head->target(), url.path_and_query(), "its path and query are the target");
    expect_equal(start->head->host(), url.host_field(), "its host is the Host");
}

// As the location of a redirect.
void check_reference(std::string_view text) {
    std::string error;
    const auto base = net::Url::parse("http://base.example:8080/a/b?c", error);
    const auto joined = base->join(text, error);
    expect(joined.has_value() == error.empty(), "a refusal says why, and nothing else does", text);
    if (!joined) return;
    expect(joined->same_origin(*base) || text.find("//") != std::string_view::npos, "who leaves says where to", text);
    const std::string& path = joined->path_and_query();
    const std::string_view without_query = std::string_view(path).substr(0, path.find('?'));
    const bool has_host = text.find("//") != std::string_view::npos;
    expect(has_host || without_query.find("/../") == std::string_view::npos, "dots are taken out", path);
    const auto again = net::Url::parse(joined->to_string(), error);
    expect(again.has_value() && *again == *joined, "what is joined can be read again", joined->to_string());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const LentBytes lent({reinterpret_cast<const char*>(data), size});
    std::string error;
    check_reference(lent.view());
    const auto url = net::Url::parse(lent.view(), error);
    expect(url.has_value() == error.empty(), "a refusal says why, and nothing else does", lent.view());
    if (!url) return 0;
    check_parts(*url, lent.view());
    check_request(*url);
    const auto again = net::Url::parse(url->to_string(), error);
    expect(again.has_value(), "what is written can be read", url->to_string());
    expect(*again == *url, "what is written is equal", url->to_string());
    expect_equal(again->to_string(), url->to_string(), "what is written stays");
    return 0;
}
