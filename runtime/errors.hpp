// The errors of the runtime. A failed system call is std::system_error naming the call; a caller's mistake that can
// cross the API is std::logic_error; cancellation is neither, so that `catch (const std::exception&)` does not eat it.
//
//     try {
//         co_await timeout(200ms, fetch_page());
//     } catch (const TimeoutError& error) {
//         log(error.what());
//     }
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace stepwise {

// Thrown at the await of a task that was asked to stop. Not a std::exception: let it pass, or catch it by name and know
// what you do.
class CancelledError {
public:
    CancelledError() = default;
    explicit CancelledError(const std::string& reason) {
        if (!reason.empty()) text_ = std::string(prefix) + reason;
    }

    // What cancel() was told; may be empty.
    std::string_view reason() const noexcept {
        return text_.empty() ? std::string_view() : std::string_view(text_).substr(prefix.size());
    }
    const char* what() const noexcept { return text_.empty() ? "cancelled" : text_.c_str(); }

private:
    static constexpr std::string_view prefix = "cancelled: ";
    std::string text_;  // empty: no reason
};

// A future was asked for something that its state does not allow: a result while pending, a second result.
class InvalidStateError : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

// `timeout` ran out before its body ended.
class TimeoutError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// A bound was reached whose owner said "refuse". The message names the option that decides it.
class LimitError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

[[noreturn]] inline void throw_system_error(int error, const std::string& call) {
    throw std::system_error(error, std::generic_category(), call);
}

}  // namespace stepwise
