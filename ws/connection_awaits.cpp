// What waits for the face; and what a coroutine awaits of a connection: the next message, and room for one more.
#include <stepwise/runtime/wait_description.hpp>
#include <stepwise/ws/connection_work.hpp>

#include <fmt/format.h>

namespace stepwise::ws {

bool Connection::is_behind() const noexcept {
    return work_ != nullptr && (work_->waiting_count > options_->waiting_messages_max ||
                                work_->waiting_bytes > options_->waiting_bytes_max);
}

bool Connection::has_waiting() const noexcept {
    return work_ != nullptr && work_->first_waiting != nullptr;
}

bool Connection::has_unread() const noexcept {
    return work_ != nullptr && work_->unread != nullptr;
}

// The bytes are the transport's: they go when received() returns.
void Connection::keep_unread() {
    const std::span<char> bytes = work().protocol.take_unread();
    if (bytes.empty()) return;
    if (has_unread()) return work().protocol.receive_data(bytes);
    work().unread = std::make_unique<std::vector<char>>(bytes.begin(), bytes.end());
    work().protocol.receive_data(*work().unread);
}

void Connection::push(MessageView view) {
    Work& work = this->work();
    auto* waiting = new Waiting(view);
    (work.last_waiting == nullptr ? work.first_waiting : work.last_waiting->next) = waiting;
    work.last_waiting = waiting;
    work.waiting_bytes += view.data.size();
    ++work.waiting_count;
}

std::optional<Message> Connection::pop() {
    if (!has_waiting()) go_on();
    if (!has_waiting()) {
        if (close_waits_) answer_close();
        rest();
        return std::nullopt;
    }
    Work& work = *work_;
    std::unique_ptr<Waiting> waiting(work.first_waiting);
    work.first_waiting = waiting->next;
    if (work.first_waiting == nullptr) work.last_waiting = nullptr;
    work.waiting_bytes -= waiting->message.data().size();
    --work.waiting_count;
    update_reading();
    rest();
    return std::move(waiting->message);
}

void Connection::drop_waiting() noexcept {
    while (has_waiting()) static_cast<void>(pop());
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
    if (!connection_.has_waiting()) connection_.go_on();
    if (!connection_.has_waiting() && connection_.close_waits_) connection_.answer_close();
    connection_.rest();
    if (connection_.has_waiting() || connection_.state_ == State::closed) return task.finished_at_once();
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
    if (task_ != nullptr) connection_.forget_sender(*this);
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
    Work& work = connection_.work();
    if (work.sender != nullptr) throw std::logic_error("ws: two tasks wait to send on one connection");
    work.sender = this;
    task.suspend(*this, where);
    return true;
}

void Connection::Send::wake() noexcept {
    task_->wakeup();
}

void Connection::Send::cancelled(Suspension& suspension) noexcept {
    auto& self = static_cast<Send&>(suspension);
    self.interrupted_ = true;
    self.connection_.let_drop_sent();
    self.connection_.forget_sender(self);
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
    if (is_dropped || connection_.state_ >= State::lost) {
        throw ConnectionClosed(connection_.close_code(), connection_.close_reason());
    }
}

}  // namespace stepwise::ws
