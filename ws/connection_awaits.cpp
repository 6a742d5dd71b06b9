// What a coroutine awaits of a connection: the next message, and room for one more.
#include <stepwise/ws/connection.hpp>

namespace stepwise::ws {

Connection::Receive::~Receive() {
    if (task_ != nullptr && connection_.receiver_ == this) connection_.receiver_ = nullptr;
}

bool Connection::Receive::start(TaskBase& task) {
    connection_.release_request();
    task_ = &task;
    interrupted_ = task.cancel_pending();
    if (interrupted_) return false;
    if (connection_.first_waiting_ == nullptr && connection_.close_waits_) connection_.answer_close();
    if (connection_.first_waiting_ != nullptr || connection_.state_ == State::closed) return task.finished_at_once();
    if (connection_.receiver_ != nullptr) throw std::logic_error("ws: two tasks receive on one connection");
    connection_.receiver_ = this;
    task.suspend(*this);
    return true;
}

void Connection::Receive::wake() noexcept {
    task_->wakeup();
}

void Connection::Receive::cancelled(Suspension& suspension) noexcept {
    auto& self = static_cast<Receive&>(suspension);
    self.interrupted_ = true;
    self.connection_.receiver_ = nullptr;
    self.task_->wakeup();
}

std::optional<Message> Connection::Receive::await_resume() {
    if (interrupted_) task_->throw_cancelled();
    return connection_.pop();
}

Coro<void> Connection::wait_closed() {
    while (auto message = co_await receive()) message.reset();
}

Connection::Send::~Send() {
    if (task_ != nullptr && connection_.sender_ == this) connection_.sender_ = nullptr;
}

bool Connection::Send::start(TaskBase& task) {
    connection_.release_request();
    task_ = &task;
    interrupted_ = task.cancel_pending();
    if (interrupted_) return false;
    if (!queued_ || connection_.state_ != State::open || !connection_.transport_->is_full()) {
        return task.finished_at_once();
    }
    if (connection_.sender_ != nullptr) throw std::logic_error("ws: two tasks wait to send on one connection");
    connection_.sender_ = this;
    task.suspend(*this);
    return true;
}

void Connection::Send::wake() noexcept {
    task_->wakeup();
}

void Connection::Send::cancelled(Suspension& suspension) noexcept {
    auto& self = static_cast<Send&>(suspension);
    self.interrupted_ = true;
    self.connection_.sender_ = nullptr;
    self.task_->wakeup();
}

void Connection::Send::await_resume() const {
    if (interrupted_) task_->throw_cancelled();
    if (!queued_ || connection_.state_ == State::closed) {
        throw ConnectionClosed(connection_.close_code_, connection_.close_reason_);
    }
}

}  // namespace stepwise::ws
