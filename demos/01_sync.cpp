// One thing at a time: two requests, each handled from its first line to its last.
//
// The demo before it: none, the course begins here.
// Run:    ./stepwise run 01 [--lang zh|en]
// Try:    add a request C. In which order do the six lines come?
// Prints: A in
//         A out
//         B in
//         B out
#include <fmt/core.h>

#include <stepwise/net/options.hpp>
#include <string>

namespace {

namespace net = stepwise::net;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);

//[ requests
void request_a() {
    say("A 进入", "A in");
    say("A 离开", "A out");
}

void request_b() {
    say("B 进入", "B in");
    say("B 离开", "B out");
}
//]

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "Two requests, one after the other.");

    //[ serve
    request_a();
    request_b();
    //]
    // Simplified: a real server stays alive here and waits for the next request. This one knows that no more will come.
}
