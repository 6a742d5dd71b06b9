// One simulated socket, or one end of a pipe: a small model of TCP and of Unix stream sockets.
//
// What is sent waits in `unsent` until the receiver's window has room, travels as pieces that keep their order, and
// stands in the receiver's buffer until it is read. An end (FIN) and a reset (RST) travel behind the bytes. A socket is
// shared by its descriptor, its peer and its happenings; a closed one lives on until its last bytes have arrived.
// Completions are not made here: whoever may have become ready is told to the network. Results are those of the system
// calls, minus an errno. One thread.
#pragma once

#include <stepwise/runtime/clock.hpp>
#include <stepwise/runtime/reactor/operation.hpp>
#include <stepwise/runtime/sim/endpoint.hpp>
#include <stepwise/runtime/sim/timeline.hpp>

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace stepwise::sim {

class Network;
struct Stream;

class Socket final : public Happening, public std::enable_shared_from_this<Socket> {
public:
    enum class Kind : std::uint8_t { tcp, unix_stream, pipe };
    enum class State : std::uint8_t { fresh, listening, connecting, connected, failed, closed };

    Socket(Network& network, std::uint64_t id, Kind kind, int family) noexcept;
    ~Socket();

    int send(std::span<const iovec> parts);
    int recv(std::span<char> to);
    // Which of the conditions of poll(2) hold.
    std::uint32_t ready() const noexcept;
    int shutdown(int how);
    // The program has closed its descriptor.
    void close(bool with_reset);
    int take_error() noexcept { return std::exchange(error, 0); }

    // Joins two ends: what one sends the other receives.
    static void join(Socket& one, Socket& other);
    // The two ends of a pipe.
    static void join_one_way(Socket& reader, Socket& writer);
    // The peer, or the way to it, is gone: what is under way is lost.
    void break_with(int error);
    // A packet of the peer says that it knows nothing of this connection, or no longer.
    void receive_reset();

    std::size_t unacknowledged_bytes() const noexcept { return unsent_size() + in_flight_bytes_; }
    std::size_t unread_bytes() const noexcept { return received_.size() - received_from_; }
    bool is_broken() const noexcept { return broken_; }
    bool is_stalled() const noexcept;
    // The program does not read for so long, as far as anybody can see.
    void stall(Duration time);
    // It reads little by little for so long.
    void read_slowly(Duration time) noexcept;
    // Nothing arrives, either way, for so long.
    void part_from_peer(Duration time);
    // The direction to the peer ends here: what is unsent is lost.
    void end_sending();
    // What was held up by a cut moves again.
    void resume();

    void happen(unsigned what) override;

    Network& network;
    const std::uint64_t id;  // in the order in which they were made
    const Kind kind;
    State state = State::fresh;
    int fd = -1;          // -1: nobody has accepted it yet, or it is closed
    int descriptors = 0;  // that stand for it
    int error = 0;
    Endpoint local;
    Endpoint remote;
    std::shared_ptr<Socket> peer;  // while it is joined
    std::size_t send_buffer_bytes;
    std::size_t receive_buffer_bytes;
    bool cut = false;  // nothing that it sends arrives any more
    TimePoint cut_until = TimePoint::min();

    bool shares_port = false;  // SO_REUSEPORT

    // Of a listener: connections that nobody has accepted yet.
    std::deque<std::shared_ptr<Socket>> backlog;
    std::size_t backlog_max = 0;

    // Of a connection that is being made.
    int attempts = 0;
    bool refused = false;

    // What one reactor waits for here: operations, first come first served, linked through Operation::next, or a
    // stream.
    struct Use {
        bool waits() const noexcept {
            return readers != nullptr || writers != nullptr || polls != nullptr || stream != nullptr;
        }

        const void* reactor = nullptr;  // nullptr: nobody has used it yet
        Operation* readers = nullptr;
        Operation* writers = nullptr;
        Operation* polls = nullptr;
        Stream* stream = nullptr;
        bool told_changed = false;
    };
    // One that waits for nothing becomes the next reactor's, as a socket may be handed from loop to loop.
    Use& use_of(const void* reactor);
    std::list<Use> uses = std::list<Use>(1);
    // Who is told of changes in the reactors' place: it has no descriptor.
    std::weak_ptr<Happening> observer;
    bool told_observer = false;

    // Happenings.
    static constexpr unsigned arrives = 0;
    static constexpr unsigned gives_up = 1;
    static constexpr unsigned asks_to_connect = 2;
    static constexpr unsigned is_answered = 3;
    static constexpr unsigned stall_ends = 4;
    static constexpr unsigned is_reset = 5;
    static constexpr unsigned cut_ends = 6;

private:
    enum class Content : std::uint8_t { bytes, end, reset, broken_on_the_way };
    struct Piece {
        TimePoint arrival;
        Content content;
        std::string bytes;
    };

    std::size_t unsent_size() const noexcept { return unsent_.size() - unsent_from_; }
    std::size_t room_to_send() const noexcept;
    std::size_t window() const noexcept;
    int refusal_to_send();
    void transmit();
    void dispatch(Content content, std::string bytes);
    void deliver();
    void arrive(Piece piece);
    void part_if_over();
    bool is_over() const noexcept;
    bool arrives_at_once() const noexcept;
    bool peer_is_gone() const noexcept { return peer == nullptr || peer->state == State::closed; }

    std::string unsent_;
    std::size_t unsent_from_ = 0;
    std::deque<Piece> in_flight_;
    std::size_t in_flight_bytes_ = 0;
    TimePoint last_arrival_{};
    TimePoint line_free_{};
    TimePoint held_since_ = TimePoint::max();  // the first piece waits for a cut to end
    TimePoint stalled_until_ = TimePoint::min();
    TimePoint slow_until_ = TimePoint::min();
    std::string received_;
    std::size_t received_from_ = 0;
    bool end_received_ = false;
    bool end_wanted_ = false;  // ours, behind what is unsent
    bool end_sent_ = false;
    bool reading_ended_ = false;  // shutdown(SHUT_RD)
    bool broken_ = false;         // by a reset or a timeout
};

}  // namespace stepwise::sim
