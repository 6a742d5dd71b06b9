// Requests with random damage: whatever comes out must not depend on how the bytes were cut, and never be a crash. The
// generator is a fixed one, so that each run sees the same requests.
#include <stepwise/tests/net/http/damage.hpp>
#include <stepwise/tests/net/http/support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

TEST_CASE("a damaged request is understood or refused the same, however it is cut") {
    const std::string seeds[] = {
        "GET /a/b?c=d%20e HTTP/1.1\r\nHost: example.org:80\r\nAccept: */*\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n",
        "\r\nOPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    Damage damage(20240229);
    ParserLimits small;
    small.request_line_bytes_max = 60;
    small.header_bytes_max = 90;
    small.header_count_max = 4;
    small.body_bytes_max = 12;
    small.chunk_line_bytes_max = 8;
    int refused = 0;
    for (int round = 0; round < 3000; ++round) {
        const std::string bytes = damage.done_to(seeds[damage.below(std::size(seeds))]);
        CAPTURE(bytes);
        const std::string events = events_of(bytes, round % 2 == 0 ? ParserLimits() : small);
        refused += events.find("error(") != std::string::npos ? 1 : 0;
    }
    CHECK(refused > 500);
    CHECK(refused < 2900);
}
