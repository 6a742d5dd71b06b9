#include <stepwise/ws/broadcast.hpp>

#include <algorithm>
#include <cassert>

namespace stepwise::ws {

void Broadcast::add(Connection& connection) {
    assert(std::find(members_.begin(), members_.end(), &connection) == members_.end());
    members_.push_back(&connection);
    ++size_;
}

bool Broadcast::remove(Connection& connection) noexcept {
    auto found = std::find(members_.begin(), members_.end(), &connection);
    if (found == members_.end()) return false;
    --size_;
    if (sending_ > 0) {
        *found = nullptr;
    } else {
        *found = members_.back();
        members_.pop_back();
    }
    return true;
}

void Broadcast::send_frame(Opcode opcode, std::string_view payload, const Connection* except) {
    std::string bytes;
    bytes.reserve(frame_header_bytes_max + payload.size());
    net::StringSink sink(bytes);
    append_frame(sink, opcode, payload, true, std::nullopt);
    net::SharedBytes frame(std::move(bytes));
    ++sending_;
    // By index: a member may join, or leave, while one of them is told.
    for (std::size_t index = 0; index < members_.size(); ++index) {
        Connection* member = members_[index];
        if (member != nullptr && member != except) member->write_frame(frame);
    }
    if (--sending_ == 0) std::erase(members_, nullptr);
}

}  // namespace stepwise::ws
