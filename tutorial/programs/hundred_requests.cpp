// A hundred requests at once, answered in another order than they came: with one global, and with an object for each.
//
// For chapter 8. No thread and no waiting: main is the network, and hands out the answers as it likes.
// Run:    ./stepwise run hundred_requests [--lang zh|en]
// Try:    let main answer in the order in which they came. Does the global do better then?
// Prints: one global:            0 got their own answer, 1 got another's, 99 got none
//         an object for each:  100 got their own answer, 0 got another's, 0 got none
#include <fmt/core.h>

#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>
#include <string>
#include <vector>

namespace {

namespace net = stepwise::net;

constexpr int requests = 100;

net::DemoOptions options;

struct Count {
    int own = 0;
    int of_another = 0;
};

void say(const std::string& zh, const std::string& en);
int answered_next(int position);
void report(const std::string& zh, const std::string& en, const Count& count);

using Request = stepwise::Generator<int, int>;

// Waits for the answer with its own number, and counts what it got.
Request request(int number, Count& count) {
    const int answer = co_yield number;
    ++(answer == number ? count.own : count.of_another);
}

Request gen;  // whoever waits. There is one place for all.

Count answer_through_a_global() {
    Count count;
    for (int number = 0; number < requests; ++number) {
        gen = request(number, count);
        gen.next();
    }
    for (int position = 0; position < requests; ++position) gen.send(answered_next(position));
    return count;
}

//[ objects
// One request that waits, and the number of the operation that it waits for.
struct Call {
    Request request;
    int operation;
};

Count answer_through_objects() {
    Count count;
    std::vector<Call> calls;
    for (int number = 0; number < requests; ++number) {
        Request started = request(number, count);
        const int operation = started.next().value();
        calls.push_back({std::move(started), operation});
    }
    for (int position = 0; position < requests; ++position) {
        const int operation = answered_next(position);
        for (Call& call : calls) {
            if (call.operation == operation) call.request.send(operation);
        }
    }
    return count;
}
//]

// Whose answer comes at this position. 37 and 100 have no common factor: each number comes once.
int answered_next(int position) {
    return (position * 37 + 11) % requests;
}

void report(const std::string& zh, const std::string& en, const Count& count) {
    const int none = requests - count.own - count.of_another;
    say(fmt::format("{}: {} 个得到自己的答案，{} 个得到别人的，{} 个没有得到", zh, count.own, count.of_another, none),
        fmt::format("{}: {} got their own answer, {} got another's, {} got none", en, count.own, count.of_another,
                    none));
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A hundred requests at once, with a global and without.");

    report("一个全局变量", "one global", answer_through_a_global());
    report("每个请求一个对象", "an object for each", answer_through_objects());
}
