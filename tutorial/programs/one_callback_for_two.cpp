// Two clients and one callback, which knows the answer but not who asked; then a callback for each.
//
// For chapter 3: a bug to find.
// Run:    ./stepwise run one_callback_for_two [--lang zh|en] [--scale 0.1]
// Try:    what would a global variable `who_asked`, set by each call of long_io, print?
// Prints: [ 2.0 s] A got: data-D            [ 7.0 s] D got: data-D
//         [ 5.0 s] A got: data-A            [10.0 s] A got: data-A
#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <stepwise/net/options.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;

const auto start = std::chrono::steady_clock::now();
net::DemoOptions options;
std::vector<std::thread> io_threads;

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    fmt::print("[{:4.1f} s] {}\n", passed.count() / options.scale,
               options.language == net::Language::chinese ? zh : en);
}

using Callback = std::function<void(const std::string& answer)>;

void long_io(const std::string& client, std::chrono::seconds duration, Callback callback) {
    io_threads.emplace_back([client, duration, callback = std::move(callback)] {
        std::this_thread::sleep_for(duration * options.scale);
        callback("data-" + client);
    });
}

//[ one for both
void on_finish(const std::string& answer) {
    say("A 得到: " + answer, "A got: " + answer);
}

void serve_with_one_callback() {
    long_io("A", 5s, on_finish);
    long_io("D", 2s, on_finish);
}
//]

//[ one for each
Callback answer_to(const std::string& client) {
    return [client](const std::string& answer) {
        // The copy of `client` is this callback's own.
        say(client + " 得到: " + answer, client + " got: " + answer);
    };
}

void serve_with_a_callback_each() {
    long_io("A", 5s, answer_to("A"));
    long_io("D", 2s, answer_to("D"));
}
//]

void join_all() {
    for (std::thread& thread : io_threads) thread.join();
    io_threads.clear();
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "One callback for two clients, then one for each.");

    serve_with_one_callback();
    join_all();
    say("-- 每个客户端一个回调", "-- a callback for each");
    serve_with_a_callback_each();
    join_all();
}
