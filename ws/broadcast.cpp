#include <stepwise/ws/broadcast.hpp>

#include <algorithm>
#include <cassert>

namespace stepwise::ws {

void Broadcast::add(Connection& connection) {
    assert(std::find(members_.begin(), members_.end(), &connection) == members_.end());
    members_.push_back(&connection);
}

bool Broadcast::remove(Connection& connection) noexcept {
    auto found = std::find(members_.begin(), members_.end(), &connection);
    if (found == members_.end()) return false;
    *found = members_.back();
    members_.pop_back();
    return true;
}

void Broadcast::send_frame(Opcode opcode, std::string_view payload, const Connection* except) {
    append_frame(frames_, opcode, payload, true, std::nullopt);
    net::SharedBytes frame = frames_.take();
    // Nobody joins or leaves meanwhile: the hooks of a member that ends by this are called later.
    for (Connection* member : members_) {
        if (member != except) member->write_frame(frame);
    }
}

}  // namespace stepwise::ws
