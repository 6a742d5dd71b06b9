// What a connection holds only while something happens on it: bytes that are looked at, messages that wait, a Close.
//
// Made with the first byte of a turn that arrives or is written, given back to the frame pool when it holds nothing
// that another one would not, too (see rest()); of an idle connection there is none. Nobody else includes this.
#pragma once

#include <stepwise/ws/connection.hpp>

#include <memory>
#include <string>
#include <vector>

namespace stepwise::ws {

struct Connection::Waiting : frame_pool::Pooled {
    explicit Waiting(MessageView view) : message(view) {}
    Waiting* next = nullptr;
    Message message;
};

struct Connection::Work : Timer, ReadyNode, frame_pool::Pooled {
    struct EndBacklog {
        void operator()(Backlog* backlog) const noexcept;
    };

    explicit Work(Connection& of);
    static void close_timed_out(Timer& timer) noexcept;
    static void run_end(ReadyNode& node);
    // Where there is no memory for the reason there is none.
    void note_end(CloseCode code, std::string_view reason) noexcept;
    ~Work() {
        if (armed()) connection.loop_.remove_timer(*this);
    }

    bool holds_nothing() const noexcept {
        return protocol.is_as_new() && first_waiting == nullptr && unread == nullptr && request == nullptr &&
               backlog == nullptr && sender == nullptr && dropped_messages == 0 && !armed() && next_pong == TimePoint{};
    }

    Connection& connection;
    Protocol protocol;
    std::unique_ptr<http::Request> request;
    std::unique_ptr<std::vector<char>> unread;  // lent to the protocol
    Waiting* first_waiting = nullptr;
    Waiting* last_waiting = nullptr;
    std::size_t waiting_bytes = 0;
    std::size_t waiting_count = 0;
    std::unique_ptr<Backlog, EndBacklog> backlog;
    Send* sender = nullptr;
    TimePoint next_pong{};  // behind a full transport, no earlier
    std::size_t dropped_messages = 0;
    std::string close_reason;
    CloseCode close_code = CloseCode::abnormal_closure;
    bool input_has_ended = false;  // behind what is unread
};

// While the face is called the object stays, and its work, whatever the face does.
class Connection::Call {
public:
    explicit Call(Connection& connection) noexcept : connection_(connection), outer_(connection.in_events_) {
        connection_.in_events_ = true;
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { connection_.in_events_ = outer_; }

private:
    Connection& connection_;
    bool outer_;
};

}  // namespace stepwise::ws
