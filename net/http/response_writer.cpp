#include <fmt/format.h>
#include <stepwise/net/http/body_parser.hpp>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/served_request.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/runtime/errors.hpp>

#include <cerrno>
#include <stdexcept>

namespace stepwise::http {

Response& ResponseWriter::head() {
    if (begun()) throw std::logic_error("ResponseWriter::head: it was sent with the first write");
    return head_;
}

void ResponseWriter::set_content_length(std::uint64_t bytes) {
    if (begun()) throw std::logic_error("ResponseWriter::set_content_length: the head was sent with the first write");
    content_length_ = bytes;
}

void ResponseWriter::add_trailer(std::string_view name, std::string_view value) {
    if (!may_be_trailer(name)) throw std::invalid_argument(fmt::format("{} may not stand in the trailers", name));
    trailers_.add(name, value);
}

Coro<void> ResponseWriter::write(std::string_view bytes) {
    if (!begun()) send_head();
    put(bytes);
    while (exchange_.connection != nullptr && exchange_.connection->must_wait_to_write()) {
        drained_.clear();
        co_await drained_.wait();
    }
    if (lost_) throw_system_error(ECONNRESET, "write of a response");
}

bool ResponseWriter::try_write(std::string_view bytes) {
    if (lost_ || exchange_.connection == nullptr) return false;
    if (begun() && exchange_.connection->must_wait_to_write()) return false;
    if (!begun()) send_head();
    put(bytes);
    return true;
}

void ResponseWriter::send_head() {
    if (exchange_.connection == nullptr) {
        framing_ = BodyFraming::none;
    } else {
        framing_ = exchange_.connection->write_head(*this);
    }
}

void ResponseWriter::put(std::string_view bytes) {
    if (exchange_.connection == nullptr || !wants_body() || bytes.empty()) return;
    if (content_length_ && bytes.size() > *content_length_ - written_bytes_) {
        throw std::logic_error(
            fmt::format("ResponseWriter::write: more than the {} bytes of set_content_length", *content_length_));
    }
    written_bytes_ += bytes.size();
    net::Transport& transport = exchange_.connection->transport();
    if (*framing_ != BodyFraming::chunked) return net::append(transport, bytes);
    if (bytes.size() <= detail::joined_body_bytes_max) return write_chunk(transport, bytes);
    char* const begin = transport.prepare(detail::chunk_size_bytes_max);
    transport.commit(static_cast<std::size_t>(detail::put_chunk_size(begin, bytes.size()) - begin));
    net::append(transport, bytes);
    net::append(transport, "\r\n");
}

bool ResponseWriter::finish() {
    if (*framing_ == BodyFraming::content_length) return written_bytes_ == content_length_;
    if (*framing_ == BodyFraming::chunked) write_last_chunk(exchange_.connection->transport(), trailers_);
    return true;
}

void ResponseWriter::lose() noexcept {
    lost_ = true;
    drained_.set();
}

}  // namespace stepwise::http
