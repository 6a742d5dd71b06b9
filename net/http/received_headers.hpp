// The header fields that a peer sent, with the bytes they view: HeaderFields for those who keep them. Copyable.
#pragma once

#include <cstddef>
#include <optional>
#include <stepwise/net/http/header_fields.hpp>
#include <string_view>
#include <vector>

namespace stepwise::http {

class ReceivedHeaders {
public:
    ReceivedHeaders() = default;
    // Copies the fields and `block`, the bytes in which they lie.
    ReceivedHeaders(const HeaderFields& fields, std::string_view block);
    // Copies the names and values.
    explicit ReceivedHeaders(const HeaderFields& fields);
    ReceivedHeaders(const ReceivedHeaders& other);
    ReceivedHeaders(ReceivedHeaders&& other) noexcept = default;
    ReceivedHeaders& operator=(ReceivedHeaders other) noexcept;
    ~ReceivedHeaders() = default;

    // As HeaderFields says: names and tokens without regard to case. Views are good as long as this object is.
    std::optional<std::string_view> find(std::string_view name) const { return fields_.find(name); }
    std::string_view get(std::string_view name, std::string_view otherwise = {}) const {
        return fields_.get(name, otherwise);
    }
    std::size_t count(std::string_view name) const { return fields_.count(name); }
    bool has_token(std::string_view name, std::string_view token) const { return fields_.has_token(name, token); }
    HeaderFields::Iterator begin() const { return fields_.begin(); }
    HeaderFields::Iterator end() const { return fields_.end(); }
    std::size_t size() const { return fields_.size(); }
    bool empty() const { return fields_.empty(); }

private:
    std::vector<char> block_;  // a vector, not a string: moving it leaves views into it good
    HeaderFields fields_;
};

}  // namespace stepwise::http
