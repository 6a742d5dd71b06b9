// Coro<T>: a coroutine object. Lazy, move-only, the owner of its frame; `co_await` runs it inside the awaiting Task.
//
//     Coro<int> answer(int question) {
//         co_await sleep(1s);
//         co_return 2 * question;
//     }
//     int doubled = co_await answer(21);   // in another Coro
//
// The frame ends with the Coro. A Coro runs at most once, and only inside a Task: give it to EventLoop::create_task,
// run, gather …, or await it in another Coro. Its parameters are copied into the frame as they are declared: a
// reference parameter must outlive the frame, which an awaiting caller guarantees and a spawned task does not. To make
// one throws std::bad_alloc where there is no memory for its frame. One thread.
#pragma once

#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/frame_pool.hpp>
#include <stepwise/runtime/task_base.hpp>

#include <cxxabi.h>

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace stepwise {

template <class T = void>
class Coro;

namespace detail {

// In debug mode, where each frame was made is kept until it starts or ends.
inline constinit std::atomic<bool> frame_sites = false;
void remember_frame_site(void* frame) noexcept;
// The frame ends without having been started (law 6).
void report_never_awaited(const CallFrame& promise, std::coroutine_handle<> frame) noexcept;
[[noreturn]] void throw_coro_started();

struct PromiseBase : CallFrame {
    struct FinalAwaiter {
        bool await_ready() const noexcept { return false; }
        // Resumed by nobody: the frame is done and its owner destroys it. The task goes on with the parent.
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
            PromiseBase& promise = frame.promise();
            if (promise.parent != nullptr) {
                promise.task->continue_with(*promise.parent);
            } else {
                promise.task->root_returned();
            }
        }
        void await_resume() const noexcept {}
    };

    static void* operator new(std::size_t bytes) {
        void* frame = frame_pool::allocate(bytes);
        if (frame_sites.load(std::memory_order_relaxed)) [[unlikely]]
            remember_frame_site(frame);
        return frame;
    }
    static void operator delete(void* frame, std::size_t bytes) noexcept { frame_pool::deallocate(frame, bytes); }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    FinalAwaiter final_suspend() const noexcept { return {}; }

    void unhandled_exception() noexcept {
        // Told by type, not by rethrowing: a throw costs thousands of instructions at every level that it crosses.
        if (const std::type_info* type = abi::__cxa_current_exception_type(); type && *type == typeid(CancelledError)) {
            task->frame_cancelled();
        } else {
            task->frame_failed(*this, std::current_exception());
        }
    }
};

template <class T>
struct Promise : PromiseBase {
    static_assert(alignof(T) <= frame_alignment_max, "a frame's memory is not aligned for what is larger");

    Promise() noexcept {}
    ~Promise() {
        if (has_value) value.~T();
    }

    Coro<T> get_return_object(std::source_location made = std::source_location::current()) noexcept;

    template <class U = T>
    requires std::is_constructible_v<T, U&&>
    void return_value(U&& result) noexcept(std::is_nothrow_constructible_v<T, U&&>) {
        ::new (static_cast<void*>(std::addressof(value))) T(std::forward<U>(result));
        has_value = true;
    }
    T take() {
        task->rethrow_frame_end();
        return std::move(value);
    }

    bool has_value = false;
    union {
        T value;
    };
};

template <class T>
struct Promise<T&> : PromiseBase {
    Coro<T&> get_return_object(std::source_location made = std::source_location::current()) noexcept;
    void return_value(T& result) noexcept { value = std::addressof(result); }
    T& take() {
        task->rethrow_frame_end();
        return *value;
    }

    T* value = nullptr;
};

template <>
struct Promise<void> : PromiseBase {
    Coro<void> get_return_object(std::source_location made = std::source_location::current()) noexcept;
    void return_void() const noexcept {}
    void take() const { task->rethrow_frame_end(); }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Coro : private FrameOwner {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;
    using value_type = T;

    Coro(Coro&& other) noexcept : FrameOwner{std::exchange(other.frame, nullptr)} {}
    Coro& operator=(Coro&& other) noexcept {
        if (this != &other) {
            destroy();
            frame = std::exchange(other.frame, nullptr);
        }
        return *this;
    }
    ~Coro() { destroy(); }

    // Once: std::logic_error for one that was started or moved away. Throws what the body throws, and is as cancel-safe
    // as the awaits in it.
    bool await_ready() const noexcept { return false; }
    // Resumed by the trampoline of the same task, when the child frame returns; the child lives in this Coro until
    // then.
    template <class Awaiting>
    void await_suspend(std::coroutine_handle<Awaiting> awaiting,
                       std::source_location where = std::source_location::current()) {
        check_unstarted();
        start_in(*awaiting.promise().task, awaiting.promise(), where);
    }
    T await_resume() { return promise().take(); }

    // For awaiters that run a Coro as a child of their own: `parent`, which awaits at `where`, goes on when it returns.
    // The Coro must not move then.
    void start_in(TaskBase& task, CallFrame& parent, std::source_location where) noexcept {
        CallFrame& child = promise();
        child.task = &task;
        child.owner = this;
        child.parent = &parent;
        parent.at = where;
        task.continue_with(child);
    }
    // For the task whose root it becomes.
    Handle release() noexcept { return Handle::from_address(std::exchange(frame, nullptr).address()); }
    // Throws std::logic_error if there is no frame, or it has been started.
    void check_unstarted() const {
        if (!frame || promise().task != nullptr) [[unlikely]]
            detail::throw_coro_started();
    }
    promise_type& promise() const noexcept { return Handle::from_address(frame.address()).promise(); }

private:
    friend promise_type;
    explicit Coro(Handle own_frame) noexcept : FrameOwner{own_frame} {}

    void destroy() noexcept {
        if (!frame) return;
        if (promise().task == nullptr) [[unlikely]]
            detail::report_never_awaited(promise(), frame);
        frame.destroy();
    }
};

namespace detail {

template <class T>
Coro<T> Promise<T>::get_return_object(std::source_location made) noexcept {
    at = made;
    return Coro<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
template <class T>
Coro<T&> Promise<T&>::get_return_object(std::source_location made) noexcept {
    at = made;
    return Coro<T&>(std::coroutine_handle<Promise<T&>>::from_promise(*this));
}
inline Coro<void> Promise<void>::get_return_object(std::source_location made) noexcept {
    at = made;
    return Coro<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail

}  // namespace stepwise
