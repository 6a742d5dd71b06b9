// A whole server program: a loop, a server, its signals, its exit code. What `main` of a small server returns.
#pragma once

#include <functional>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>

namespace stepwise::http {

struct ServeOptions {
    ServerOptions server;
    Duration shutdown_deadline = std::chrono::seconds(10);
    // Called once the server accepts, on its loop: to start tasks of the program's own.
    std::function<void(EventLoop&)> on_start;
};

// Listens where `program` says, prints `listening on http://HOST:PORT`, and serves until SIGINT or SIGTERM, which end
// it in order (a second one at once). Returns the exit code: 0; 2 with one line on stderr when it cannot listen there.
int serve(Router router, const net::ServerOptions& program, ServeOptions options = {});

}  // namespace stepwise::http
