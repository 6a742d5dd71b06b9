// A WebSocket connection of either end: frames to messages, messages to its face, keepalive, the close handshake.
//
//     Coro<void> echo(ws::Connection& connection) {
//         while (auto message = co_await connection.receive()) co_await connection.send(message->data());
//     }
//
// It belongs to itself, and ends when the connection is closed and its face will do no more: of a server's, a coroutine
// or a handler object (see route.hpp); of a client's, whoever holds the ClientConnection (see connect.hpp). Messages
// that the face has not taken yet wait here; reading stops while they are many, and while the peer does not take what
// we send. The loop's thread: elsewhere std::logic_error.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/transport.hpp>
#include <stepwise/ws/face.hpp>
#include <stepwise/ws/message.hpp>
#include <stepwise/ws/protocol.hpp>
#include <stepwise/ws/shared_message.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::ws {

// What becomes of a message that is written while queued_bytes_max wait for a peer that does not take them. Who would
// wait instead awaits send().
enum class WhenFull : std::uint8_t {
    close,        // the connection ends (1013)
    drop_newest,  // this message is not sent
    drop_oldest,  // those that have waited longest are not, but for send()'s while it waits
    // With either of these it goes on reading meanwhile, and answers one ping a second at most.
};

struct ConnectionOptions {
    ProtocolOptions protocol;
    // What a server speaks (RFC 6455 §1.9); the client's order decides. A client's are in its ConnectOptions.
    std::vector<std::string> subprotocols;
    // Pages of these origins may connect too, "https://example.com", beside those that check_origin lets in.
    std::vector<std::string> allowed_origins;
    net::TransportOptions transport;
    // Messages that wait for the face: above either, no further one is unpacked, and reading stops.
    std::size_t waiting_messages_max = 64;
    std::size_t waiting_bytes_max = 256 * 1024;
    // Bytes that may wait for the peer. send() waits long before; of a write_message beyond it `when_full` decides.
    std::size_t queued_bytes_max = 8 * 1024 * 1024;
    WhenFull when_full = WhenFull::close;
    // A ping after so much silence, 0: none; then so long for any sign of life. Watched once a second. While this end
    // itself stops reading, its peer's silence does not count, but that it acknowledges nothing, the ping included.
    int ping_interval_seconds = 20;
    int ping_timeout_seconds = 20;
    // For the peer's half of the close handshake; and for a face to take the messages that came before the peer's
    // Close, which is answered when it asks for more: until then it can still send.
    int close_timeout_seconds = 10;
};

// What the handshake agreed on. The subprotocol's bytes outlive the connection.
struct Agreed {
    std::string_view subprotocol;
    std::optional<CompressionTerms> compression;
};

// Thrown by what needs an open connection. Carries how it was closed.
class ConnectionClosed : public std::runtime_error {
public:
    ConnectionClosed(CloseCode close_code, std::string close_reason);

    CloseCode code;
    std::string reason;
};

class Connection : private net::TransportHandler, private Timer, private ReadyNode, public frame_pool::Pooled {
public:
    // ---- for the coroutine face

    // The next message, or nothing once the connection is closed and all were taken: see close_code(). One task at a
    // time. Cancel-safe: a cancelled receive has taken no message.
    class Receive;
    Receive receive() noexcept;

    // Sends, and waits while more than the high water is queued before the end of this message. ConnectionClosed if the
    // connection is closed, before or meanwhile. Cancel-safe in that the message is queued once, whole, or not at all.
    // The bytes are copied at the call.
    class Send;
    Send send(std::string_view text);
    Send send_binary(std::string_view bytes);

    // Waits for the connection's end; messages that still come are dropped. Cancel-safe. close() comes first where it
    // is this end's decision.
    Coro<void> wait_closed();

    // ---- for any face

    // Queues a message without waiting. False if the connection is closed, or closing, or just became so because
    // queued_bytes_max was reached; on_close is then called later, never from within. False, too, if it was dropped.
    bool write_message(std::string_view data, bool binary = false) { return write(data, binary, false); }
    // One that was encoded before, shared by many connections (see Broadcast); of a server.
    bool write_message(const SharedMessage& message);
    // Starts the close handshake; no message is given any more. std::invalid_argument for a code that may not be sent
    // (1005, 1006 …), or a reason over 123 bytes or not UTF-8. Does nothing once closing.
    void close(CloseCode code = CloseCode::normal_closure, std::string_view reason = {});
    // Ends the connection now, without a close handshake: 1006 at both ends, and what is queued is gone.
    void abort() noexcept;

