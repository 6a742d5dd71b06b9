// AsyncGenerator: a coroutine that both waits and gives values, one for each next().
//
//     AsyncGenerator<int> ticks(int count) {
//         for (int tick = 0; tick < count; ++tick) {
//             co_await sleep(1s);
//             co_yield tick;
//         }
//     }
//     while (auto tick = co_await numbers.next()) use(*tick);   // nothing: it has ended
//
// Lazy; runs inside the task that awaits next(), as a Coro does, and stands still in between. Let go of before its end,
// what lives in its frame ends, but can't await any more. One task at a time; not moved while a next() is under way.
#pragma once

#include <stepwise/runtime/coro.hpp>

#include <optional>
#include <utility>

namespace stepwise {

template <class T>
class [[nodiscard]] AsyncGenerator : private FrameOwner {
public:
    struct promise_type;
    using Handle = std::coroutine_handle<promise_type>;

    AsyncGenerator(AsyncGenerator&& other) noexcept : FrameOwner{std::exchange(other.frame, nullptr)} {}
    AsyncGenerator& operator=(AsyncGenerator&& other) noexcept {
        if (this != &other) {
            destroy();
            frame = std::exchange(other.frame, nullptr);
        }
        return *this;
    }
    ~AsyncGenerator() { destroy(); }

    // The next value; nothing when the generator has ended, now or before. Throws what its body throws, once, and has
    // ended then. std::logic_error while another next() is under way. Cancel-safe as the body's own awaits are, at
    // which a cancellation is thrown: one that lets it pass has ended then, and what it had not yielded is gone.
    class Next;
    Next next() noexcept { return Next(*this); }

private:
    explicit AsyncGenerator(Handle own_frame) noexcept : FrameOwner{own_frame} {}

    promise_type& promise() const noexcept { return Handle::from_address(frame.address()).promise(); }
    void destroy() noexcept {
        if (frame) frame.destroy();
    }
};

template <class T>
struct AsyncGenerator<T>::promise_type : detail::PromiseBase {
    // Resumed by the trampoline at the next next().
    struct YieldAwaiter {
        bool await_ready() const noexcept { return false; }
        void await_suspend(Handle frame) const noexcept { frame.promise().give_to_caller(); }
        void await_resume() const noexcept {}
    };

    AsyncGenerator get_return_object(std::source_location made = std::source_location::current()) noexcept {
        static_assert(alignof(promise_type) <= frame_alignment_max,
                      "a frame's memory is not aligned for what is larger");
        at = made;
        return AsyncGenerator(Handle::from_promise(*this));
    }
    template <class U = T>
    requires std::is_constructible_v<T, U&&> YieldAwaiter yield_value(U&& given) {
        value.emplace(std::forward<U>(given));
        return {};
    }
    void return_void() const noexcept {}
    void give_to_caller() const noexcept { task->continue_with(*parent); }

    std::optional<T> value;
    bool running = false;
};

template <class T>
class [[nodiscard]] AsyncGenerator<T>::Next {
public:
    explicit Next(AsyncGenerator& generator) noexcept : generator_(generator) {}

    bool await_ready() const noexcept { return false; }
    // Resumed by the trampoline of the same task, when the generator's frame yields or returns.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting,
                       std::source_location where = std::source_location::current()) {
        TaskBase& task = *awaiting.promise().task;
        if (!generator_.frame) throw std::logic_error("this AsyncGenerator was moved away");
        promise_type& promise = generator_.promise();
        if (promise.running) throw std::logic_error("this AsyncGenerator is asked for its next value already");
        promise.task = &task;
        if (generator_.frame.done()) return task.finished_at_once();
        promise.running = true;
        promise.owner = &generator_;
        promise.parent = &awaiting.promise();
        awaiting.promise().at = where;
        task.continue_with(promise);
        return true;
    }
    std::optional<T> await_resume() {
        promise_type& promise = generator_.promise();
        promise.running = false;
        promise.task->rethrow_frame_end();
        if (generator_.frame.done()) return std::nullopt;
        return std::exchange(promise.value, std::nullopt);
    }

private:
    AsyncGenerator& generator_;
};

}  // namespace stepwise
