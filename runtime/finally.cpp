#include <stepwise/runtime/finally.hpp>

namespace stepwise::detail {

Coro<void> run_cleanup(Coro<void> cleanup, Duration deadline) {
    co_await timeout(deadline, std::move(cleanup));
}

void report_cleanup(std::exception_ptr error) noexcept {
    EventLoop::current().call_exception_handler(std::move(error), "the cleanup of a body that had failed already");
}

}  // namespace stepwise::detail
