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
#include <stepwise/ws/short_text.hpp>
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
    // What a server speaks (RFC 6455 §1.9); the client's order decides. A client's are those of its ConnectOptions.
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

// What the handshake agreed on. The subprotocol is one of the connection's options, or none.
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

class Connection : private net::TransportHandler, public frame_pool::Pooled {
public:
    // ---- for the coroutine face

    // The next message, or nothing once the connection is closed and all were taken: see close_code(). One task at a
    // time. Cancel-safe: a cancelled receive has taken no message. Of a connection that is lost, what was read before
    // is still given; what the kernel still had is gone with it.
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
    // One that was encoded before, shared by many connections (see Broadcast); of a server, else std::logic_error.
    bool write_message(const SharedMessage& message);
    // Starts the close handshake; no message is given any more. std::invalid_argument for a code that may not be sent
    // (1005, 1006 …), or a reason over 123 bytes or not UTF-8. Does nothing once closing.
    void close(CloseCode code = CloseCode::normal_closure, std::string_view reason = {});
    // Ends the connection now, without a close handshake: 1006 at both ends, and what is queued is gone.
    void abort() noexcept;

    Role role() const noexcept { return is_client_ ? Role::client : Role::server; }
    bool is_open() const noexcept { return state_ == State::open; }
    // How it was closed: the peer's code; 1005 for a close without one, 1006 for a connection that was lost. While it
    // is closing, our own.
    CloseCode close_code() const noexcept;
    const std::string& close_reason() const noexcept;

    // The request that opened it, of a server's connection. Only until open(), or the coroutine's first await of this
    // connection, has returned.
    const http::Request& request() const;
    std::string_view remote_ip() const noexcept { return remote_ip_.view(); }
    // What the handshake agreed on; empty: none.
    std::string_view subprotocol() const noexcept;
    const ConnectionOptions& options() const noexcept { return *options_; }
    // Of the messages we compress: how far back one may refer, 8 to 15. 0: none is compressed.
    int sent_window_bits() const noexcept;
    // What waits for the peer: in this process, and behind that in its kernel (TCP only).
    std::size_t queued_bytes() const noexcept;
    // Messages that were not sent, by `when_full`.
    std::size_t dropped_messages() const noexcept;
    // Between the last keepalive ping that was answered and its pong; what was queued before the ping counts, too.
    std::optional<Duration> round_trip_time() const noexcept;
    // For reports: " to 127.0.0.1:8000, 2400 bytes sent that the peer has not acknowledged"; empty when closed.
    std::string describe_peer() const;
    std::size_t unacknowledged_bytes() const noexcept { return transport_ ? transport_->unacknowledged_bytes() : 0; }
    void set_nodelay(bool on) noexcept;

    EventLoop& loop() const noexcept { return loop_; }

protected:
    // Ticks are seconds, counted from anywhere.
    Connection(EventLoop& loop, net::Transport::Owner transport, Role role,
               std::shared_ptr<const ConnectionOptions> options, const Agreed& agreed, std::string_view remote_ip,
               int tick);
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
    friend class Topics;
    class Call;
    // lost: there is no transport any more, but what was read before it went is still unpacked.
    enum class State : std::uint8_t { open, closing, lost, closed };
    struct Waiting;
    struct Backlog;
    struct Work;
    struct EndWork {
        void operator()(Work* work) const noexcept;
    };

    void received(std::span<char> bytes) override;
    void received_end() override;
    void connection_lost(int error) override;
    void drained() override;
    // Made when it is needed. It stays while in_events_ is set, or until rest().
    Work& work() {
        if (work_ == nullptr) [[unlikely]]
            start_work();
        return *work_;
    }
    void start_work();
    // False: there is no memory for it.
    bool has_work() noexcept;
    // Nothing happens any more: the work ends, unless it holds something.
    void rest() noexcept;

    trace::Tracer* traced() const noexcept { return state_ == State::closed ? nullptr : loop_.tracer(); }
    void read(std::span<char> bytes);
    void handle_events(Work& work);
    // What was received and left unread, while many messages waited.
    void go_on();
    bool is_behind() const noexcept;
    bool has_waiting() const noexcept;
    bool has_unread() const noexcept;
    bool gives_messages() const noexcept { return state_ == State::open || state_ == State::lost; }
    void keep_unread();
    void handle(const Protocol::Message& message);
    void handle(const Protocol::Close& close);
    void answer_close();
    // Tells which ping a pong answers.
    std::string_view ping_payload() const noexcept;
    void push(MessageView view);
    std::optional<Message> pop();
    void handle(const Protocol::Pong& pong);
    void update_reading();
    void drop_waiting() noexcept;

    // In connection_sending.cpp.
    bool may_write(bool by_sender);
    bool write(std::string_view data, bool binary, bool by_sender);
    bool must_hold() const noexcept;
    bool written() noexcept;
    bool hold(MessageView view, const SharedMessage* shared, bool by_sender);
    void let_drop_sent() noexcept;
    void put(const SharedMessage& message);
    void drain_backlog(bool all);
    void answer(const Protocol::Ping& ping);
    bool has_backlog() const noexcept;
    bool has_sender() const noexcept;
    void wake_sender() noexcept;
    void wake_sender_if_sent() noexcept;
    void forget_sender(const Send& sender) noexcept;
    void lose(std::string_view reason) noexcept;
    void shut(CloseCode code, std::string_view reason) noexcept;
    void end(CloseCode code, std::string_view reason) noexcept;
    void end_later() noexcept;
    void end_without_work() noexcept;
    void run_end();
    void tell_face() noexcept;
    void end_subscriptions() noexcept;
    void too_slow() noexcept;
    void arm_close_timer();
    void send_keepalive();
    bool acknowledges_more() const noexcept;
    void release_request() noexcept;
    // The face has returned, or will do no more: the object ends here if the connection is closed.
    void face_done() noexcept;
    // True: the object has ended.
    bool end_if_over() noexcept;
    void check_thread() const { loop_.check_thread("ws::Connection"); }

    // A server has many that do nothing: what they do without is in Work.
    EventLoop& loop_;
    std::shared_ptr<const ConnectionOptions> options_;
    net::Transport::Owner transport_;
    std::unique_ptr<Face> face_;
    std::unique_ptr<Work, EndWork> work_;
    ShortText remote_ip_;
    Receive* receiver_ = nullptr;
    TimePoint ping_sent_{};                 // no pong has come for it
    std::uint32_t acknowledged_bytes_ = 0;  // when it was sent: the lower half
    std::uint32_t round_trip_microseconds_ = 0;
    int last_activity_tick_;
    std::optional<CompressionTerms> compression_;
    std::uint16_t subprotocol_ = 0;  // of the options', counted from 1
    State state_ = State::open;
    bool is_client_ : 1;
    bool active_ : 1 = false;  // since the last tick
    bool pinged_ : 1 = false;
    bool reading_paused_ : 1 = false;
    bool close_waits_ : 1 = false;  // the peer's, behind messages that the face has not taken
    bool face_told_ : 1 = false;
    bool face_done_ : 1 = false;
    bool end_queued_ : 1 = false;
    bool has_topics_ : 1 = false;  // see topics.hpp
    bool goes_on_ : 1 = false;     // instead of the end that is queued
    bool in_events_ : 1 = false;   // somebody calls the face: the object must outlive that
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
