// SharedBroadcast: a Broadcast whose members belong to several loops: one room, whichever loop a connection came to.
//
//     everybody.send("from any thread");
//
// Each message is encoded once, and every loop sends the same bytes to its own members, in one order: if someone hears
// A before B, all do. Members of the loop that send() is called on get it at once, others when their loop comes to it.
// A connection is a member from add() to remove(), which its on_close must call; both on the connection's loop. A loop
// that lets too much wait has its members closed (1013). It must outlive its members. send() and size(): any thread.
#pragma once

#include <stepwise/ws/connection.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace stepwise::ws {

class SharedBroadcast {
public:
    // Bytes that may wait for one loop to come to them: each frame counts once, however many members it has, and what
    // it costs to hold it.
    explicit SharedBroadcast(std::size_t waiting_bytes_max = 8 * 1024 * 1024);
    SharedBroadcast(const SharedBroadcast&) = delete;
    SharedBroadcast& operator=(const SharedBroadcast&) = delete;

    // Of what was sent before, the newcomer gets nothing. What throws has changed nothing: std::logic_error for a
    // client's connection (see Broadcast), std::bad_alloc.
    void add(Connection& connection);
    // False if it was no member.
    bool remove(Connection& connection) noexcept;

    // To every member that is open. `except`, of the loop that runs here, is left out. Returns how many members it is
    // for. std::bad_alloc as of Broadcast; of members of another loop that loop's exception handler is told.
    std::size_t send(std::string_view text, const Connection* except = nullptr) {
        return send_frame(Opcode::text, text, except);
    }
    std::size_t send_binary(std::string_view bytes, const Connection* except = nullptr) {
        return send_frame(Opcode::binary, bytes, except);
    }

    std::size_t size() const;

private:
    class Part;
    struct Shared;

    std::size_t send_frame(Opcode opcode, std::string_view payload, const Connection* except);
    void tell(const std::shared_ptr<Part>& part);

    std::shared_ptr<Shared> shared_;  // with calls that are on their way to a loop
};

}  // namespace stepwise::ws
