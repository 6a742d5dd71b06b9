// One connected socket: bytes that arrive are given to a handler, bytes that leave are corked within a turn and sent
// once before the loop polls. What asyncio calls a transport and its protocol.
//
//     net::Transport::Owner transport = net::Transport::make(loop, std::move(socket), &handler, {});
//     transport->start_receiving();
//     net::append(*transport, "hello ");
//
// Owned by a Transport::Owner. When that lets go, what was written is still sent and the socket closed in order: our
// end first, then what the peer still sends is read and dropped until it ends too or linger_timeout has passed, so that
// a reset does not destroy the last bytes (RFC 9112 §9.6). `abort` closes at once. The object itself lives until the
// kernel has let go of its last operation, or the loop ends: an Owner that outlives the loop has a lost connection. The
// loop's thread.
#pragma once

#include <stepwise/net/outbox.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/net/tls/session.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/planted.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace stepwise::net {

// All calls come in handles of the loop, never from within a call of the Transport's. After connection_lost comes none.
class TransportHandler {
public:
    // `bytes` may be changed in place, and are gone when the call returns.
    virtual void received(std::span<char> bytes) = 0;
    // The peer has ended its side; ours is still open.
    virtual void received_end() = 0;
    // The connection broke: an errno, ECONNRESET, EPIPE, ETIMEDOUT …, EPROTO where tls()->error() says why. What was
    // not sent is gone.
    virtual void connection_lost(int error) = 0;
    // The outbox, which was above its high water, has fallen to its low water.
    virtual void drained() = 0;

protected:
    ~TransportHandler() = default;
};

struct TransportOptions {
    std::size_t write_high_water_bytes = 64 * 1024;
    std::size_t write_low_water_bytes = 16 * 1024;
    Duration linger_timeout = std::chrono::seconds(2);
    Duration handshake_timeout = std::chrono::seconds(10);  // of TLS; Duration::max(): for ever
};

