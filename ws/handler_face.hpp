// How a WebSocketHandler is driven: plain hooks inside the handle that brought the bytes, coroutine hooks in one task
// per connection that exists only while there is something for it to do.
#pragma once

#include <concepts>
#include <stepwise/ws/connection.hpp>
#include <stepwise/ws/face.hpp>
#include <stepwise/ws/handler.hpp>
#include <type_traits>
#include <utility>

namespace stepwise::ws {

namespace detail {

template <class Handler>
concept TakesView = requires(Handler& handler, MessageView view) {
    handler.on_message(view);
};
template <class Handler>
concept TakesText = requires(Handler& handler, std::string_view data) {
    handler.on_message(data);
};
template <class Handler>
concept TakesMessage = requires(Handler& handler, Message message) {
    handler.on_message(std::move(message));
};

// What on_message gets, and what it returns.
template <class Handler>
decltype(auto) call_on_message(Handler& handler, Message&& message) {
    if constexpr (TakesText<Handler>) {
        return handler.on_message(message.data());
    } else {
        return handler.on_message(std::move(message));
    }
}

template <class Handler>
constexpr void check_handler() {
    static_assert(std::derived_from<Handler, WebSocketHandler>, "a handler derives from ws::WebSocketHandler");
    static_assert(TakesMessage<Handler> || TakesText<Handler>,
                  "a WebSocketHandler must have on_message, taking ws::MessageView, std::string_view or ws::Message");
    using Result = decltype(call_on_message(std::declval<Handler&>(), std::declval<Message>()));
    static_assert(std::is_same_v<Result, void> || std::is_same_v<Result, Coro<void>>,
                  "on_message returns void or Coro<void>");
    static_assert(std::is_same_v<Result, void> || !(TakesView<Handler> || TakesText<Handler>),
                  "an on_message that may suspend takes ws::Message by value: a view is gone when it first waits");
    using Opened = decltype(std::declval<Handler&>().open());
    using Closed = decltype(std::declval<Handler&>().on_close());
    static_assert(std::is_same_v<Opened, void> || std::is_same_v<Opened, Coro<void>>,
                  "open returns void or Coro<void>");
    static_assert(std::is_same_v<Closed, void> || std::is_same_v<Closed, Coro<void>>,
                  "on_close returns void or Coro<void>");
}

}  // namespace detail

template <class Handler>
class HandlerFace final : public Face {
public:
    template <class... Args>
    explicit HandlerFace(const Args&... args) : handler_(args...) {
        detail::check_handler<Handler>();
    }

    bool check_origin(const UpgradeRequest& request) override {
        if constexpr (requires(Handler & handler) { handler.check_origin(std::string_view()); }) {
            return handler_.check_origin(request.origin.front());
        } else {
            return Face::check_origin(request);
        }
    }
    std::optional<http::Response> prepare(const http::Request& request) override {
        if constexpr (requires(Handler & handler) { handler.prepare(request); }) {
            return handler_.prepare(request);
        } else {
            return std::nullopt;
        }
    }
    void opened(Connection& connection) override {
        handler_.connection_ = &connection;
        if constexpr (opens_in_task) {
            start_task();
        } else {
            guarded("open", [this] { handler_.open(); });
            release_request(connection);
            is_open_ = true;
        }
    }
    bool message(Connection&, MessageView view) override {
        if constexpr (answers_in_task) return false;
        if (task_runs_) return false;
        guarded("on_message", [&] { call_plain(view); });
        return true;
    }
    void pinged(Connection&, std::string_view payload) override {
        if constexpr (requires(Handler & handler) { handler.on_ping(payload); }) {
            guarded("on_ping", [&] { handler_.on_ping(payload); });
        }
    }
    void ponged(Connection&, std::string_view payload) override {
        if constexpr (requires(Handler & handler) { handler.on_pong(payload); }) {
            guarded("on_pong", [&] { handler_.on_pong(payload); });
        }
    }
    void has_waiting(Connection&) override {
        if (!task_runs_) start_task();
    }
    void closed(Connection&) override {
        if (task_runs_) return;  // it goes on to on_close
        if constexpr (closes_in_task) {
            start_task();
        } else {
            call_on_close();
        }
    }

private:
    template <class Result>
    static constexpr bool is_coroutine = std::is_same_v<Result, Coro<void>>;
    static constexpr bool opens_in_task = is_coroutine<decltype(std::declval<Handler&>().open())>;
    static constexpr bool closes_in_task = is_coroutine<decltype(std::declval<Handler&>().on_close())>;
    static constexpr bool answers_in_task =
        is_coroutine<decltype(detail::call_on_message(std::declval<Handler&>(), std::declval<Message>()))>;

