// What the tests of both parsers share: a text of what came out, and the proof that it does not depend on how the bytes
// were cut on their way.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::http::test {

// What came out so far, with pieces of a body joined: bodies are cut where the bytes were.
class Transcript {
public:
    void add_body(std::string_view bytes) {
        CHECK(!bytes.empty());
        body_ = body_.value_or("") + std::string(bytes);
    }
    void add(const std::string& event) {
        end_body();
        text_ += (text_.empty() ? "" : " ") + event;
    }
    std::string text() {
        end_body();
        return text_;
    }

private:
    void end_body() {
        if (body_) text_ += " body(" + *body_ + ")";
        body_.reset();
    }

    std::string text_;
    std::optional<std::string> body_;
};

// A piece in memory that is exactly as large, so that AddressSanitizer sees a read behind its end; it is overwritten
// and freed at its end, so that a view which outlives its time is seen.
class ShortLived {
public:
    explicit ShortLived(std::string_view piece) : bytes_(std::make_unique<char[]>(piece.size())), size_(piece.size()) {
        piece.copy(bytes_.get(), size_);
    }
    ~ShortLived() { std::fill_n(bytes_.get(), size_, '\x01'); }
    std::string_view view() const { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
};

// What `run(pieces)` makes of these bytes whole; checks that byte by byte and cuts in two give the same (each cut, or
// for long inputs some hundred spread over them).
template <class Run>
std::string same_however_cut(std::string_view bytes, Run run) {
    using Pieces = std::vector<std::string_view>;
    const std::string whole = run(Pieces{bytes});
    Pieces single_bytes;
    for (std::size_t index = 0; index < bytes.size(); ++index) single_bytes.push_back(bytes.substr(index, 1));
    CHECK(run(single_bytes) == whole);
    const std::size_t stride = 1 + bytes.size() / 1000;
    for (std::size_t cut = 1; cut < bytes.size(); cut += stride) {
        const std::string in_two = run(Pieces{bytes.substr(0, cut), bytes.substr(cut)});
        if (in_two == whole) continue;
        CAPTURE(cut);
        CHECK(in_two == whole);
    }
    return whole;
}

}  // namespace stepwise::http::test
