#include <stepwise/ws/shared_broadcast.hpp>

#include <algorithm>
#include <cassert>
#include <exception>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace stepwise::ws {

// Its parts are those of loops that have members. Such a loop has not ended, so it can be posted to under the mutex.
struct SharedBroadcast::Shared {
    std::shared_ptr<Part> part_of(const EventLoop& loop) const;

    std::mutex mutex;  // also the order of messages: each is put into all inboxes at once
    std::vector<std::shared_ptr<Part>> parts;
    SharedEncoder encoder;
    std::size_t waiting_bytes_max = 0;
};

// One loop's members, and what waits for them. The loop changes the members, under the mutex, which guards the rest.
class SharedBroadcast::Part {
public:
    explicit Part(EventLoop& of) noexcept : loop(of) {}

    // Under the mutex. All or nothing.
    void put(const SharedMessage& message, const Connection* except, std::size_t waiting_bytes_max) {
        if (waiting_bytes_ >= waiting_bytes_max) {
            overrun_ = true;
            return inbox_.clear();
        }
        inbox_.push_back({message, except});
        waiting_bytes_ += message.size() + sizeof(Waiting);  // or those of no bytes had no bound
    }

    // On the loop. Nobody joins or leaves meanwhile: the hooks of a member that ends by this are called later.
    void deliver(Shared& shared) {
        bool overrun = false;
        {
            std::lock_guard lock(shared.mutex);
            taken_.swap(inbox_);
            waiting_bytes_ = 0;
            told = false;
            overrun = std::exchange(overrun_, false);
        }
        if (overrun) close_members();
        std::exception_ptr failure;  // of one that finds no memory: the others get it, and nobody gets it twice
        for (const Waiting& one : taken_) {
            for (Connection* member : members) {
                if (member == one.except) continue;
                try {
                    member->write_message(one.message);
                } catch (...) {
                    failure = std::current_exception();
                }
            }
        }
        taken_.clear();
        if (failure) std::rethrow_exception(failure);
    }

    bool has(const Connection& connection) const {
        return std::find(members.begin(), members.end(), &connection) != members.end();
    }

    EventLoop& loop;
    std::vector<Connection*> members;
    bool told = false;  // a deliver() is on its way

private:
    struct Waiting {
        SharedMessage message;
        const Connection* except;
    };

    void close_members() noexcept {
        for (Connection* member : members) {
            try {
                member->close(CloseCode::try_again_later, "too much waits for its loop");
            } catch (const std::bad_alloc&) {  // for the Close frame, or what stands before it
                member->abort();
            }
        }
    }

    std::vector<Waiting> inbox_;
    std::vector<Waiting> taken_;  // of the loop: what it sends now
    std::size_t waiting_bytes_ = 0;
    bool overrun_ = false;
};

std::shared_ptr<SharedBroadcast::Part> SharedBroadcast::Shared::part_of(const EventLoop& loop) const {
    auto found = std::find_if(parts.begin(), parts.end(), [&](const auto& part) { return &part->loop == &loop; });
    return found == parts.end() ? nullptr : *found;
}

SharedBroadcast::SharedBroadcast(std::size_t waiting_bytes_max) : shared_(std::make_shared<Shared>()) {
    shared_->waiting_bytes_max = waiting_bytes_max;
}

void SharedBroadcast::add(Connection& connection) {
    connection.loop().check_thread("ws::SharedBroadcast::add");
    check_takes_shared(connection, "ws::SharedBroadcast::add");
    std::unique_lock lock(shared_->mutex);
    std::shared_ptr<Part> part = shared_->part_of(connection.loop());
    if (part == nullptr) {
        part = std::make_shared<Part>(connection.loop());
        part->members.push_back(&connection);
        shared_->parts.push_back(part);
    } else {
        lock.unlock();
        part->deliver(*shared_);  // what was sent before goes to those who were there before
        lock.lock();
        assert(!part->has(connection));
        part->members.push_back(&connection);
    }
    shared_->encoder.add(connection);
}

bool SharedBroadcast::remove(Connection& connection) noexcept {
    std::lock_guard lock(shared_->mutex);
    std::shared_ptr<Part> part = shared_->part_of(connection.loop());
    if (part == nullptr) return false;
    auto found = std::find(part->members.begin(), part->members.end(), &connection);
    if (found == part->members.end()) return false;
    *found = part->members.back();
    part->members.pop_back();
    shared_->encoder.remove(connection);
    if (part->members.empty()) std::erase(shared_->parts, part);
    return true;
}

// Under the mutex, so that its loop finds what is put there behind this.
void SharedBroadcast::tell(const std::shared_ptr<Part>& part) {
    if (part->told) return;
    part->loop.call_soon_threadsafe([shared = shared_, part] { part->deliver(*shared); });
    part->told = true;
}

std::size_t SharedBroadcast::send_frame(Opcode opcode, std::string_view payload, const Connection* except) {
    const EventLoop* running = EventLoop::running();
    std::shared_ptr<Part> here;
    std::size_t count = 0;
    std::exception_ptr failure;  // of a loop, or a member, that finds no memory: the others get it
    {
        std::lock_guard lock(shared_->mutex);
        const SharedMessage message = shared_->encoder.encode(opcode, payload);
        for (const std::shared_ptr<Part>& part : shared_->parts) {
            count += part->members.size();
            if (&part->loop == running) {
                here = part;
                if (except != nullptr) count -= part->has(*except) ? 1 : 0;
            }
            try {
                if (here != part) tell(part);
                part->put(message, here == part ? except : nullptr, shared_->waiting_bytes_max);
            } catch (const std::bad_alloc&) {
                failure = std::current_exception();
            }
        }
    }
    if (here != nullptr) here->deliver(*shared_);
    if (failure) std::rethrow_exception(failure);
    return count;
}

std::size_t SharedBroadcast::size() const {
    std::lock_guard lock(shared_->mutex);
    std::size_t members = 0;
    for (const std::shared_ptr<Part>& part : shared_->parts) members += part->members.size();
    return members;
}

}  // namespace stepwise::ws
