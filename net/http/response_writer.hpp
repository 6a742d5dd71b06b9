// ResponseWriter: a response that its handler writes piece by piece.
//
//     out.head().content_type = "text/plain";      // Coro<> lines(const http::Request&, http::ResponseWriter& out)
//     for (int number = 0; number < 1000; ++number) {
//         std::string line = std::to_string(number) + "\n";
//         co_await out.write(line);
//     }
//
// Chunked, or of the length that it was told. A handler that writes nothing answers with head(), its body included; one
// that throws behind its first bytes has the connection broken off, so that no client takes a part for the whole. When
// the client is gone the handler is cancelled. The loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stepwise/net/http/body_framing.hpp>
#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/http/message.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <string_view>

namespace stepwise {
class File;
}  // namespace stepwise

namespace stepwise::net {
class Transport;
}  // namespace stepwise::net

namespace stepwise::http {

struct ServedRequest;

class ResponseWriter {
public:
    explicit ResponseWriter(ServedRequest& exchange) noexcept : exchange_(exchange) {}
    ResponseWriter(const ResponseWriter&) = delete;
    ResponseWriter& operator=(const ResponseWriter&) = delete;

    // Status and header fields, to be set before the first write. std::logic_error later.
    Response& head();
    // Instead of chunks: so many bytes will be written. std::logic_error behind the first write.
    void set_content_length(std::uint64_t bytes);

    // Sends the head, if it is not sent yet, and the bytes; waits while the client takes less than is written. What is
    // written to a client that wants no body (HEAD; 204, 304) is dropped. std::logic_error for more than the content
    // length. Cancelled in its wait, the bytes are on their way all the same.
    Coro<void> write(std::string_view bytes);
    // The same of a part of a file: by the kernel alone where that pays and can be (see send_file.hpp), else piece by
    // piece. One that is too short is net::FileEndedError, behind all that it had. `file` outlives the call.
    Coro<void> write_file(File& file, std::uint64_t offset, std::uint64_t length);
    // Without a wait. False: nothing was written, as the client does not take what is written already, or is gone.
    bool try_write(std::string_view bytes);

    bool begun() const noexcept { return framing_.has_value(); }
    // False when the head is sent and nothing may follow it.
    bool wants_body() const noexcept { return framing_ != BodyFraming::none; }
    // Sent behind the last chunk, if the response is chunked (RFC 9112 §7.1.2). Throws std::invalid_argument as Headers
    // does, and for a field that a client must know before the body.
    void add_trailer(std::string_view name, std::string_view value);
    std::uint64_t written_bytes() const noexcept { return written_bytes_; }
    // For streams without an end of their own: a server that shuts down ends them in order, and cancels the handler.
    void end_with_server() noexcept { ends_with_server_ = true; }

private:
    friend class Connection;
    friend class EventStream;

    void send_head();
    void put(std::string_view bytes);
    void count_written(std::uint64_t bytes);
    void send_piece(std::string_view bytes);
    Coro<void> write_pieces(File& file, std::uint64_t offset, std::uint64_t length);
    Coro<void> send_by_kernel(File& file, std::uint64_t offset, std::uint64_t length);
    Coro<void> wait_until_sent(net::Transport& transport);
    // Writes what ends the body. False: it is not complete, and cannot be.
    bool finish();
    void lose() noexcept;

    ServedRequest& exchange_;
    Response head_;
    Headers trailers_;
    std::unique_ptr<GzipStream> gzip_;  // if the body goes out compressed
    std::optional<std::uint64_t> content_length_;
    std::optional<BodyFraming> framing_;  // once the head is sent
    std::uint64_t written_bytes_ = 0;
    bool is_cut_ = false;  // a file has not gone out whole
    stepwise::Event drained_;
    bool ends_with_server_ = false;
    bool lost_ = false;
    bool closes_ = false;  // the head has said that the connection ends with it
};

}  // namespace stepwise::http
