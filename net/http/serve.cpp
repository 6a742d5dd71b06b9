#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <stepwise/net/http/serve.hpp>
#include <stepwise/runtime/sync/event.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

namespace stepwise::http {

namespace {

// What the loops of one program share. Each has a part of its own; the first one's thread takes the signals, and counts
// who listens and who has ended.
class Program {
public:
    Program(MakeRouterOfLoop make_router, ServeOptions& options, tls::ServerOptions certificates,
            const net::ServerOptions& program)
        : make_router_(std::move(make_router)),
          options_(options),
          certificates_(std::move(certificates)),
          address_(net::Address::tcp(program.host, program.port)),
          parts_(program.threads) {
        // One loop makes its socket itself: only a simulated one can simulate it.
        if (parts_.size() == 1) return;
        std::vector<UniqueFd> sockets = net::listen_side_by_side(address_, program.threads, options.server.listen);
        for (std::size_t index = 0; index < parts_.size(); ++index) parts_[index].socket = std::move(sockets[index]);
    }

    static Coro<void> run(Program& self, LoopGroup& loops, std::size_t index) {
        try {
            Server server(EventLoop::current(), self.make_router_(loops, index), self.options_.server);
            Serving serving(self.parts_[index], server);
            UniqueFd& socket = self.parts_[index].socket;
            net::Address address = socket ? server.listen(std::move(socket)) : server.listen(self.address_);
            if (index == 0) self.take_signals(loops);
            loops.post(0, [&self, &loops, address] { self.one_listens(loops, address); });
            co_await self.parts_[index].stop.wait();
            co_await server.shutdown(self.options_.shutdown_deadline);
        } catch (const CancelledError&) {
            throw;
        } catch (...) {
            loops.stop();  // no loop serves alone
            throw;
        }
        loops.post(0, [&self] { self.one_has_ended(); });
        // As long as one ends in order, a second signal must find the loop that takes it.
        if (index == 0) co_await self.all_have_ended_.wait();
    }

private:
    struct Part {
        UniqueFd socket;           // until its loop takes it; of one loop alone: none
        Server* server = nullptr;  // while it serves; for its loop only
        Event stop;
    };
    struct Serving {
        Serving(Part& of, Server& server) noexcept : part(of) { part.server = &server; }
        ~Serving() { part.server = nullptr; }
        Part& part;
    };

    void take_signals(LoopGroup& loops) {
        for (int number : {SIGINT, SIGTERM}) {
            EventLoop::current().add_signal_handler(number, [this, &loops] {
                if (std::exchange(signalled_, true)) return loops.stop();  // what is left is aborted
                for (std::size_t index = 0; index < parts_.size(); ++index) {
                    loops.post(index, [&stop = parts_[index].stop] { stop.set(); });
                }
            });
        }
        if (options_.server.tls == nullptr) return;
        EventLoop::current().add_signal_handler(SIGHUP, [this, &loops] { reload_certificates(loops); });
    }

    void reload_certificates(LoopGroup& loops) {
        std::shared_ptr<const tls::Context> fresh;
        try {
            fresh = tls::Context::for_server(certificates_);
        } catch (const std::runtime_error& error) {
            fmt::print(stderr, "the certificate stays as it was: {}\n", error.what());
            return;
        }
        for (std::size_t index = 0; index < parts_.size(); ++index) {
            loops.post(index, [&part = parts_[index], fresh] {
                if (part.server != nullptr) part.server->set_tls(fresh);
            });
        }
        fmt::print("certificates are new\n");
        std::fflush(stdout);
    }

    void one_listens(LoopGroup& loops, const net::Address& address) {
        if (++listening_ < parts_.size()) return;
        // Only now: whoever reads the line may send a signal at once.
        const char* scheme = options_.server.tls == nullptr ? "http" : "https";
        fmt::print("listening on {}://{}\n", scheme, address.to_string());
        std::fflush(stdout);
        if (!options_.on_start) return;
        for (std::size_t index = 0; index < parts_.size(); ++index) {
            loops.post(index, [this, &loops, index] { options_.on_start(loops, index); });
        }
    }

    void one_has_ended() {
        if (++ended_ == parts_.size()) all_have_ended_.set();
    }

    const MakeRouterOfLoop make_router_;
    ServeOptions& options_;
    const tls::ServerOptions certificates_;
    const net::Address address_;
    std::vector<Part> parts_;
    std::size_t listening_ = 0;
    std::size_t ended_ = 0;
    bool signalled_ = false;
    Event all_have_ended_;
};

// Every connection is a descriptor. The soft limit is low for the sake of programs that call select(2).
void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int refuse(std::string_view why) {
    fmt::print(stderr, "error: {}\n", why);
    return 2;
}

}  // namespace

void add_limits(net::Options& options, ServerOptions& target) {
    constexpr int seconds_max = 86'400;
    options.add_option("--max-body", target.parser.body_bytes_max, 0, INT64_MAX,
                       "Bytes that a request's body may have");
    options.add_option("--header-timeout", target.head_timeout_seconds, 1, seconds_max,
                       "Seconds for the head of a request, all of it");
    options.add_option("--body-timeout", target.body_timeout_seconds, 1, seconds_max,
                       "Seconds for the body of a request, all of it");
    options.add_option("--idle-timeout", target.keep_alive_timeout_seconds, 1, seconds_max,
                       "Seconds that a connection may wait for its next request");
}

int serve(MakeRouterOfLoop make_router, const net::ServerOptions& program, ServeOptions options) {
    tls::ServerOptions certificates{program.tls_cert, program.tls_key};
    if (program.tls_cert.empty() != program.tls_key.empty()) {
        return refuse("--tls-cert and --tls-key: one is of no use without the other");
    }
    if (!program.tls_cert.empty()) {
        try {
            options.server.tls = tls::Context::for_server(certificates);
        } catch (const std::runtime_error& error) {
            return refuse(error.what());
        }
    }
    raise_descriptor_limit();
    try {
        EventLoop::Options loop_options;
        loop_options.reactor = program.reactor;
        LoopGroup loops(program.threads, std::move(loop_options));
        Program serving(std::move(make_router), options, std::move(certificates), program);
        loops.run([&serving](LoopGroup& all, std::size_t index) { return Program::run(serving, all, index); });
        return 0;
    } catch (const std::system_error& error) {
        return refuse(error.what());
    } catch (const std::invalid_argument& error) {
        return refuse(error.what());
    }
}

int serve(MakeRouter make_router, const net::ServerOptions& program, ServeOptions options) {
    return serve([make = std::move(make_router)](LoopGroup&, std::size_t) { return make(); }, program,
                 std::move(options));
}

int serve(Router router, const net::ServerOptions& program, ServeOptions options) {
    if (program.threads != 1) {
        return refuse(fmt::format("--threads {}: what this program serves belongs to one loop", program.threads));
    }
    return serve([&router](LoopGroup&, std::size_t) { return std::move(router); }, program, std::move(options));
}

}  // namespace stepwise::http
