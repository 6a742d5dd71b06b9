// Where D went: the same global as in version 1, and a local of each request that says when it ends.
//
// For chapter 6. No thread and no waiting: main sends the answers itself.
// Run:    ./stepwise run lost_request [--lang zh|en]
// Try:    give D a generator of its own, and send data-D to that one. When does its connection close?
// Prints: D: connection open
//         D: connection closed      at `gen = request("A")`, without a word of D's body
//         A: connection open
//         A got: data-D
//         A: connection closed
#include <fmt/core.h>

#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <string>
#include <utility>

namespace {

namespace net = stepwise::net;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);

using Request = stepwise::Generator<int, std::string>;

Request gen;  // whoever waits. There is one place for all.

struct Connection {
    explicit Connection(std::string client_now) : client(std::move(client_now)) {
        say(client + ": 连接打开", client + ": connection open");
    }
    ~Connection() { say(client + ": 连接关闭", client + ": connection closed"); }

    std::string client;
};

//[ request
Request request(std::string client) {
    const Connection connection(client);
    const std::string answer = co_yield 1;
    say(client + " 得到: " + answer, client + " got: " + answer);
}
//]

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A request that is lost, and the moment when it is.");

    //[ main
    gen = request("D");
    gen.next();
    say("-- 现在 A 来了", "-- now A comes");
    gen = request("A");
    gen.next();
    say("-- D 的答案到了", "-- the answer for D comes");
    gen.send("data-D");
    //]
}
