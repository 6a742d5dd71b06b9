// A whole server program: its loops, a server on each, its signals, its exit code. What `main` of a small server
// returns.
//
//     return http::serve(routes, options);      // http::Router routes(): made once for each loop, --threads of them
//
// The routes are made, called and ended on their loop's thread; what they refer to outlives serve(), and with more than
// one loop is used by several threads. The calling thread runs the first loop.
#pragma once

#include <functional>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/loop_group.hpp>

namespace stepwise::http {

struct ServeOptions {
    ServerOptions server;
    Duration shutdown_deadline = std::chrono::seconds(10);
    // Called on each loop, once all accept: to start tasks of the program's own.
    std::function<void(LoopGroup& loops, std::size_t index)> on_start;
};

// The flags --max-body (bytes of a body that is collected), --header-timeout, --body-timeout and --idle-timeout (whole
// seconds).
void add_limits(net::Options& options, ServerOptions& target);

// For a program whose loops post to each other. Called on its loop: EventLoop::current().
using MakeRouterOfLoop = std::function<Router(LoopGroup& loops, std::size_t index)>;
using MakeRouter = std::function<Router()>;

// Listens where `program` says, prints `listening on http://HOST:PORT` (https with its certificate), and serves until
// SIGINT or SIGTERM, which end it in order (a second one at once). SIGHUP reads certificate and key again, for new
// connections; when they cannot be used it says so on stderr, and goes on with those that it has. The soft limit of
// descriptors becomes the hard one, as each connection is one. Returns the exit code: 0; 2 with one line on stderr when
// it cannot listen there, or not with that certificate.
int serve(MakeRouterOfLoop make_router, const net::ServerOptions& program, ServeOptions options = {});
int serve(MakeRouter make_router, const net::ServerOptions& program, ServeOptions options = {});
// For handlers that belong to one thread: more than one loop is refused, as a port that is taken.
int serve(Router router, const net::ServerOptions& program, ServeOptions options = {});

}  // namespace stepwise::http
