// What the parsers of requests and of responses both say. (How a message starts is in the header of each.)
//
// Views in events are good until the next `receive_data`, and no longer than the bytes that the caller gave; those of
// a head also end with the call of `next_event` that follows EndOfMessage.
#pragma once

#include <stepwise/net/http/header_fields.hpp>
#include <string_view>

namespace stepwise::http {

// Every byte was looked at: call `receive_data` or `receive_eof`.
struct NeedMore {};

struct BodyData {
    std::string_view bytes;  // never empty; without the chunked coding
};

// The next event, if any, belongs to the next message.
struct EndOfMessage {
    const HeaderFields* trailers;  // never null
};

}  // namespace stepwise::http