    // In the task's frame, so that it is told of the task's end however that comes.
    struct TaskEnd {
        explicit TaskEnd(HandlerFace& owner) noexcept : face(&owner) {}
        TaskEnd(TaskEnd&& other) noexcept : face(std::exchange(other.face, nullptr)) {}
        TaskEnd(const TaskEnd&) = delete;
        TaskEnd& operator=(const TaskEnd&) = delete;
        ~TaskEnd() {
            if (face != nullptr) face->task_ended();
        }
        HandlerFace* face;
    };

    template <class Hook>
    bool guarded(const char* where, Hook hook) noexcept {
        try {
            hook();
            return true;
        } catch (...) {
            failed(connection(), std::current_exception(), where);
            return false;
        }
    }
    void call_plain(MessageView view) {
        if constexpr (detail::TakesView<Handler>) {
            handler_.on_message(view);
        } else if constexpr (detail::TakesText<Handler>) {
            handler_.on_message(view.data);
        } else if constexpr (!answers_in_task) {
            handler_.on_message(Message(view));
        }
    }
    void call_on_close() {
        on_close_called_ = true;
        if constexpr (!closes_in_task) guarded("on_close", [this] { handler_.on_close(); });
        done(connection());
    }
    // Where there is no memory for its frame it has failed as a hook does that throws; its on_close, too.
    void start_task() noexcept {
        task_runs_ = true;
        is_starting_ = true;
        try {
            Task<void> task = connection().loop().create_task(serve(TaskEnd(*this), this));
            is_starting_ = false;
            // on_close cannot be lost: a program that ends cancels its awaits, but not its call.
            if (is_closed(connection())) task.start_even_if_cancelled();
            return;
        } catch (...) {
            is_starting_ = false;
            task_runs_ = false;
            failed(connection(), std::current_exception(), "coroutine");
        }
        if (is_closed(connection())) done(connection());
    }

    static Coro<void> serve(TaskEnd, HandlerFace* face) {
        if constexpr (opens_in_task) {
            if (!face->is_open_) {
                face->is_open_ = true;
                Coro<void> opening = face->handler_.open();
                co_await face->run_hook("open", std::move(opening));
                release_request(face->connection());
            }
        }
        Message message;
        while (take(face->connection(), message)) {
            if constexpr (answers_in_task) {
                Coro<void> answering = face->handler_.on_message(std::move(message));
                co_await face->run_hook("on_message", std::move(answering));
            } else {
                face->guarded("on_message", [&] { face->call_plain(message); });
            }
        }
        if (is_closed(face->connection())) {
            if constexpr (closes_in_task) {
                face->on_close_called_ = true;
                Coro<void> closing = face->handler_.on_close();
                co_await face->run_hook("on_close", std::move(closing));
            }
        }
        face->task_returned_ = true;
    }
    Coro<void> run_hook(const char* where, Coro<void> hook) {
        try {
            co_await std::move(hook);
        } catch (const CancelledError&) {
            throw;
        } catch (...) {
            failed(connection(), std::current_exception(), where);
        }
    }

    // Returned or cancelled: on_close is still called, and in a task of its own if it needs one.
    void task_ended() noexcept {
        if (is_starting_) return;  // it has not begun
        task_runs_ = false;
        if (connection().loop().discarding()) return done(connection());
        if (!is_closed(connection())) {
            // Nothing left to do; or it was cancelled, and what waits will not be answered.
            if (std::exchange(task_returned_, false)) return;
            close_or_abort(connection(), CloseCode::going_away);
            drop_waiting(connection());
            return;
        }
        if (on_close_called_) return done(connection());
        if constexpr (closes_in_task) {
            start_task();
        } else {
            call_on_close();
        }
    }

    Connection& connection() const noexcept { return *handler_.connection_; }

    Handler handler_;
    bool is_open_ = false;
    bool task_runs_ = false;
    bool is_starting_ = false;
    bool task_returned_ = false;
    bool on_close_called_ = false;
};

}  // namespace stepwise::ws
