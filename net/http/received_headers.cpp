#include <stepwise/net/http/received_headers.hpp>

#include <utility>

namespace stepwise::http {

ReceivedHeaders::ReceivedHeaders(const HeaderFields& fields, std::string_view block)
    : block_(block.begin(), block.end()), fields_(fields) {
    fields_.set_block(block_.data());
}

ReceivedHeaders::ReceivedHeaders(const ReceivedHeaders& other)
    : ReceivedHeaders(other.fields_, {other.block_.data(), other.block_.size()}) {}

ReceivedHeaders& ReceivedHeaders::operator=(ReceivedHeaders other) noexcept {
    std::swap(block_, other.block_);
    std::swap(fields_, other.fields_);
    return *this;
}

}  // namespace stepwise::http
