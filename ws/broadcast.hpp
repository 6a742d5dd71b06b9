// Broadcast: a group of connections that all get the same messages. Each message is encoded once, where members agreed
// on it compressed once, and its bytes are shared.
//
//     room.add(connection);      // in open()
//     room.send("somebody came");
//     room.remove(connection);   // in on_close()
//
// A connection is a member from add() to remove(), which its on_close must call; a member twice is a mistake that
// asserts. Nobody waits for anybody: a member that reads too slowly ends by its own queued_bytes_max. The loop's
// thread: elsewhere std::logic_error. For members of several loops, or a sender that is a thread: SharedBroadcast.
#pragma once

#include <stepwise/ws/connection.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace stepwise::ws {

class Broadcast {
public:
    // std::logic_error for a client's connection: what is shared is not masked, as its frames must be (RFC 6455 §5.1).
    void add(Connection& connection);
    // False if it was no member.
    bool remove(Connection& connection) noexcept;

    // To every member that is open. `except` is left out. std::bad_alloc: the message found no memory, or some members
    // found none for it and go on without; to all others it was sent.
    void send(std::string_view text, const Connection* except = nullptr) { send_frame(Opcode::text, text, except); }
    void send_binary(std::string_view bytes, const Connection* except = nullptr) {
        send_frame(Opcode::binary, bytes, except);
    }

    std::size_t size() const noexcept { return members_.size(); }

private:
    void send_frame(Opcode opcode, std::string_view payload, const Connection* except);

    EventLoop* loop_ = nullptr;  // of the members, while there are any
    std::vector<Connection*> members_;
    SharedEncoder encoder_;
};

}  // namespace stepwise::ws
