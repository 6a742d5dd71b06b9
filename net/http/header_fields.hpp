// The field lines of a head or a trailer section, as views: names and values lie in a block of bytes that somebody
// else owns, and are kept as offsets, so that a block which moves needs one new pointer. Order and repetition are
// those of the peer; names compare without regard to case.
//
// Owns its list of offsets, whose memory is reused. Does not own the bytes and does not outlive them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

namespace stepwise::http {

struct FieldSpan {
    std::uint32_t name_begin;
    std::uint32_t name_size;
    std::uint32_t value_begin;
    std::uint32_t value_size;
};

struct HeaderField {
    std::string_view name;
    std::string_view value;
};

class HeaderFields {
public:
    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = HeaderField;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = HeaderField;

        Iterator() = default;
        Iterator(const char* block, const FieldSpan* span) : block_(block), span_(span) {}
        HeaderField operator*() const { return view(block_, *span_); }
        Iterator& operator++() {
            ++span_;
            return *this;
        }
        Iterator operator++(int) {
            Iterator before = *this;
            ++span_;
            return before;
        }
        bool operator==(const Iterator& other) const { return span_ == other.span_; }

    private:
        const char* block_ = nullptr;
        const FieldSpan* span_ = nullptr;
    };

    Iterator begin() const { return {block_, spans_.data()}; }
    Iterator end() const { return {block_, spans_.data() + spans_.size()}; }
    std::size_t size() const { return spans_.size(); }
    bool empty() const { return spans_.empty(); }
    HeaderField operator[](std::size_t index) const { return view(block_, spans_[index]); }

    // The value of the first field of that name.
    std::optional<std::string_view> find(std::string_view name) const;
    std::string_view get(std::string_view name, std::string_view otherwise = {}) const;
    std::size_t count(std::string_view name) const;
    // Whether `token` is an element of the comma-separated list that all fields of that name make together
    // (RFC 9110 §5.3): has_token("connection", "upgrade"). Case does not matter.
    bool has_token(std::string_view name, std::string_view token) const;

    // For whoever fills the list or moves the bytes.
    void add(const FieldSpan& span) { spans_.push_back(span); }
    void set_block(const char* block) { block_ = block; }
    void clear() { spans_.clear(); }

private:
    static HeaderField view(const char* block, const FieldSpan& span) {
        return {{block + span.name_begin, span.name_size}, {block + span.value_begin, span.value_size}};
    }

    const char* block_ = nullptr;
    std::vector<FieldSpan> spans_;
};

}  // namespace stepwise::http
