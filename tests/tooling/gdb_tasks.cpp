// What gdb_test.py looks at from gdb: two loops on two threads whose tasks wait for one thing each, and futures in
// every state. Stops in look_here().
#include <stepwise/runtime/context.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <sys/socket.h>

#include <latch>
#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;
using stepwise::Task;

[[gnu::noinline]] void look_here() {
    asm volatile("");
}

Coro<int> innermost(Future<int> answer) {
    int tries = 3;
    int value = co_await answer;
    co_return value + tries;
}

Coro<int> in_the_middle(Future<int> answer) {
    Coro<int> inner = innermost(answer);
    co_return co_await inner;
}

Coro<int> awaits_a_task(Task<int> task) {
    co_return co_await task;
}

Coro<> sleeps() {
    co_await stepwise::sleep(1h);
}

Coro<> receives(int socket) {
    char byte = 0;
    co_await stepwise::io::recv(socket, std::span(&byte, 1));
}

Coro<> gathers() {
    Coro<> one = sleeps();
    Coro<> other = sleeps();
    co_await stepwise::gather(std::move(one), std::move(other));
}

Coro<> locks(stepwise::Lock& lock) {
    auto permit = co_await lock.acquire();
    co_await stepwise::sleep(1h);
}

Coro<> waits_for_event(stepwise::Event& event) {
    co_await event.wait();
}

struct Futures {
    Future<int> pending;
    Future<int> with_result;
    Future<int> failed;
    Future<> cancelled;
};

Coro<> shows(EventLoop& loop, int socket) {
    Futures futures{loop.create_future<int>(), loop.create_future<int>(), loop.create_future<int>(),
                    loop.create_future()};
    futures.with_result.set_result(42);
    futures.failed.set_exception(std::make_exception_ptr(std::runtime_error("the line is down")));
    futures.cancelled.cancel();
    static_cast<void>(futures.failed.exception());
    stepwise::ContextVar<int> depth(7);
    stepwise::Lock lock;
    stepwise::Event event;
    Coro<> unstarted = sleeps();
    Task<int> answer = loop.create_task(in_the_middle(futures.pending));
    answer.set_name("the answer");
    Task<int> asks = loop.create_task(awaits_a_task(answer));
    Task<> receiver = loop.create_task(receives(socket));
    Task<> gatherer = loop.create_task(gathers());
    Task<> holder = loop.create_task(locks(lock));
    Task<> locker = loop.create_task(locks(lock));
    Task<> listener = loop.create_task(waits_for_event(event));
    for (int turn = 0; turn < 3; ++turn) co_await stepwise::sleep(0s);
    Task<> late = loop.create_task(sleeps());
    Future<int>& result = futures.with_result;
    Future<int>& failed = futures.failed;
    look_here();
    static_cast<void>(result.done() && failed.done() && depth.get() == 7);
    co_await std::move(unstarted);
}

Coro<> sleeps_elsewhere() {
    co_await stepwise::sleep(1h);
}

Coro<> tells(std::latch& ready) {
    ready.count_down();
    co_await stepwise::sleep(1h);
}

Coro<> both(std::latch& ready) {
    Coro<> sleeper = sleeps_elsewhere();
    Coro<> teller = tells(ready);
    co_await stepwise::gather(std::move(sleeper), std::move(teller));
}

}  // namespace

int main() {
    std::latch ready(1);
    std::thread elsewhere([&ready] { stepwise::run(both(ready)); });
    elsewhere.detach();
    ready.wait();
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return 2;
    EventLoop loop;
    loop.run_until_complete(shows(loop, ends[0]));
}
