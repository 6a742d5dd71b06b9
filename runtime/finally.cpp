#include <stepwise/runtime/finally.hpp>

namespace stepwise::detail {

Coro<void> run_cleanup(Coro<void> cleanup, Duration deadline) {
    co_await Timeout<void>(deadline, std::move(cleanup), Timeout<void>::WithoutMemory::no_limit);
}

void report_cleanup(std::exception_ptr error) noexcept {
    EventLoop::current().call_exception_handler(std::move(error), "the cleanup of a body that had failed already");
}

}  // namespace stepwise::detail
