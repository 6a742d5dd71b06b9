// What the runtime tells of mistakes, collected by a test instead of going to stderr.
#pragma once

#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace runtime_test {

// Collects what is told while it lives.
class Lints {
public:
    Lints()
        : before_(set_lint_handler([this](const Lint& lint) {
              std::lock_guard lock(mutex_);
              all_.push_back(lint);
              if (on_lint) on_lint();
          })) {}
    ~Lints() { set_lint_handler(before_); }

    std::vector<Lint> all() {
        std::lock_guard lock(mutex_);
        return all_;
    }
    bool has(Lint::Rule rule) {
        std::vector<Lint> lints = all();
        return std::any_of(lints.begin(), lints.end(), [rule](const Lint& lint) { return lint.rule == rule; });
    }
    Lint only() {
        std::vector<Lint> lints = all();
        REQUIRE(lints.size() == 1);
        return lints.front();
    }

    std::function<void()> on_lint;

private:
    std::mutex mutex_;
    std::vector<Lint> all_;
    LintHandler before_;
};

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

inline Coro<void> sleeps_long() {
    co_await sleep(3600s);
}

}  // namespace runtime_test
