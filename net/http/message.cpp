#include <stepwise/net/http/message.hpp>

#include <stepwise/net/http/status.hpp>
#include <stepwise/net/http/target.hpp>
#include <utility>

namespace stepwise::http {

namespace {

// More than this is not kept from one request to the next.
constexpr std::size_t reused_bytes_max = 64 * 1024;

void clear_bytes(std::vector<char>& bytes) {
    bytes.clear();
    if (bytes.capacity() > reused_bytes_max) std::vector<char>().swap(bytes);
}

std::string_view view_of(const std::vector<char>& bytes) {
    return {bytes.data(), bytes.size()};
}

}  // namespace

Request& Request::operator=(Request&& other) noexcept {
    Request moved(std::move(other));
    swap(moved);
    return *this;
}

void Request::swap(Request& other) noexcept {
    std::swap(head_, other.head_);
    std::swap(body_, other.body_);
    std::swap(remote_ip_, other.remote_ip_);
    std::swap(path_parameters_, other.path_parameters_);
    std::swap(decoded_path_, other.decoded_path_);
    std::swap(body_pieces_, other.body_pieces_);
    std::swap(block_, other.block_);
    std::swap(is_secure_, other.is_secure_);
    std::swap(is_owned_, other.is_owned_);
}

void Request::clear() {
    static const RequestHead no_head;
    head_ = no_head;
    forget_texts();
    is_secure_ = false;
    is_owned_ = true;
}

void Request::forget_texts() {
    body_ = remote_ip_ = {};
    path_parameters_.clear();
    clear_bytes(decoded_path_);
    clear_bytes(body_pieces_);
    clear_bytes(block_);
}

void Request::assign(const RequestHead& head) {
    forget_texts();
    head_ = head;
    is_owned_ = false;
    if (!head_.path_has_escapes()) return;
    const std::string_view encoded = head_.path();
    decoded_path_.resize(encoded.size());
    // The parser has refused paths that do not decode.
    decoded_path_.resize(percent_decode(encoded, decoded_path_.data()).value_or(0));
}

std::string_view Request::path() const {
    return decoded_path_.empty() ? head_.path() : view_of(decoded_path_);
}

std::optional<std::string_view> Request::path_parameter(std::string_view name) const {
    for (const PathParameter& parameter : path_parameters_) {
        if (parameter.name == name) return parameter.value;
    }
    return std::nullopt;
}

void Request::set_body(std::string_view bytes) {
    body_ = bytes;
    is_owned_ = is_owned_ && bytes.empty();
}

void Request::append_body(std::string_view bytes) {
    // A piece that was borrowed before becomes the first one.
    if (body_.data() != body_pieces_.data()) body_pieces_.assign(body_.begin(), body_.end());
    body_pieces_.insert(body_pieces_.end(), bytes.begin(), bytes.end());
    body_ = view_of(body_pieces_);
}

void Request::set_remote_ip(std::string_view ip) {
    remote_ip_ = ip;
    is_owned_ = is_owned_ && ip.empty();
}

void Request::add_path_parameter(std::string_view name, std::string_view value) {
    path_parameters_.push_back({name, value});
    is_owned_ = false;
}

void Request::own() {
    if (is_owned_) return;
    // Only when something was added to an owned request; its bytes are copied once more, then let go.
    std::vector<char> before;
    if (!block_.empty()) before.swap(block_);

    const bool copies_body = body_.data() != body_pieces_.data();
    std::size_t size = head_.block().size() + remote_ip_.size() + (copies_body ? body_.size() : 0);
    for (const PathParameter& parameter : path_parameters_) size += parameter.name.size() + parameter.value.size();
    block_.reserve(size);  // the views made below point into it: it must not move

    head_.set_block(keep(head_.block()).data());
    if (copies_body) body_ = keep(body_);
    remote_ip_ = keep(remote_ip_);
    for (PathParameter& parameter : path_parameters_) {
        parameter.name = keep(parameter.name);
        parameter.value = keep(parameter.value);
    }
    is_owned_ = true;
}

std::string_view Request::keep(std::string_view bytes) {
    const std::size_t begin = block_.size();
    block_.insert(block_.end(), bytes.begin(), bytes.end());
    return {block_.data() + begin, bytes.size()};
}

Response::Response(int code, std::string content, LiteralText type)
    : status(code), body(std::move(content)), content_type(type) {}

Response Response::error(int code, std::string_view message) {
    std::string content(message.empty() ? reason_phrase(code) : message);
    content += '\n';
    return {code, std::move(content), "text/plain; charset=utf-8"};
}

Response Response::error(const net::ProtocolError& mistake) {
    Response response = error(mistake.code, mistake.message);
    response.close_connection = true;
    return response;
}

}  // namespace stepwise::http
