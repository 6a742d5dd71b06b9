#include <fmt/format.h>
#include <stepwise/net/http/body_parser.hpp>
#include <stepwise/net/http/connection.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/served_request.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/net/send_file.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/file.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace stepwise::http {

namespace {

// Of files in our memory; what is smaller than one goes out in one packet with its head.
constexpr std::size_t piece_bytes = 64 * 1024;

}  // namespace

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
    count_written(bytes.size());
    if (gzip_ == nullptr) return send_piece(bytes);
    const std::string packed = gzip_->add(bytes);
    send_piece(packed);
}

void ResponseWriter::send_piece(std::string_view bytes) {
    net::Transport& transport = exchange_.connection->transport();
    if (*framing_ != BodyFraming::chunked) return net::append(transport, bytes);
    if (bytes.size() <= detail::joined_body_bytes_max) return write_chunk(transport, bytes);
    char* const begin = transport.prepare(detail::chunk_size_bytes_max);
    transport.commit(static_cast<std::size_t>(detail::put_chunk_size(begin, bytes.size()) - begin));
    net::append(transport, bytes);
    net::append(transport, "\r\n");
}

void ResponseWriter::count_written(std::uint64_t bytes) {
    if (content_length_ && bytes > *content_length_ - written_bytes_) {
        throw std::logic_error(
            fmt::format("ResponseWriter::write: more than the {} bytes of set_content_length", *content_length_));
    }
    written_bytes_ += bytes;
}

// ---- files

Coro<void> ResponseWriter::write_file(File& file, std::uint64_t offset, std::uint64_t length) {
    if (lost_ || exchange_.connection == nullptr) throw_system_error(ECONNRESET, "write of a response");
    if (!begun()) send_head();
    if (!wants_body()) co_return;
    const bool by_kernel = length > piece_bytes && gzip_ == nullptr && *framing_ != BodyFraming::chunked &&
                           net::is_sent_by_kernel(exchange_.connection->transport());
    Coro<void> writing = by_kernel ? send_by_kernel(file, offset, length) : write_pieces(file, offset, length);
    co_await std::move(writing);
}

Coro<void> ResponseWriter::write_pieces(File& file, std::uint64_t offset, std::uint64_t length) {
    std::vector<char> piece(static_cast<std::size_t>(std::min<std::uint64_t>(length, piece_bytes)));
    for (std::uint64_t left = length; left != 0;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
        const std::size_t count = co_await file.read_at(offset, std::span(piece.data(), wanted));
        if (count == 0) {
            throw net::FileEndedError(
                fmt::format("'{}' ended {} bytes before the part that is sent", file.path(), left));
        }
        co_await write(std::string_view(piece.data(), count));
        offset += count;
        left -= count;
    }
}

// The connection may be gone behind every wait. Whatever ends it early has broken the body off, though it was counted.
Coro<void> ResponseWriter::send_by_kernel(File& file, std::uint64_t offset, std::uint64_t length) {
    count_written(length);
    is_cut_ = true;
    struct End {
        ServedRequest& exchange;
        ~End() {
            if (exchange.connection != nullptr) exchange.connection->end_file();
        }
    } end{exchange_};
    exchange_.connection->begin_file();
    bool is_broken = false;
    try {
        const net::AllIsSent all_is_sent = [this](net::Transport& transport) { return wait_until_sent(transport); };
        Coro<void> sending = net::send_file(exchange_.connection->transport(), file, offset, length, all_is_sent);
        co_await std::move(sending);
    } catch (const std::system_error&) {
        is_broken = exchange_.connection == nullptr || exchange_.connection->transport().is_lost();
        if (!is_broken) throw;
    }
    // The connection will say so, or has said it, and end the handler: that the client left is no failure of it.
    while (is_broken && !lost_) {
        drained_.clear();
        co_await drained_.wait();
    }
    if (is_broken) throw_system_error(ECONNRESET, "write of a response");
    is_cut_ = false;
}

Coro<void> ResponseWriter::wait_until_sent(net::Transport& transport) {
    transport.flush();
    while (exchange_.connection != nullptr && transport.queued_bytes() != 0) {
        transport.report_when_sent();
        drained_.clear();
        co_await drained_.wait();
    }
    if (lost_ || exchange_.connection == nullptr) throw_system_error(ECONNRESET, "write of a response");
}

bool ResponseWriter::finish() {
    if (!wants_body()) return true;
    if (is_cut_ || (content_length_ && written_bytes_ != *content_length_)) return false;
    if (gzip_ != nullptr) {
        const std::string end = gzip_->finish();
        send_piece(end);
    }
    if (*framing_ == BodyFraming::chunked) write_last_chunk(exchange_.connection->transport(), trailers_);
    return true;
}

void ResponseWriter::lose() noexcept {
    lost_ = true;
    drained_.set();
}

}  // namespace stepwise::http
