#include <fmt/format.h>
#include <signal.h>
#include <stepwise/net/http/serve.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <cstdio>

namespace stepwise::http {

namespace {

Coro<void> serve_until(Future<void>& signalled, Server& server, Duration deadline) {
    co_await signalled;
    co_await server.shutdown(deadline);
}

int serve_on(EventLoop& loop, Router router, const net::ServerOptions& program, ServeOptions& options) {
    Server server(loop, std::move(router), options.server);
    net::Address address = server.listen(net::Address::tcp(program.host, program.port));

    Future<void> signalled = loop.create_future<void>();
    Task<void> serving = loop.create_task(serve_until(signalled, server, options.shutdown_deadline));
    for (int number : {SIGINT, SIGTERM}) {
        loop.add_signal_handler(number, [signalled, serving]() mutable {
            if (signalled.done()) {
                serving.cancel();
            } else {
                signalled.set_result();
            }
        });
    }
    // Only now: whoever reads the line may send a signal at once.
    fmt::print("listening on http://{}\n", address.to_string());
    std::fflush(stdout);
    if (options.on_start) loop.call_soon([&] { options.on_start(loop); });
    try {
        loop.run_until_complete<void>(serving);
    } catch (const CancelledError&) {
        // The second signal: what was left is aborted.
    }
    loop.cancel_all_tasks();
    return 0;
}

}  // namespace

int serve(Router router, const net::ServerOptions& program, ServeOptions options) {
    try {
        EventLoop::Options loop_options;
        loop_options.reactor = program.reactor;
        EventLoop loop(std::move(loop_options));
        return serve_on(loop, std::move(router), program, options);
    } catch (const std::system_error& error) {
        fmt::print(stderr, "error: {}\n", error.what());
    } catch (const std::invalid_argument& error) {
        fmt::print(stderr, "error: {}\n", error.what());
    }
    return 2;
}

}  // namespace stepwise::http
