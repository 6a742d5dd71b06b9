// ContentDecoder: takes the content coding off a body, piece by piece (RFC 9110 §8.4): gzip and deflate, with zlib.
//
//     http::ContentDecoder decoder(http::ContentCoding::gzip);
//     decoder.receive_data(bytes);
//     while (decoder.decode_more(out)) check_size(out);
//     decoder.receive_end();
//
// A few bytes can say "a gigabyte of zeros": each call gives at most piece_bytes_max, so that whoever counts is asked
// in time. It views the bytes it was given until decode_more has said no. Owns zlib's state, some 40 KiB from the first
// byte on. One thread; movable. Errors are values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace stepwise::http {

enum class ContentCoding : std::uint8_t { gzip, deflate };

// The coding that a Content-Encoding field names, if it is one of ours. Several at once, and others: nothing.
std::optional<ContentCoding> content_coding_named(std::string_view field_value) noexcept;

class ContentDecoder {
public:
    static constexpr std::size_t piece_bytes_max = 64 * 1024;

    // Throws std::bad_alloc.
    explicit ContentDecoder(ContentCoding coding);
    ContentDecoder(ContentDecoder&&) noexcept;
    ContentDecoder& operator=(ContentDecoder&&) noexcept;
    ~ContentDecoder();

    // More bytes of the coded body; they must stay until decode_more says no.
    void receive_data(std::string_view bytes) noexcept;
    // Appends what the next bytes mean. False: there is no more until more is received, or an error.
    bool decode_more(std::string& out);
    // The body has ended: an error unless that is where its coding ends.
    void receive_end() noexcept;
    // Nullptr, or what is wrong with the body, for good.
    const char* error() const noexcept { return error_; }

private:
    struct Zlib;

    void choose_format() noexcept;

    std::unique_ptr<Zlib> zlib_;
    ContentCoding coding_;
    bool has_begun_ = false;
    bool member_ended_ = false;
    const char* error_ = nullptr;
};

}  // namespace stepwise::http
