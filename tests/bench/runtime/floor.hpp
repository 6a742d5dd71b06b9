// The least that each row can cost when it is written by hand for one program: no cancellation, no errors, no thread
// check, no task that can be named, listed or shared. What Stepwise costs is told as a multiple of it.
//
// Frames come from a free list for each size, what is ready stands in one intrusive queue, a waiter is a node in its
// own frame, and only the loop resumes. One thread, one loop, so all of it is global.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace bench::floor {

struct FreeBlock {
    FreeBlock* next;
};
inline constinit std::array<FreeBlock*, 64> free_blocks{};

// A base whose heirs live in the free lists: one for each multiple of 16 bytes, up to 1 KiB.
struct Pooled {
    static void* operator new(std::size_t bytes) {
        FreeBlock*& first = free_blocks[(bytes - 1) / 16];
        if (first == nullptr) return ::operator new((bytes + 15) / 16 * 16);
        return std::exchange(first, first->next);
    }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        FreeBlock*& first = free_blocks[(bytes - 1) / 16];
        first = ::new (memory) FreeBlock{first};
    }
};

struct Node {
    Node* next;
    void (*run)(Node&);
};

// What runs in the next turn.
inline constinit Node* ready_first = nullptr;
inline constinit Node** ready_end = &ready_first;

inline void make_ready(Node& node) noexcept {
    *ready_end = &node;
    ready_end = &node.next;
}

inline void run_turn() {
    *std::exchange(ready_end, &ready_first) = nullptr;
    Node* node = std::exchange(ready_first, nullptr);
    while (node != nullptr) {
        Node& now = *std::exchange(node, node->next);
        now.run(now);
    }
}
inline void run_until_idle() {
    while (ready_end != &ready_first) run_turn();
}

// `function()` in the next turn.
template <class Function>
void call_soon(Function function) {
    struct Call : Node, Pooled {
        explicit Call(Function&& called) : function(std::move(called)) {
            run = [](Node& node) {
                auto& self = static_cast<Call&>(node);
                Function taken = std::move(self.function);
                delete &self;
                taken();
            };
        }
        Function function;
    };
    make_ready(*new Call(std::move(function)));
}

// A coroutine that waits: the node stands in its frame.
struct FrameNode : Node {
    void wait(std::coroutine_handle<> waiting) noexcept {
        frame = waiting;
        run = [](Node& node) { static_cast<FrameNode&>(node).frame.resume(); };
    }
    std::coroutine_handle<> frame;
};

struct Yield : FrameNode {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept {
        wait(waiting);
        make_ready(*this);
    }
    void await_resume() const noexcept {}
};

template <class T>
struct Returned {
    T value;
    void return_value(T result) noexcept { value = std::move(result); }
    T take() noexcept { return std::move(value); }
};
template <>
struct Returned<void> {
    void return_void() const noexcept {}
    void take() const noexcept {}
};

