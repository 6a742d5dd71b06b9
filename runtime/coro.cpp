#include <stepwise/runtime/coro.hpp>

namespace stepwise::detail {

void throw_coro_started() {
    throw std::logic_error("this Coro has been awaited, spawned or moved away already: a Coro runs once");
}

}  // namespace stepwise::detail
