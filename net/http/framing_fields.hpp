// What the fields of a head say, in requests and responses alike, about the end of its body and about its connection:
// Content-Length, Transfer-Encoding, Connection (RFC 9112 §6, §9.3). Whatever could be read in two ways is refused.
//
// Given each field as it comes; what follows from them for this message is for its head's parser to say.
#pragma once

#include <cstdint>
#include <optional>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/request_line.hpp>
#include <stepwise/net/http/scan.hpp>
#include <string_view>

namespace stepwise::http {

class FramingFields {
public:
    // Names of a length that no field of interest has are not looked at.
    ScanResult note(std::string_view name, std::string_view value, Version version, ErrorSlot& error) {
        if (name.size() == 10 && equal_ignoring_case(name, "connection")) note_connection(value);
        if (name.size() == 14 && equal_ignoring_case(name, "content-length")) return note_content_length(value, error);
        if (name.size() == 17 && equal_ignoring_case(name, "transfer-encoding")) {
            return note_transfer_encoding(value, version, error);
        }
        return ScanResult::done;
    }
    // All fields were seen: do they agree?
    ScanResult finish(ErrorSlot& error) const;
    // For a message that has a body.
    ScanResult check_length(const ParserLimits& limits, ErrorSlot& error) const;

    std::optional<std::uint64_t> content_length() const {
        return has_content_length_ ? std::optional(content_length_) : std::nullopt;
    }
    bool chunked() const { return chunked_; }
    bool has_content() const { return chunked_ || content_length_ > 0; }
    bool keep_alive(Version version) const {
        return !wants_close_ && (version == Version::http_1_1 || wants_keep_alive_);
    }

private:
    void note_connection(std::string_view list);
    ScanResult note_content_length(std::string_view value, ErrorSlot& error);
    ScanResult note_transfer_encoding(std::string_view value, Version version, ErrorSlot& error);

    std::uint64_t content_length_ = 0;
    bool has_content_length_ = false;
    bool chunked_ = false;
    bool wants_close_ = false;
    bool wants_keep_alive_ = false;
};

}  // namespace stepwise::http
