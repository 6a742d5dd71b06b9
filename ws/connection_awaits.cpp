// What waits for the face; and what a coroutine awaits of a connection: the next message, and room for one more.
#include <stepwise/runtime/wait_description.hpp>
#include <stepwise/ws/connection.hpp>

#include <fmt/format.h>

namespace stepwise::ws {

// The bytes are the transport's: they go when received() returns.
void Connection::keep_unread() {
    const std::span<char> bytes = protocol_.take_unread();
    if (bytes.empty()) return;
    if (unread_ != nullptr) return protocol_.receive_data(bytes);
    unread_ = std::make_unique<std::vector<char>>(bytes.begin(), bytes.end());
    protocol_.receive_data(*unread_);
}

std::optional<Message> Connection::pop() {
    if (first_waiting_ == nullptr) go_on();
    if (first_waiting_ == nullptr) {
        if (close_waits_) answer_close();
        return std::nullopt;
    }
    std::unique_ptr<Waiting> waiting(first_waiting_);
    first_waiting_ = waiting->next;
    if (first_waiting_ == nullptr) last_waiting_ = nullptr;
    waiting_bytes_ -= waiting->message.data().size();
    --waiting_count_;
    update_reading();
    return std::move(waiting->message);
}

void Connection::drop_waiting() noexcept {
    while (first_waiting_ != nullptr) static_cast<void>(pop());
}

Connection::Receive::~Receive() {
    if (task_ != nullptr && connection_.receiver_ == this) connection_.receiver_ = nullptr;
}

const WaitKind Connection::Receive::kind{&Receive::cancelled, &Receive::describe, nullptr, "receive"};

bool Connection::Receive::start(TaskBase& task, std::source_location where) {
    connection_.release_request();
    task_ = &task;
    interrupted_ = task.cancel_pending();
    if (interrupted_) return false;
    if (connection_.first_waiting_ == nullptr) connection_.go_on();
    if (connection_.first_waiting_ == nullptr && connection_.close_waits_) connection_.answer_close();
    if (connection_.first_waiting_ != nullptr || connection_.state_ == State::closed) return task.finished_at_once();
    if (connection_.receiver_ != nullptr) throw std::logic_error("ws: two tasks receive on one connection");
    connection_.receiver_ = this;
    task.suspend(*this, where);
    return true;
}

std::string Connection::describe_peer() const {
    return transport_ ? describe_socket(transport_->fd()) : std::string();
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

void Connection::Receive::describe(const Suspension& suspension, WaitDescription& description) {
    const Connection& connection = static_cast<const Receive&>(suspension).connection_;
    description.outside = true;
    description.what = "a WebSocket message on a connection" + connection.describe_peer();
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

const WaitKind Connection::Send::kind{&Send::cancelled, &Send::describe, nullptr, "send"};

bool Connection::Send::start(TaskBase& task, std::source_location where) {
    connection_.release_request();
    task_ = &task;
    interrupted_ = task.cancel_pending();
    if (interrupted_) return false;
    if (connection_.state_ != State::open || !connection_.transport_->is_full()) {
        return task.finished_at_once();
    }
    if (connection_.sender_ != nullptr) throw std::logic_error("ws: two tasks wait to send on one connection");
    connection_.sender_ = this;
    task.suspend(*this, where);
    return true;
}

void Connection::Send::wake() noexcept {
    task_->wakeup();
}

void Connection::Send::cancelled(Suspension& suspension) noexcept {
    auto& self = static_cast<Send&>(suspension);
    self.interrupted_ = true;
    self.connection_.sender_ = nullptr;
    self.connection_.let_drop_sent();
    self.task_->wakeup();
}

void Connection::Send::describe(const Suspension& suspension, WaitDescription& description) {
    const Connection& connection = static_cast<const Send&>(suspension).connection_;
    description.outside = true;
    description.what = fmt::format("room on a WebSocket connection{}; {} bytes queued here", connection.describe_peer(),
                                   connection.queued_bytes());
}

void Connection::Send::await_resume() const {
    if (interrupted_) task_->throw_cancelled();
    const bool is_dropped = !queued_ && connection_.state_ != State::open;
    if (is_dropped || connection_.state_ == State::closed) {
        throw ConnectionClosed(connection_.close_code_, connection_.close_reason_);
    }
}

}  // namespace stepwise::ws
