// What asyncio's words become here: one idiom a function, beside its twin in peers/from_asyncio.py.
//
// For the page "From asyncio". It prints what the twin prints, but for the lines that begin with a *.
//
// Run:    ./stepwise run from_asyncio
// Try:    std::this_thread::sleep_for(1s) in one of them, and STEPWISE_DEBUG=1
// Prints: main: 3
//         task: adder done false
//         …
#include <stepwise/net/options.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/async_generator.hpp>
#include <stepwise/runtime/context.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/process.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/sync/lock.hpp>
#include <stepwise/runtime/sync/queue.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/runtime/wait.hpp>

#include <fmt/core.h>

#include <sys/socket.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace stepwise;

//[ main
Coro<int> add(int left, int right) {
    co_await sleep(10ms);
    co_return left + right;
}

Coro<> waits_for_a_child() {
    int total = co_await add(1, 2);
    fmt::print("main: {}\n", total);
}
//]

//[ tasks
Coro<> starts_tasks() {
    Task<int> task = EventLoop::current().create_task(add(3, 4));
    task.set_name("adder");
    fmt::print("task: {} done {}\n", task.name(), task.done());
    fmt::print("task: {}\n", co_await task);
}
//]

//[ eager
Coro<> speaks_at_once() {
    fmt::print("* eager: inside\n");
    co_await sleep(0s);
}

Coro<> starts_eagerly() {
    Task<> task = EventLoop::current().create_task(speaks_at_once(), Start::eagerly);
    fmt::print("* eager: back from create_task\n");
    co_await task;
}
//]

Coro<std::string> after(Duration time, std::string name) {
    co_await sleep(time);
    co_return name;
}

//[ gather
Coro<> gathers() {
    EventLoop& loop = EventLoop::current();
    auto [first, second] = co_await gather(add(1, 1), after(5ms, "b"));
    fmt::print("gather: {} {}\n", first, second);
    std::vector<Task<std::string>> tasks;
    tasks.push_back(loop.create_task(after(5ms, "quick")));
    tasks.push_back(loop.create_task(after(1h, "slow")));
    auto [done, pending] = co_await wait(tasks, WaitFor::first_completed);
    fmt::print("wait: {} done, {} pending\n", done.size(), pending.size());
    for (Future<std::string>& task : pending) task.cancel();
    tasks.clear();
    tasks.push_back(loop.create_task(after(40ms, "last")));
    tasks.push_back(loop.create_task(after(1ms, "first")));
    auto completed = as_completed(tasks);
    while (auto next = co_await completed.next()) fmt::print("as_completed: {}\n", next->result());
}
//]

//[ group
Coro<> fails() {
    throw std::invalid_argument("no such user");
    co_return;
}

Coro<> starts_two(TaskGroup& group) {
    group.start_soon(after(1h, "sibling"));
    group.start_soon(fails());
    co_return;
}

Coro<> groups() {
    try {
        co_await task_group(starts_two);
    } catch (const std::invalid_argument& error) {
        fmt::print("group: {}\n", error.what());
    }
}
//]

//[ timeout
Coro<> times_out() {
    try {
        co_await timeout(10ms, after(1h, "never"));
    } catch (const TimeoutError&) {
        fmt::print("timeout: the time is up\n");
    }
}
//]

//[ swallow
Coro<> swallows() {
    try {
        co_await sleep(1h);
    } catch (const CancelledError&) {
        // a level: it stays until EventLoop::current_task()->uncancel() takes it back
    }
    try {
        co_await sleep(0s);
        fmt::print("* swallowed: the next await goes on\n");
    } catch (const CancelledError&) {
        fmt::print("* swallowed: the next await throws again\n");
        throw;
    }
}

Coro<> cancels() {
    set_lint_handler([](const Lint& lint) { fmt::print("* told: {}\n", name_of(lint.rule)); });
    Task<> task = EventLoop::current().create_task(swallows());
    co_await sleep(0s);
    task.cancel();
    std::vector<Task<>> tasks{task};
    co_await wait(tasks);
    fmt::print("* cancelled: {}\n", task.cancelled());
}
//]

//[ cleanup
Coro<> close(std::string name) {
    co_await sleep(10ms);
    fmt::print("cleanup: closed {}\n", name);
}

Coro<> works() {
    co_await sleep(1h);
}

Coro<> uses(std::string name) {
    co_await finally(works(), close(name));
}

Coro<> cleans_up() {
    Task<> task = EventLoop::current().create_task(uses("a file"));
    co_await sleep(0s);
    task.cancel();
    std::vector<Task<>> tasks{task};
    co_await wait(tasks);
    fmt::print("cleanup: cancelled {}\n", task.cancelled());
}
//]

//[ queue
Coro<> produces(Queue<int>& queue) {
    for (int number = 0; number < 3; ++number) co_await queue.put(number);
    queue.close();
}

