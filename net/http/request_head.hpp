// The head of a request: what was asked, and how its body and its connection are framed. All texts are views into one
// block of bytes, the head as it came; moving the bytes needs one call of `set_block`.
//
// Filled by HeadParser, so every value here was checked: a path decodes, a host is valid, lengths do not conflict.
// Owns no bytes. The parser's head is valid as its header says; a copy needs a block of its own (`Request::own`).
#pragma once

#include <cstdint>
#include <optional>
#include <stepwise/net/http/framing_fields.hpp>
#include <stepwise/net/http/header_fields.hpp>
#include <stepwise/net/http/request_line.hpp>
#include <stepwise/net/http/scan.hpp>
#include <stepwise/net/http/target.hpp>
#include <string_view>

namespace stepwise::http {

class RequestHead {
public:
    std::string_view method() const { return method_.in(block_); }
    std::string_view target() const { return target_.in(block_); }
    TargetForm target_form() const { return target_form_; }
    // Still encoded. "/" for an absolute target that ends with its authority, "" for CONNECT.
    std::string_view path() const {
        if (path_.size == 0 && target_form_ == TargetForm::absolute) return "/";
        return path_.in(block_);
    }
    bool path_has_escapes() const { return path_has_escapes_; }
    std::string_view query() const { return query_.in(block_); }
    // Of the target if it names one, else of the Host field (RFC 9112 §3.3).
    std::string_view host() const {
        if (target_form_ == TargetForm::absolute || target_form_ == TargetForm::authority) return authority_.in(block_);
        return host_.in(block_);
    }
    Version version() const { return version_; }

    const HeaderFields& headers() const { return headers_; }
    bool has_token(std::string_view name, std::string_view token) const { return headers_.has_token(name, token); }

    // Whether the client wants another exchange on this connection (RFC 9112 §9.3).
    bool keep_alive() const { return framing_.keep_alive(version_); }
    std::optional<std::uint64_t> content_length() const { return framing_.content_length(); }
    bool chunked() const { return framing_.chunked(); }
    bool has_body() const { return framing_.has_content(); }
    // The client waits for "100 Continue" before it sends the body (RFC 9110 §10.1.1).
    bool expect_continue() const { return expect_continue_ && has_body(); }

    // All bytes that this head and its fields view, and a new place for them.
    std::string_view block() const { return {block_, block_size_}; }
    void set_block(const char* block) {
        block_ = block;
        headers_.set_block(block);
    }

private:
    friend class HeadParser;

    const char* block_ = "";
    std::uint32_t block_size_ = 0;
    Span method_;
    Span target_;
    Span path_;
    Span query_;
    Span authority_;
    Span host_;
    Version version_ = Version::http_1_1;
    TargetForm target_form_ = TargetForm::origin;
    bool expect_continue_ = false;
    bool path_has_escapes_ = false;
    FramingFields framing_;
    HeaderFields headers_;
};

}  // namespace stepwise::http