// What awaits it is resumed when it returns.
template <class T = void>
class Frame {
public:
    struct promise_type : Pooled, Returned<T> {
        struct Final {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                return ended.promise().parent;
            }
            void await_resume() const noexcept {}
        };
        Frame get_return_object() noexcept { return Frame(Own::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        Final final_suspend() const noexcept { return {}; }
        void unhandled_exception() const noexcept { std::terminate(); }
        std::coroutine_handle<> parent;
    };

    Frame(Frame&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Frame& operator=(Frame&&) = delete;
    ~Frame() {
        if (frame_) frame_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        frame_.promise().parent = awaiting;
        return frame_;
    }
    T await_resume() noexcept { return frame_.promise().take(); }

private:
    using Own = std::coroutine_handle<promise_type>;
    explicit Frame(Own own) noexcept : frame_(own) {}
    Own frame_;
};

// The wait for so many tasks.
struct Join : FrameNode {
    explicit Join(std::size_t tasks) noexcept : left(tasks) {}
    bool await_ready() const noexcept { return false; }  // a task ends in a later turn
    void await_suspend(std::coroutine_handle<> waiting) noexcept { wait(waiting); }
    void await_resume() const noexcept {}
    void one_done() noexcept {
        if (--left == 0) make_ready(*this);
    }
    std::size_t left;
};

// A task: made ready by start(), and tells `join` when it is done.
template <class T = void>
class Spawned {
public:
    struct promise_type : Pooled, FrameNode, Returned<T> {
        struct Final {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                if (Join* join = ended.promise().join) join->one_done();
            }
            void await_resume() const noexcept {}
        };
        promise_type() noexcept { wait(Own::from_promise(*this)); }
        Spawned get_return_object() noexcept { return Spawned(Own::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        Final final_suspend() const noexcept { return {}; }
        void unhandled_exception() const noexcept { std::terminate(); }
        Join* join = nullptr;
    };

    Spawned(Spawned&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Spawned& operator=(Spawned&&) = delete;
    ~Spawned() {
        if (frame_) frame_.destroy();
    }
    void start(Join* join = nullptr) noexcept {
        frame_.promise().join = join;
        make_ready(frame_.promise());
    }
    T result() noexcept { return frame_.promise().take(); }

private:
    using Own = std::coroutine_handle<promise_type>;
    explicit Spawned(Own own) noexcept : frame_(own) {}
    Own frame_;
};

// A value that one coroutine waits for already when it comes.
struct Future : FrameNode {
    void set_result(int result) noexcept {
        value = result;
        make_ready(*this);
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { wait(waiting); }
    int await_resume() const noexcept { return value; }
    int value = 0;
};

// From one coroutine to another; who finds it full, or empty, waits for the other.
class Queue {
public:
    explicit Queue(std::size_t capacity) : slots_(std::make_unique<int[]>(capacity)), capacity_(capacity) {}

    struct Put : FrameNode {
        Put(Queue& own_queue, int own_value) noexcept : queue(own_queue), value(own_value) {}
        bool await_ready() noexcept { return queue.try_put(value); }
        void await_suspend(std::coroutine_handle<> waiting) noexcept {
            wait(waiting);
            queue.putter_ = this;
        }
        void await_resume() const noexcept {}
        Queue& queue;
        int value;
    };
    struct Get : FrameNode {
        explicit Get(Queue& own_queue) noexcept : queue(own_queue) {}
        bool await_ready() noexcept { return queue.try_get(value); }
        void await_suspend(std::coroutine_handle<> waiting) noexcept {
            wait(waiting);
            queue.getter_ = this;
        }
        int await_resume() const noexcept { return value; }
        Queue& queue;
        int value = 0;
    };
    Put put(int value) noexcept { return {*this, value}; }
    Get get() noexcept { return Get(*this); }

private:
    bool try_put(int value) noexcept {
        if (Get* getter = std::exchange(getter_, nullptr)) {
            getter->value = value;
            make_ready(*getter);
            return true;
        }
        if (size_ == capacity_) return false;
        push(value);
        return true;
    }
    bool try_get(int& value) noexcept {
        if (size_ == 0) return false;
        value = slots_[first_];
        if (++first_ == capacity_) first_ = 0;
        --size_;
        if (Put* putter = std::exchange(putter_, nullptr)) {
            push(putter->value);
            make_ready(*putter);
        }
        return true;
    }
    void push(int value) noexcept {
        std::size_t end = first_ + size_++;
        slots_[end < capacity_ ? end : end - capacity_] = value;
    }

    std::unique_ptr<int[]> slots_;
    std::size_t capacity_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    Get* getter_ = nullptr;
    Put* putter_ = nullptr;
};

class Numbers {
public:
    struct promise_type : Pooled {
        Numbers get_return_object() noexcept { return Numbers(Own::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        std::suspend_always yield_value(std::size_t yielded) noexcept {
            value = yielded;
            return {};
        }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
        std::size_t value = 0;
    };

    Numbers(const Numbers&) = delete;
    Numbers& operator=(const Numbers&) = delete;
    ~Numbers() { frame_.destroy(); }

    // False at the end.
    bool next() {
        frame_.resume();
        return !frame_.done();
    }
    std::size_t value() const noexcept { return frame_.promise().value; }

private:
    using Own = std::coroutine_handle<promise_type>;
    explicit Numbers(Own own) noexcept : frame_(own) {}
    Own frame_;
};

}  // namespace bench::floor