    bool is_open() const noexcept { return state_ == State::open; }
    // How it was closed: the peer's code; 1005 for a close without one, 1006 for a connection that was lost. While it
    // is closing, our own.
    CloseCode close_code() const noexcept { return close_code_; }
    const std::string& close_reason() const noexcept { return close_reason_; }

    // The request that opened it, of a server's connection. Only until open(), or the coroutine's first await of this
    // connection, has returned.
    const http::Request& request() const;
    const std::string& remote_ip() const noexcept { return remote_ip_; }
    // What the handshake agreed on; empty: none.
    std::string_view subprotocol() const noexcept { return subprotocol_; }
    const ConnectionOptions& options() const noexcept { return options_; }
    // Of the messages we compress: how far back one may refer, 8 to 15. 0: none is compressed.
    int sent_window_bits() const noexcept;
    // What waits for the peer: in this process, and behind that in its kernel (TCP only).
    std::size_t queued_bytes() const noexcept;
    // Messages that were not sent, by `when_full`.
    std::size_t dropped_messages() const noexcept { return dropped_messages_; }
    // Between the last keepalive ping that was answered and its pong; what was queued before the ping counts, too.
    std::optional<Duration> round_trip_time() const noexcept;
    // For reports: " to 127.0.0.1:8000, 2400 bytes sent that the peer has not acknowledged"; empty when closed.
    std::string describe_peer() const;
    std::size_t unacknowledged_bytes() const noexcept { return transport_ ? transport_->unacknowledged_bytes() : 0; }
    void set_nodelay(bool on) noexcept;

    EventLoop& loop() const noexcept { return loop_; }

protected:
    // `options` outlives the connection. Ticks are seconds, counted from anywhere.
    Connection(EventLoop& loop, net::Transport::Owner transport, Role role, const ConnectionOptions& options,
               MaskKeySource mask_key_source, const Agreed& agreed, std::string remote_ip, int tick);
    virtual ~Connection();

    void start(std::unique_ptr<Face> face, std::span<char> unconsumed);
    void keep_request(http::Request& request);
    void start_close(CloseCode code, std::string_view reason);
    // Keepalive and the like: once a second.
    void check_peer(int tick);
    // At once, the face is told within; the object may end within.
    void end_now() noexcept;

private:
    friend class Face;
    class Call;
    enum class State : std::uint8_t { open, closing, closed };
    struct Waiting : frame_pool::Pooled {
        explicit Waiting(MessageView view) : message(view) {}
        Waiting* next = nullptr;
        Message message;
    };

    void received(std::span<char> bytes) override;
    void received_end() override;
    void connection_lost(int error) override;
    void drained() override;
    static void close_timed_out(Timer& timer) noexcept;
    static void run_end(ReadyNode& node);

    trace::Tracer* traced() const noexcept { return transport_ ? transport_->tracer() : nullptr; }
    void handle_events();
    // What was received and left unread, while many messages waited.
    void go_on();
    bool is_behind() const noexcept;
    void keep_unread();
    void handle(const Protocol::Message& message);
    void handle(const Protocol::Close& close);
    void answer_close();
    // Tells which ping a pong answers.
    std::string_view ping_payload() const noexcept {
        return {reinterpret_cast<const char*>(&pings_sent_), sizeof pings_sent_};
    }
    void push(MessageView view);
    std::optional<Message> pop();
    void handle(const Protocol::Pong& pong);
    void update_reading();
    void drop_waiting() noexcept;

