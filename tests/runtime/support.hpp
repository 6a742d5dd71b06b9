// What the tests of the runtime share: a loop on virtual time, whose reactor is the one that STEPWISE_REACTOR names.
//
// No test sleeps. The clock jumps to the next timer when nothing else can happen; what nobody caught is collected in
// `lost` instead of going to stderr.
#pragma once

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runtime_test {

using namespace std::chrono_literals;
using namespace stepwise;

using Log = std::vector<std::string>;

inline std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "not a std::exception";
    }
}

struct World {
    explicit World(EventLoop::Options options = {}) : loop(on(clock, std::move(options))) {
        loop.set_exception_handler(
            [this](std::exception_ptr error, std::string_view) { lost.push_back(text_of(error)); });
    }

    template <class T>
    T run(Coro<T> main) {
        return loop.run_until_complete(std::move(main));
    }
    void turns(int count) {
        for (int turn = 0; turn < count; ++turn) loop.run_once(false);
    }
    Duration elapsed() noexcept { return clock.now() - TimePoint{}; }

    ManualClock clock{true};
    Log lost;
    EventLoop loop;

private:
    static EventLoop::Options on(Clock& clock, EventLoop::Options options) {
        options.clock = &clock;
        return options;
    }
};

// Writes `text` when it ends, unless it was moved away.
class SaysAtEnd {
public:
    SaysAtEnd(Log& log, std::string text) : log_(&log), text_(std::move(text)) {}
    SaysAtEnd(SaysAtEnd&& other) noexcept : log_(std::exchange(other.log_, nullptr)), text_(std::move(other.text_)) {}
    SaysAtEnd(const SaysAtEnd&) = delete;
    SaysAtEnd& operator=(const SaysAtEnd&) = delete;
    ~SaysAtEnd() {
        if (log_ != nullptr) log_->push_back(text_);
    }

private:
    Log* log_;
    std::string text_;
};

// Calls `function` when it ends.
template <class Function>
class AtEnd {
public:
    explicit AtEnd(Function function) : function_(std::move(function)) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() { function_(); }

private:
    Function function_;
};

inline Coro<int> at_once(int value) {
    co_return value;
}

template <class T>
Coro<T> wait_for(Future<T> future) {
    co_return co_await future;
}

inline Coro<> sleep_then_log(Duration duration, Log& log, std::string text) {
    co_await sleep(duration);
    log.push_back(std::move(text));
}

inline Coro<> sleep_for(Duration duration) {
    co_await sleep(duration);
}

}  // namespace runtime_test
