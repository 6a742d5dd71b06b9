// What a ResponseParser makes of bytes, however they are cut.
#pragma once

#include <stepwise/tests/net/http/support.hpp>

#include <stepwise/net/http/response_parser.hpp>

namespace stepwise::http::test {

struct Asked {
    std::vector<std::string_view> methods = {"GET"};
    bool and_ends = false;  // the server ends the connection behind the bytes
    ParserLimits limits = {};
};

// One event as text, as for requests: head(200 OK 1.1 keep-alive length 3; Content-Length: 3) · interim(103 …) ·
// body(abc) · end · error(502 RFC 9112 §4: …). Bytes behind a switch of protocols: rest(…).
std::string describe(const ResponseEvent& event);

// The events of these bytes, joined with spaces, whole and however they are cut; a view that outlives its time is seen,
// and an error must come again when asked again.
std::string responses_of(std::string_view bytes, const Asked& asked = {});

// The error that ends these bytes, as "502 RFC 9112 §4". The test fails if there is none.
std::string response_refusal_of(std::string_view bytes, const Asked& asked = {});
// The same, as its message.
std::string response_complaint_of(std::string_view bytes, const Asked& asked = {});

}  // namespace stepwise::http::test
