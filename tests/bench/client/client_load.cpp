// What http::Client costs: `client_load URL REQUESTS CONNECTIONS`. So many tasks ask one after the other over kept
// connections; prints requests and this process's CPU seconds as JSON.
#include <sys/resource.h>
#include <stepwise/net/http/client.hpp>
#include <stepwise/runtime/task_group.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

using namespace stepwise;

namespace {

Coro<void> ask(http::Client& client, std::string url, int count) {
    for (int index = 0; index < count; ++index) {
        http::FetchRequest request(url);
        Coro<http::FetchResponse> fetching = client.fetch(std::move(request));
        http::FetchResponse response = co_await std::move(fetching);
        response.throw_if_failed();
    }
}

Coro<void> ask_all(TaskGroup& group, http::Client& client, std::string url, int requests, int connections) {
    for (int index = 0; index < connections; ++index) group.start_soon(ask(client, url, requests / connections));
    co_return;
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("client_load URL REQUESTS CONNECTIONS\n", stderr);
        return 2;
    }
    const int requests = std::atoi(argv[2]);
    const int connections = std::atoi(argv[3]);
    EventLoop loop;
    http::Client::Options options;
    options.connections.connections_per_server_max = static_cast<std::size_t>(connections);
    http::Client client(loop, std::move(options));
    const std::string url = argv[1];
    loop.run_until_complete(task_group(ask_all, std::ref(client), url, connections, connections));  // connects
    const double before = cpu_seconds();
    loop.run_until_complete(task_group(ask_all, std::ref(client), url, requests, connections));
    fmt::print("{{\"requests\": {}, \"cpu_seconds\": {}}}\n", requests / connections * connections,
               cpu_seconds() - before);
    return 0;
}
