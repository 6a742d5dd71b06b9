#include <stepwise/net/http/received_headers.hpp>

#include <utility>

namespace stepwise::http {

ReceivedHeaders::ReceivedHeaders(const HeaderFields& fields, std::string_view block)
    : block_(block.begin(), block.end()), fields_(fields) {
    fields_.set_block(block_.data());
}

ReceivedHeaders::ReceivedHeaders(const HeaderFields& fields) {
    const auto keep = [this](std::string_view text) {
        const std::size_t begin = block_.size();
        block_.insert(block_.end(), text.begin(), text.end());
        return static_cast<std::uint32_t>(begin);
    };
    for (const HeaderField field : fields) {
        const std::uint32_t name = keep(field.name);
        const std::uint32_t value = keep(field.value);
        fields_.add({name, static_cast<std::uint32_t>(field.name.size()), value,
                     static_cast<std::uint32_t>(field.value.size())});
    }
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