class Transport final : private Receiver,
                        private ReadyNode,
                        private Timer,
                        private LoopBound,
                        public frame_pool::Pooled {
public:
    struct LetGo {
        void operator()(Transport* transport) const noexcept { transport->let_go(); }
    };
    using Owner = std::unique_ptr<Transport, LetGo>;

    // `handler` outlives the Owner, or its own set_handler(nullptr).
    static Owner make(EventLoop& loop, UniqueFd socket, TransportHandler* handler, const TransportOptions& options);

    void set_handler(TransportHandler* handler) noexcept { handler_ = handler; }
    void set_options(const TransportOptions& options) noexcept { limits_ = Limits(options); }

    // From here on the connection is TLS, in both directions: the handler gets plain bytes, what is written waits for
    // the handshake and is encrypted as the socket takes it. The peer's end is its close_notify; without one the
    // connection is lost. `host` is for clients (see tls::Session, which throws). At most once.
    void start_tls(std::shared_ptr<const tls::Context> context, std::string_view host = {});
    // Goes on with one that came from release_tls().
    void resume_tls(std::unique_ptr<tls::Session> session);
    std::unique_ptr<tls::Session> release_tls() noexcept;
    // nullptr: the connection is plain.
    const tls::Session* tls() const noexcept;
    // For who reads the socket itself instead of receiving: plain bytes are appended. Returns how many. An empty view
    // is the peer's end.
    std::size_t take_from_wire(std::string_view bytes, std::string& plain);

    void start_receiving();
    // Backpressure towards the peer. A little that was under way may still arrive after a pause.
    void pause_receiving() noexcept;
    void resume_receiving();

    // A ByteSink. Writing to a connection that is lost does nothing.
    char* prepare(std::size_t bytes) { return outbox_.prepare(bytes); }
    void commit(std::size_t bytes) {
        outbox_.commit(bytes);
        schedule_flush();
    }
    // For much at once: what the socket takes now is not copied, the rest is corked. Where there is no memory for that
    // the connection is lost.
    void append(std::string_view bytes);
    void write(const SharedBytes& bytes) {
        outbox_.append(bytes);
        schedule_flush();
    }
    // Our side ends behind what was written.
    void write_end();
    // Somebody sent so much past the outbox, which was empty (see send_file).
    void note_sent(std::size_t bytes) noexcept;
    // Their send found that the connection is broken: it is lost.
    void note_send_failed(int error) noexcept { fail(error); }
    // Sends what is corked now instead of at the turn's end.
    void flush() noexcept;

    std::size_t queued_bytes() const noexcept { return tls_ == nullptr ? outbox_.size() : queued_with_tls(); }
    // What our kernel has and the peer's has not acknowledged.
    std::size_t unacknowledged_bytes() const noexcept;
    // What the peer's kernel has acknowledged: while it grows, the peer is there and reads. Of a Unix socket, what it
    // took.
    std::uint64_t acknowledged_bytes() const noexcept;
    // Instead of the low water: drained() comes when nothing is queued any more. Something must be queued.
    void report_when_sent() noexcept {
        limits_.write_low_water_bytes = 0;
        if (!is_lost()) become_full();
    }
    // Above the high water and not yet back at the low water: a writer should wait.
    bool is_full() const noexcept { return full_; }
    // Whom to tell what it does; nullptr: nobody.
    trace::Tracer* tracer() const noexcept { return loop_.tracer(); }
    bool is_lost() const noexcept { return error_ != 0; }
    int error() const noexcept { return error_; }
    // One line that says why it is lost.
    std::string why_lost() const;
    [[noreturn]] void throw_lost() const;

    // Closes now; nothing more is sent, and no handler is called.
    void abort() noexcept;
    // Parts with the socket, open, for another loop; to this transport the connection is lost. std::logic_error while
    // it receives, or has something to send: flush() and drained() come first.
    UniqueFd release();

    // While it lives, the descriptor stays open for an operation of its maker's, whatever becomes of the connection:
    // one that is aborted is shut down, which ends every poll.
    class Hold {
    public:
        explicit Hold(Transport& transport) noexcept : transport_(transport) { ++transport.holds_; }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
        ~Hold() { transport_.end_hold(); }

    private:
        Transport& transport_;
    };

    EventLoop& loop() const noexcept { return loop_; }
    int fd() const noexcept { return socket_.get(); }

private:
    struct Send;
    struct Tls;
    class Call;

    // TransportOptions in half the bytes: there is one for every connection. Times in milliseconds, rounded up.
    struct Limits {
        explicit Limits(const TransportOptions& options) noexcept;
        std::uint32_t write_high_water_bytes;
        std::uint32_t write_low_water_bytes;
        std::int32_t linger_timeout;
        std::int32_t handshake_timeout;  // the largest: for ever
    };

    Transport(EventLoop& loop, UniqueFd socket, TransportHandler* handler, const TransportOptions& options) noexcept;
    ~Transport();

    void received(std::span<char> bytes) override;
    void receive_ended(int error) override;
    void loop_closing() noexcept override;
    static void send_completed(Operation& operation) noexcept;
    void sent() noexcept;
    static void run_flush(ReadyNode& node);
    static void run_report(ReadyNode& node);
    static void time_is_up(Timer& timer) noexcept;

    void schedule_flush() {
        bool over = outbox_.size() > limits_.write_high_water_bytes && !is_lost();
        if (over && !planted("unbounded_queue")) [[unlikely]]
            become_full();
        if (!node_queued_ && !pending()) queue_flush();
    }
    void become_full() noexcept;
    void queue_flush() noexcept;
    void report_later() noexcept;
    // What goes to the socket next: with TLS it is encrypted first.
    Outbox& to_wire() noexcept { return tls_ == nullptr ? outbox_ : encrypted(); }
    bool has_more_for_wire() noexcept {
        if (tls_ != nullptr) encrypt();
        return !to_wire().empty();
    }
    bool pending() const noexcept { return send_ != nullptr; }
    std::size_t send_now(std::string_view bytes) noexcept;
    bool start_send() noexcept;
    void take_sent() noexcept;
    void end_send() noexcept;
    void cancel_send() noexcept;
    void abandon_send() noexcept;
    void fail(int error) noexcept;
    void clear_queued() noexcept;
    void end_writing() noexcept;
    void end_of_input();
    void let_go() noexcept;
    void linger() noexcept;
    void linger_from_now() { loop_.add_timer(*this, loop_.time() + std::chrono::milliseconds(limits_.linger_timeout)); }
    void stop_receiving() noexcept;
    void close_socket() noexcept;
    void finish_close() noexcept;
    void end_hold() noexcept;
    void delete_if_unused() noexcept;

    // In transport_tls.cpp; only with TLS.
    struct EndTls {
        void operator()(Tls* tls) const noexcept;
    };
    void received_from_wire(std::string_view bytes);
    int error_of_end_of_wire();
    void tls_has_moved() noexcept;
    void handshake_is_late() noexcept;
    void encrypt() noexcept;
    std::size_t encrypt_now(std::string_view bytes) noexcept;
    void fail_tls() noexcept;
    bool is_in_handshake() const noexcept { return tls_ != nullptr && !tls()->is_established(); }
    Outbox& encrypted() noexcept;
    std::size_t queued_with_tls() const noexcept;

    EventLoop& loop_;
    TransportHandler* handler_;
    Limits limits_;
    Outbox outbox_;
    std::uint64_t sent_bytes_ = 0;
    Send* send_ = nullptr;  // while the kernel has it; idle connections have none
    std::unique_ptr<Tls, EndTls> tls_;
    UniqueFd socket_;
    UniqueFd closing_;  // while a cancelled send holds it
    int error_ = 0;
    int holds_ = 0;
    bool node_queued_ = false;  // for a flush, or for a report
    bool full_ = false;
    bool drained_due_ = false;
    bool lost_reported_ = false;
    bool receiving_ = false;  // the reactor has us as its Receiver
    bool receive_paused_ = false;
    bool end_received_ = false;
    bool end_wanted_ = false;  // our side ends when the outbox is empty
    bool end_sent_ = false;
    bool in_call_ = false;  // of the handler: the object must outlive it
    bool owned_ = true;
};

}  // namespace stepwise::net
