#include <stepwise/ws/broadcast.hpp>

#include <algorithm>
#include <cassert>
#include <exception>

namespace stepwise::ws {

void Broadcast::add(Connection& connection) {
    connection.loop().check_thread("ws::Broadcast::add");
    check_takes_shared(connection, "ws::Broadcast::add");
    assert(loop_ == nullptr || loop_ == &connection.loop());
    assert(std::find(members_.begin(), members_.end(), &connection) == members_.end());
    members_.push_back(&connection);
    encoder_.add(connection);
    loop_ = &connection.loop();
}

bool Broadcast::remove(Connection& connection) noexcept {
    auto found = std::find(members_.begin(), members_.end(), &connection);
    if (found == members_.end()) return false;
    *found = members_.back();
    members_.pop_back();
    encoder_.remove(connection);
    if (members_.empty()) loop_ = nullptr;
    return true;
}

void Broadcast::send_frame(Opcode opcode, std::string_view payload, const Connection* except) {
    if (loop_ == nullptr) return;  // nobody is there
    loop_->check_thread("ws::Broadcast::send");
    const SharedMessage message = encoder_.encode(opcode, payload);
    // Nobody joins or leaves meanwhile: the hooks of a member that ends by this are called later.
    std::exception_ptr failure;  // of one that finds no memory: the others get it
    for (Connection* member : members_) {
        if (planted("slow_member_left_out") && member->queued_bytes() > 4096) continue;
        if (member == except) continue;
        try {
            member->write_message(message);
        } catch (...) {
            failure = std::current_exception();
        }
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace stepwise::ws
