// Lines that a server sends back: each comes back once, whole and in order, unless its connection broke.
#include <stepwise/tests/sim/explore/properties.hpp>

#include <stepwise/net/listener.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>

namespace explore {

namespace {

constexpr std::size_t line_bytes_max = 100'000;
// The high water, and one line more.
constexpr std::size_t queued_bytes_max = 64 * 1024 + 30'000;
// A peer that is gone without a word is given up by then; what the network holds arrives much sooner.
constexpr Duration client_time_max = 30min;

Coro<void> send_back(net::Stream stream) {
    std::string block(4096, '\0');
    try {
        while (std::size_t count = co_await stream.read_some(block)) {
            co_await stream.write_all(std::string_view(block).substr(0, count));
        }
    } catch (const std::system_error&) {
        if (!may_have_broken()) throw;
    }
}

Coro<void> write_lines(net::Stream& stream, const std::vector<std::string>& lines, Trial& trial) {
    for (const std::string& line : lines) {
        co_await stream.write_all(line);
        if (stream.queued_bytes() > queued_bytes_max) trial.fail("echo: {} bytes are queued", stream.queued_bytes());
    }
    stream.write_end();
}

Coro<void> read_lines(net::Stream& stream, const std::vector<std::string>& lines, Trial& trial) {
    for (std::size_t index = 0; index < lines.size(); ++index) {
        std::optional<std::string> line = co_await stream.read_until("\n", line_bytes_max);
        if (!line) {
            if (!may_have_broken()) trial.fail("echo: the stream ended after {} of {} lines", index, lines.size());
            co_return;
        }
        if (*line != lines[index]) co_return trial.fail("echo: line {} is not what was sent", index);
    }
    std::optional<std::string> more = co_await stream.read_until("\n", line_bytes_max);
    if (more) trial.fail("echo: {} bytes more than were sent", more->size());
}

Coro<void> both_ways(TaskGroup& group, net::Stream& stream, const std::vector<std::string>& lines, Trial& trial) {
    group.start_soon(write_lines(stream, lines, trial));
    co_await read_lines(stream, lines, trial);
}

Coro<void> exchange(net::Address address, const std::vector<std::string>& lines, Trial& trial) {
    net::Stream stream = co_await net::Stream::connect(address);
    Coro<void> both = task_group(both_ways, std::ref(stream), std::cref(lines), std::ref(trial));
    co_await std::move(both);
}

Coro<void> one_client(net::Address address, std::vector<std::string> lines, Trial& trial) {
    try {
        Coro<void> exchanging = exchange(address, lines, trial);
        co_await timeout(client_time_max, std::move(exchanging));
    } catch (const std::exception& error) {
        if (!may_have_broken()) trial.fail("echo: a connection broke by itself: {}", error.what());
    }
}

Coro<void> end_of(Task<void>& server) {
    try {
        co_await server;
    } catch (const CancelledError&) {
        if (!server.cancelled()) throw;
    }
}

}  // namespace

Coro<void> echo(Trial& trial) {
    EventLoop& loop = EventLoop::current();
    std::vector<Task<void>> servers;
    const auto serve = [&](UniqueFd socket) {
        servers.push_back(loop.create_task(send_back(net::Stream(loop, std::move(socket)))));
    };
    net::Listener listener(loop, net::listen_on(net::Address::tcp("127.0.0.1", 0)), serve);
    std::vector<Task<void>> clients;
    const std::uint64_t client_count = 1 + trial.random.below(4);
    for (std::uint64_t client = 0; client < client_count; ++client) {
        std::vector<std::string> lines;
        const std::uint64_t line_count = trial.random.below(20);
        for (std::uint64_t index = 0; index < line_count; ++index) {
            lines.push_back(fmt::format("{}:{}:{}\n", client, index, random_text(trial, 30'000)));
        }
        clients.push_back(loop.create_task(one_client(listener.address(), std::move(lines), trial)));
    }
    for (Task<void>& client : clients) co_await client;
    listener.close();
    // The other end of a pulled cable hears nothing: it is ended here, as a server's deadlines would.
    for (Task<void>& server : servers) {
        if (may_have_broken()) server.cancel();
        Coro<void> ending = end_of(server);
        co_await std::move(ending);
    }
}

}  // namespace explore
