// The head of a response: how it went, and how its body and its connection are framed. All texts are views into one
// block of bytes, the head as it came; moving the bytes needs one call of `set_block`.
//
// Filled by ResponseHeadParser, so every value here was checked. Owns no bytes; valid as long as its parser says.
#pragma once

#include <cstdint>
#include <optional>
#include <stepwise/net/http/body_framing.hpp>
#include <stepwise/net/http/framing_fields.hpp>
#include <stepwise/net/http/header_fields.hpp>
#include <stepwise/net/http/request_line.hpp>
#include <stepwise/net/http/scan.hpp>
#include <string_view>

namespace stepwise::http {

class ResponseHead {
public:
    // 100 … 999. RFC 9110 §15: one that is not known means what its first digit says, above 599 an error of the server.
    int status() const { return status_; }
    // As it came, perhaps empty; it means nothing.
    std::string_view reason() const { return reason_.in(block_); }
    Version version() const { return version_; }
    const HeaderFields& headers() const { return headers_; }

    BodyFraming body_framing() const { return body_framing_; }
    // What the field says, which for a response to HEAD is the length of another one's body (RFC 9110 §8.6).
    std::optional<std::uint64_t> content_length() const { return framing_.content_length(); }
    // Whether the server lets another exchange follow on this connection (RFC 9112 §9.3).
    bool keep_alive() const {
        return framing_.keep_alive(version_) && body_framing_ != BodyFraming::until_close && !switches_protocol_;
    }
    // 1xx but 101: only a word in between (RFC 9110 §15.2); the response itself follows.
    bool is_interim() const { return status_ < 200 && status_ != 101; }
    // 101, or 2xx to CONNECT: what follows this head is not HTTP (RFC 9110 §7.8, §9.3.6).
    bool switches_protocol() const { return switches_protocol_; }

    // All bytes that this head and its fields view, and a new place for them.
    std::string_view block() const { return {block_, block_size_}; }
    void set_block(const char* block) {
        block_ = block;
        headers_.set_block(block);
    }

private:
    friend class ResponseHeadParser;

    const char* block_ = "";
    std::uint32_t block_size_ = 0;
    int status_ = 0;
    Span reason_;
    Version version_ = Version::http_1_1;
    BodyFraming body_framing_ = BodyFraming::none;
    bool switches_protocol_ = false;
    FramingFields framing_;
    HeaderFields headers_;
};

}  // namespace stepwise::http