Coro<> consumes() {
    Queue<int> queue(1);
    Task<> producer = EventLoop::current().create_task(produces(queue));
    while (auto number = co_await queue.get()) fmt::print("queue: {}\n", *number);
    co_await producer;
}
//]

//[ lock
Coro<> sets(Lock& lock, Event& ready) {
    auto guard = co_await lock.acquire();
    ready.set();
}

Coro<> synchronizes() {
    Lock lock;
    Event ready;
    Task<> task = EventLoop::current().create_task(sets(lock, ready));
    co_await ready.wait();
    fmt::print("event: set {}\n", ready.is_set());
    co_await task;
}
//]

//[ callbacks
Coro<> calls_back() {
    EventLoop& loop = EventLoop::current();
    Future<int> future = loop.create_future<int>();
    future.add_done_callback([](Future<int> done) { fmt::print("callback: {}\n", done.result()); });
    loop.call_later(10ms, [future]() mutable { future.set_result(42); });
    loop.call_soon([] { fmt::print("callback: soon\n"); });
    fmt::print("future: {}\n", co_await future);
}
//]

//[ threads
int blocks(EventLoop* loop, Event* told) {
    loop->call_soon_threadsafe([told] { told->set(); });
    int sum = 0;
    for (int number = 0; number < 10; ++number) sum += number;
    return sum;
}

Coro<> uses_threads() {
    Event told;
    int total = co_await to_thread(blocks, &EventLoop::current(), &told);
    co_await told.wait();
    fmt::print("thread: {}\n", total);
}
//]

//[ streams
Coro<> echo(int listening_socket) {
    net::Stream stream = co_await net::accept_from(listening_socket);
    std::optional<std::string> line = co_await stream.read_until("\n");
    co_await stream.write_all(line.value());
}

Coro<> speaks() {
    UniqueFd socket = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    Task<> server = EventLoop::current().create_task(echo(socket.get()));
    net::Stream stream = co_await net::Stream::connect(net::Address::of_local_end(socket.get()));
    stream.write("hello\n");
    std::optional<std::string> line = co_await stream.read_until("\n");
    fmt::print("stream: {}", line.value());
    co_await server;
}
//]

//[ process
Coro<> runs_a_process() {
    ProcessOptions options{"tr", "a-z", "A-Z"};
    ProcessOutput output = co_await run_process(options, "loud");
    fmt::print("process: {} {}\n", output.output, output.end.exit_code);
}
//]

//[ signal
Coro<> takes_a_signal() {
    EventLoop& loop = EventLoop::current();
    Event arrived;
    loop.add_signal_handler(SIGUSR1, [&arrived] { arrived.set(); });
    ::raise(SIGUSR1);
    co_await arrived.wait();
    loop.remove_signal_handler(SIGUSR1);
    fmt::print("signal: arrived\n");
}
//]

//[ reader
Coro<> watches() {
    EventLoop& loop = EventLoop::current();
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) throw_system_error(errno, "socketpair");
    UniqueFd here(ends[0]);
    UniqueFd there(ends[1]);
    Event readable;
    loop.add_reader(here.get(), [&readable] { readable.set(); });
    ::send(there.get(), "!", 1, 0);
    co_await readable.wait();
    loop.remove_reader(here.get());
    char byte = 0;
    ::recv(here.get(), &byte, 1, 0);
    fmt::print("reader: {}\n", byte);
}
//]

//[ context
ContextVar<std::string> request_id("none");

Coro<std::string> logs() {
    co_return request_id.get();
}

Coro<> inherits() {
    request_id.set("17");
    Task<std::string> task = EventLoop::current().create_task(logs());
    request_id.set("18");
    std::string logged = co_await task;
    fmt::print("context: {} {}\n", logged, request_id.get());
}
//]

//[ generator
AsyncGenerator<int> ticks(int count) {
    for (int tick = 0; tick < count; ++tick) {
        co_await sleep(1ms);
        co_yield tick;
    }
}

Coro<> iterates() {
    AsyncGenerator<int> two = ticks(2);
    while (auto tick = co_await two.next()) fmt::print("generator: {}\n", *tick);
}
//]

Coro<> everything() {
    auto parts = {waits_for_a_child, starts_tasks,   gathers,      groups,     times_out,    cancels,
                  cleans_up,         consumes,       synchronizes, calls_back, uses_threads, speaks,
                  runs_a_process,    takes_a_signal, watches,      inherits,   iterates,     starts_eagerly};
    for (auto part : parts) {
        Task<> task = EventLoop::current().create_task(part());
        co_await task;
    }
}

}  // namespace

int main(int argc, char** argv) {
    net::parse_demo_options(argc, argv, "What asyncio's words become here.");
    //[ run
    run(everything());
    //]
}
