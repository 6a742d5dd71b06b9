// Stream: one connected socket for a coroutine: read when you want bytes, write without waiting, drain when it is much.
//
//     net::Stream stream = co_await net::Stream::connect("127.0.0.1", port);
//     stream.write("GET / HTTP/1.0\r\n\r\n");
//     std::optional<std::string> line = co_await stream.read_until("\r\n");
//
// Reads go straight into the caller's buffer; only read_until keeps what came behind the delimiter. Writes are corked
// and sent at the turn's end. Move-only; its end sends what was written and closes in order (see Transport). One task
// may read and one may write or drain at a time. Every await here is cancel-safe: a cancelled read has taken no byte
// that it did not keep for the next read; a cancelled drain has undone no write. The loop's thread; detach() is the way
// to another one.
#pragma once

#include <stepwise/net/send_file.hpp>
#include <stepwise/net/transport.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/io.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace stepwise::net {

// The peer ended the stream where more was needed.
class EndOfStreamError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Stream {
public:
    static constexpr std::size_t line_bytes_max_default = 64 * 1024;

    // A stream between two loops, which may be handed over as any value: the socket, and what was read of it and not
    // taken. Its end closes the socket.
    struct Detached {
        Detached(UniqueFd of, std::string bytes, std::unique_ptr<tls::Session> session = nullptr) noexcept
            : socket(std::move(of)), kept(std::move(bytes)), tls(std::move(session)) {}
        UniqueFd socket;
        std::string kept;
        std::unique_ptr<tls::Session> tls;  // nullptr: it is plain
    };

    // A connected, non-blocking socket.
    Stream(EventLoop& loop, UniqueFd socket);
    // Goes on where it was detached.
    Stream(EventLoop& loop, Detached detached);
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) noexcept;
    ~Stream();

    // A new connection, as net/connect.hpp says. Throws std::system_error naming the address, or host and address.
    static Coro<Stream> connect(Address address);
    static Coro<Stream> connect(std::string host, std::uint16_t port);

    // The same through TLS, when its handshake is done: whom the context trusts vouches for `host`. Throws, too, what
    // start_tls does.
    static Coro<Stream> connect_tls(std::string host, std::uint16_t port,
                                    std::shared_ptr<const tls::Context> context = tls::Context::default_client());

    // From here on the stream is TLS: returns when the handshake is done. `host`, for clients, is the one that the
    // server must prove to be. What was written before has gone out plain. Throws std::system_error of tls::category()
    // that says why it failed, within TransportOptions::handshake_timeout; then, and when it was cancelled, the stream
    // can only be ended.
    Coro<void> start_tls(std::shared_ptr<const tls::Context> context, std::string host = {});
    // nullptr: it is plain.
    const tls::Session* tls() const noexcept;

    // At least one byte, at most buffer.size(); 0 is the peer's end, or an empty buffer.
    Coro<std::size_t> read_some(std::span<char> buffer);
    // Fills the buffer. EndOfStreamError if the peer ends before; what came until then stays readable.
    Coro<void> read_exactly(std::span<char> buffer);
    // Up to and with `delimiter`. LimitError when it does not come within bytes_max; nothing for the peer's end before
    // the first byte, EndOfStreamError for one in the middle.
    Coro<std::optional<std::string>> read_until(std::string delimiter, std::size_t bytes_max = line_bytes_max_default);

    // Takes the bytes (they are copied), and sends them at the turn's end. Throws std::system_error if the connection
    // is lost. Never waits: a loop that writes much calls drain.
    void write(std::string_view bytes);
    // Waits while more than the high water is queued, until it is at the low water. std::system_error if lost.
    Coro<void> drain();
    // write and drain, in pieces: never more than about the high water is queued.
    Coro<void> write_all(std::string_view bytes);
    // Sends `length` bytes of the file from `offset` on, behind what was written, and waits until our kernel has them
    // all; as send_file.hpp says. FileEndedError for a file that is, or becomes, too short.
    Coro<void> send_file(File& file, std::uint64_t offset, std::uint64_t length);
    // Ends our side behind what was written; the peer reads the end, and may still write.
    void write_end();

    // Takes the stream off its loop, when all that was written is sent: nothing is lost, either way. To this Stream the
    // connection is lost from then on. std::logic_error while another task reads or drains, std::system_error if the
    // connection is lost. Cancel-safe: it goes on as before.
    Coro<Detached> detach();

    std::size_t queued_bytes() const noexcept;
    // Taken from the socket already, and not yet by a read.
    std::size_t unread_bytes() const noexcept { return kept_.size(); }
    int fd() const noexcept;
    Address peer_address() const;
    void set_nodelay(bool on) noexcept;
    // Closes now; what was not sent is gone. A read or drain of another task ends with ECONNABORTED, as later calls do.
    void abort() noexcept;

private:
    class Writer;
    class Reading;

    void check_unused(const char* caller) const;
    // Until nothing is queued any more; the first one: std::logic_error while another task reads or drains.
    Coro<void> send_all(const char* caller);
    Coro<void> wait_until_sent();
    // Until the outbox is at its low water, if it is above its high water.
    Coro<void> wait_until_drained();
    // Reads more behind what is kept. False at the peer's end.
    Coro<bool> read_more(std::size_t bytes_wanted);
    Coro<bool> read_more_through_tls();
    bool take_from_wire();

    std::unique_ptr<Writer> writer_;
    std::string kept_;  // read from the socket, not yet by the caller
};

// The next connection of a listening socket, for one task at a time. Cancel-safe. Throws std::system_error, EMFILE
// among them.
Coro<Stream> accept_from(int listening_socket);

}  // namespace stepwise::net
