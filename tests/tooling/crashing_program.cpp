// A program whose third callback ends it by a signal, for those who look at crashes.
#include <stepwise/runtime/event_loop.hpp>

#include <cstdlib>

int main() {
    stepwise::EventLoop loop;
    for (int call = 0; call < 2; ++call) loop.call_soon([] {});
    loop.call_soon([] { std::abort(); });
    loop.run_forever();
}
