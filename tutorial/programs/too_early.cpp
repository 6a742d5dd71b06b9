// A bug to find: a callback keeps the books, and the next line reads them before the loop has turned.
//
// For chapter 12.
// Run:    ./stepwise run too_early [--lang zh|en]
// Try:    move one line so that the total is right when it is printed first.
// Prints: the order is paid
//         total: 0
//         -- one turn of the loop
//         total: 42
#include <fmt/core.h>

#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string>

namespace {

namespace net = stepwise::net;
using stepwise::EventLoop;
using stepwise::Future;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A total that is read too early. Find the bug.");

    EventLoop loop;
    //[ bug
    int total = 0;
    Future<int> paid = loop.create_future<int>();
    paid.add_done_callback([&total](Future<int> done) { total += done.result(); });

    paid.set_result(42);
    say("订单已付", "the order is paid");
    say(fmt::format("合计: {}", total), fmt::format("total: {}", total));
    //]
    say("-- 事件循环转一轮", "-- one turn of the loop");
    loop.run_once();
    say(fmt::format("合计: {}", total), fmt::format("total: {}", total));
}