    // In connection_sending.cpp.
    struct Backlog;
    struct DropBacklog {
        void operator()(Backlog* backlog) const noexcept;
    };
    bool may_write(bool by_sender);
    bool write(std::string_view data, bool binary, bool by_sender);
    bool must_hold() const noexcept;
    bool written() noexcept;
    bool hold(MessageView view, const SharedMessage* shared, bool by_sender);
    void let_drop_sent() noexcept;
    void put(const SharedMessage& message);
    void drain_backlog(bool all);
    void answer(const Protocol::Ping& ping);
    void wake_sender_if_sent() noexcept;
    void shut(CloseCode code, std::string_view reason) noexcept;
    void end(CloseCode code, std::string_view reason) noexcept;
    void end_later() noexcept;
    void tell_face() noexcept;
    void too_slow() noexcept;
    void arm_close_timer();
    void send_keepalive();
    bool acknowledges_more() const noexcept;
    void release_request() noexcept { request_.reset(); }
    // The face has returned, or will do no more: the object ends here if the connection is closed.
    void face_done() noexcept;
    void end_if_over() noexcept;
    void check_thread() const { loop_.check_thread("ws::Connection"); }

    EventLoop& loop_;
    const ConnectionOptions& options_;
    net::Transport::Owner transport_;
    Protocol protocol_;
    std::unique_ptr<Face> face_;
    std::unique_ptr<http::Request> request_;
    std::string remote_ip_;
    std::string_view subprotocol_;
    std::string close_reason_;
    std::unique_ptr<Backlog, DropBacklog> backlog_;
    std::unique_ptr<std::vector<char>> unread_;  // lent to the protocol
    Waiting* first_waiting_ = nullptr;
    Waiting* last_waiting_ = nullptr;
    std::size_t waiting_bytes_ = 0;
    std::size_t waiting_count_ = 0;
    Receive* receiver_ = nullptr;
    Send* sender_ = nullptr;
    std::uint64_t acknowledged_bytes_ = 0;  // when the ping was sent
    TimePoint ping_sent_{};                 // no pong has come for it
    TimePoint next_pong_{};                 // behind a full transport, no earlier
    std::uint32_t pings_sent_ = 0;
    Duration round_trip_time_{};
    std::uint32_t dropped_messages_ = 0;
    int last_activity_tick_;
    CloseCode close_code_ = CloseCode::abnormal_closure;
    State state_ = State::open;
    std::uint8_t ping_bytes_ = 0;  // of the ping itself
    bool active_ = false;          // since the last tick
    bool pinged_ = false;
    bool reading_paused_ = false;
    bool close_waits_ = false;  // the peer's, behind messages that the face has not taken
    bool face_told_ = false;
    bool face_done_ = false;
    bool end_queued_ = false;
    bool goes_on_ = false;    // instead of the end that is queued
    bool in_events_ = false;  // somebody calls the face: the object must outlive that
};

// Awaits of one task on one connection, in that task's frame. Resumed by the task's step, which the connection queues.
class [[nodiscard]] Connection::Receive : public Suspension {
public:
    explicit Receive(Connection& connection) noexcept : Suspension(kind), connection_(connection) {}
    ~Receive();

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        return start(*frame.promise().task, where);
    }
    std::optional<Message> await_resume();

private:
    friend class Connection;
    bool start(TaskBase& task, std::source_location where);
    void wake() noexcept;
    static void cancelled(Suspension& suspension) noexcept;
    static void describe(const Suspension& suspension, WaitDescription& description);
    static const WaitKind kind;

    Connection& connection_;
    TaskBase* task_ = nullptr;
    bool interrupted_ = false;
};

class [[nodiscard]] Connection::Send : public Suspension {
public:
    Send(Connection& connection, bool queued) noexcept : Suspension(kind), connection_(connection), queued_(queued) {}
    ~Send();

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> frame,
                       std::source_location where = std::source_location::current()) {
        return start(*frame.promise().task, where);
    }
    void await_resume() const;

private:
    friend class Connection;
    bool start(TaskBase& task, std::source_location where);
    void wake() noexcept;
    static void cancelled(Suspension& suspension) noexcept;
    static void describe(const Suspension& suspension, WaitDescription& description);
    static const WaitKind kind;

    Connection& connection_;
    TaskBase* task_ = nullptr;
    std::size_t bytes_behind_ = 0;  // queued after this message
    bool queued_;
    bool interrupted_ = false;
};

inline Connection::Receive Connection::receive() noexcept {
    return Receive(*this);
}

}  // namespace stepwise::ws
