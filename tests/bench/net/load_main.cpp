// Drives one server and prints what it cost, as one line of JSON: `load KIND --port N --server PID`. See compare.py.
#include <stepwise/tests/bench/net/load.hpp>

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>

namespace {

void run(const bench::LoadOptions& options) {
    if (options.kind == "open") return bench::measure_open(options);
    if (options.kind.starts_with("idle")) return bench::measure_idle(options);
    std::unique_ptr<bench::Load> load = options.kind == "http"   ? bench::make_http_load(options)
                                        : options.kind == "echo" ? bench::make_echo_load(options)
                                                                 : bench::make_broadcast_load(options);
    load->run();
}

}  // namespace

int main(int argc, char** argv) {
    bench::LoadOptions options;
    CLI::App app("Drives a server and prints what it cost.");
    app.add_option("kind", options.kind)
        ->required()
        ->check(CLI::IsMember({"http", "echo", "broadcast", "open", "idle", "idle-http"}));
    app.add_option("--port", options.port)->required();
    app.add_option("--server", options.servers, "its process, or processes")->required();
    app.add_option("--path", options.path);
    app.add_option("--body", options.body, "http: what every response must hold");
    app.add_option("--connections", options.connections)->check(CLI::Range(1, 100'000))->take_last();
    app.add_option("--warmup-connections", options.warmup_connections, "idle: that are not counted")->take_last();
    app.add_option("--depth", options.depth, "messages sent at once")->check(CLI::Range(1, 1000));
    app.add_option("--message-bytes", options.message_bytes)->check(CLI::Range(16, 1 << 20));
    app.add_option("--warmup", options.warmup_seconds);
    app.add_option("--seconds", options.seconds);
    CLI11_PARSE(app, argc, argv);
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    try {
        run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "load: %s\n", error.what());
        return 2;
    }
}
