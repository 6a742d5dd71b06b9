// A bug to find: version 3, whose request waits twice and is answered once.
//
// For chapter 8. No thread and no waiting: an operation is done when it is run.
// Run:    ./stepwise run second_wait [--lang zh|en]
// Try:    find the line that loses the second operation, and mend it; demos/07_coroutine_v3.cpp does it right.
// Prints: A in
//         A got: user
//         -- no call is left      A is not out, and nothing says so
#include <fmt/core.h>

#include <deque>
#include <optional>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <string>
#include <utility>

namespace {

namespace net = stepwise::net;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);

using Operation = stepwise::Generator<std::string>;           // when it is run, it yields its result
using Request = stepwise::Generator<Operation, std::string>;  // yields what it waits for, is sent the result

Operation long_io(std::string result) {
    co_yield std::move(result);
}

//[ request
Request request_a() {
    say("A 进入", "A in");
    Operation find_user = long_io("user");
    const std::string user = co_yield std::move(find_user);
    say("A 得到: " + user, "A got: " + user);
    Operation find_orders = long_io("orders of " + user);
    const std::string orders = co_yield std::move(find_orders);
    say("A 得到: " + orders, "A got: " + orders);
    say("A 离开", "A out");
}
//]

struct Call {
    Call(Request request_now, Operation operation_now)
        : request(std::move(request_now)), operation(std::move(operation_now)) {}

    Request request;
    Operation operation;
};
std::deque<Call> calls;

//[ resume
void wait_for(Request request, std::optional<Operation> operation) {
    if (operation) calls.emplace_back(std::move(request), std::move(*operation));
}

void resume(Call& call) {
    const std::string result = call.operation.next().value();
    call.request.send(result);
}
//]

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A request that waits twice. Find the bug.");

    Request request = request_a();
    std::optional<Operation> operation = request.next();
    wait_for(std::move(request), std::move(operation));
    for (; !calls.empty(); calls.pop_front()) resume(calls.front());
    say("-- 没有剩下的调用", "-- no call is left");
}
