// A function that pauses: `co_yield value` hands a value out and stops there until `next()` or `send(value)` goes on.
//
// Invariant: the body runs only inside next(), send() or a step of a range-for, never ahead of it: it is lazy.
// Ownership: a move-only owner of the frame. Destroying a paused generator runs the destructors of the body's locals.
// Thread: none of its own. It may move between threads, but only one at a time may touch it.
// The end is a value: an empty optional (a null pointer where Yield is a reference), again and again. An exception of
// the body comes out of the call that resumed it; after that the generator is at its end.
// It does not await: `co_await` in the body does not compile. What waits for I/O is a Coro.
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stepwise/runtime/frame_pool.hpp>
#include <type_traits>
#include <utility>

namespace stepwise {

namespace detail {

// What `co_yield` gives back to the body: nothing, or the value that send() brought.
template <class Send>
struct SentValue {
    std::optional<Send> sent_;

    Send take_sent() { return *std::exchange(sent_, std::nullopt); }
};

template <>
struct SentValue<void> {
    void take_sent() noexcept {}
};

// What `co_yield` handed out: the value itself, or for a reference a pointer to what it refers to.
template <class Yield>
struct YieldedValue {
    std::optional<Yield> yielded_;

    template <class Value = Yield>
    requires std::convertible_to<Value, Yield>
    void store(Value&& value) { yielded_.emplace(std::forward<Value>(value)); }
    std::optional<Yield> take() { return std::move(yielded_); }
    Yield&& get() noexcept { return std::move(*yielded_); }
};

template <class Yield>
requires std::is_reference_v<Yield>
struct YieldedValue<Yield> {
    std::remove_reference_t<Yield>* yielded_ = nullptr;

    void store(Yield value) noexcept { yielded_ = std::addressof(value); }
    std::remove_reference_t<Yield>* take() noexcept { return yielded_; }
    Yield get() noexcept { return static_cast<Yield>(*yielded_); }
};

}  // namespace detail

//     Generator<int> count_to(int last) {
//         for (int number = 1; number <= last; ++number) co_yield number;
//     }
//     for (int number : count_to(3)) use(number);
template <class Yield, class Send = void>
class [[nodiscard]] Generator {
    static_assert(!std::is_reference_v<Send>, "a sent value is kept in the frame until co_yield returns it");

public:
    class promise_type;
    class Iterator;
    using Next = decltype(std::declval<detail::YieldedValue<Yield>>().take());

    // An empty generator is at its end.
    Generator() noexcept = default;
    Generator(Generator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Generator& operator=(Generator&& other) noexcept {
        if (this != &other) {
            destroy();
            frame_ = std::exchange(other.frame_, nullptr);
        }
        return *this;
    }
    ~Generator() { destroy(); }

    // Runs to the next co_yield and gives its value, or nothing at the end. With a Send type it can only make the first
    // step, to the first co_yield: after that the body waits for a value, so this throws std::logic_error; use send().
    Next next() {
        if (done()) return Next();
        if constexpr (!std::is_void_v<Send>) {
            if (frame_.promise().started_) {
                throw std::logic_error("Generator::next(): co_yield waits for a value here; call send(value)");
            }
        }
        return resume() ? frame_.promise().take() : Next();
    }

    // Resumes with `co_yield` returning `value`; else like next(). Before the first next() no co_yield waits for a
    // value, which throws std::logic_error. At the end the value is dropped.
    template <class Value = Send>
    requires(!std::is_void_v<Send> && std::convertible_to<Value, Send>) Next send(Value&& value) {
        if (done()) return Next();
        if (!frame_.promise().started_) {
            throw std::logic_error("Generator::send(): no co_yield waits for a value yet; call next() once before");
        }
        frame_.promise().sent_.emplace(std::forward<Value>(value));
        return resume() ? frame_.promise().take() : Next();
    }

    bool done() const noexcept { return !frame_ || frame_.done(); }

    // Goes on from where the generator stands, as next() does; one pass only.
    Iterator begin() requires std::is_void_v<Send> {
        if (!done()) resume();
        return Iterator(*this);
    }
    std::default_sentinel_t end() const noexcept requires std::is_void_v<Send> { return {}; }

private:
    using Frame = std::coroutine_handle<promise_type>;

    explicit Generator(Frame frame) noexcept : frame_(frame) {}

    // True if the body paused at a co_yield, false if it ended.
    bool resume() {
        promise_type& promise = frame_.promise();
        assert(!promise.running_ && "a generator cannot resume itself");
        promise.started_ = true;
        promise.running_ = true;
        frame_.resume();
        promise.running_ = false;
        if (!frame_.done()) return true;
        if (promise.failure_) std::rethrow_exception(std::exchange(promise.failure_, nullptr));
        return false;
    }

    void destroy() noexcept {
        if (!frame_) return;
        assert(!frame_.promise().running_ && "a generator cannot destroy itself");
        frame_.destroy();
    }

    Frame frame_;
};

template <class Yield, class Send>
class Generator<Yield, Send>::promise_type : public frame_pool::Pooled,
                                             public detail::YieldedValue<Yield>,
                                             public detail::SentValue<Send> {
public:
    // Nobody but the generator's owner resumes a paused body; its frame, and so this awaiter, stays alive until then.
    struct Pause {
        promise_type& promise;

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        Send await_resume() const { return promise.take_sent(); }
    };

    Generator get_return_object() noexcept { return Generator(Frame::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { failure_ = std::current_exception(); }
    void await_transform() = delete;

    Pause yield_value(Yield value) requires std::is_reference_v<Yield> {
        this->store(static_cast<Yield>(value));
        return Pause{*this};
    }
    template <class Value = Yield>
    requires(!std::is_reference_v<Yield> && std::convertible_to<Value, Yield>) Pause yield_value(Value&& value) {
        this->store(std::forward<Value>(value));
        return Pause{*this};
    }

private:
    friend Generator;

    bool started_ = false;
    bool running_ = false;
    std::exception_ptr failure_;
};

// An input iterator. What it gives is handed over as by next(): `for (auto value : generator)` moves it out.
template <class Yield, class Send>
class Generator<Yield, Send>::Iterator {
public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = std::remove_cvref_t<Yield>;
    using difference_type = std::ptrdiff_t;

    Yield&& operator*() const noexcept { return generator_->frame_.promise().get(); }
    Iterator& operator++() {
        generator_->resume();
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) noexcept {
        return iterator.generator_->done();
    }

private:
    friend Generator;

    explicit Iterator(Generator& generator) noexcept : generator_(&generator) {}

    Generator* generator_;
};

}  // namespace stepwise
