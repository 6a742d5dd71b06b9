// An on_close that is a coroutine, and two callers: one drops what it returns, one awaits it.
//
// For chapter 28. The first caller does what frameworks do whose hooks were plain functions once; its twin in Tornado
// is peers/on_close_tornado.py.
// Run:    ./stepwise run dropped_on_close [--lang zh|en]
// Try:    handler.on_close(); alone on a line, without the cast. Who tells of it then, and when?
// Prints: -- the caller drops what on_close returns
//         told: never-awaited
//         bye: no, members: 1
//         -- the caller awaits it, and then the same with bye: yes, members: 0
#include <fmt/core.h>

#include <chrono>
#include <set>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using stepwise::Coro;

net::DemoOptions options;
std::set<std::string> room;
bool said_bye = false;

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

//[ member
struct Member {
    std::string name;

    void open() { room.insert(name); }
    Coro<> on_close() {
        say(name + " 说: bye", name + " says: bye");
        said_bye = true;
        co_await stepwise::sleep(10ms);  // a line for the log
        room.erase(name);
    }
};
//]

//[ callers
// As if it were a plain function. Without the cast the compiler warns.
void connection_lost_as_before(Member& member) {
    static_cast<void>(member.on_close());
}

Coro<> connection_lost(Member& member) {
    co_await member.on_close();
}
//]

void say_what_came_of_it() {
    say(fmt::format("bye: {}，成员: {}", said_bye ? "有" : "没有", room.size()),
        fmt::format("bye: {}, members: {}", said_bye ? "yes" : "no", room.size()));
    room.clear();
    said_bye = false;
}

Coro<> come_and_go_twice() {
    Member ada{"Ada"};
    say("-- 调用者丢掉 on_close 返回的东西", "-- the caller drops what on_close returns");
    ada.open();
    connection_lost_as_before(ada);
    co_await stepwise::sleep(100ms);
    say_what_came_of_it();

    say("-- 调用者等它", "-- the caller awaits it");
    ada.open();
    co_await connection_lost(ada);
    say_what_came_of_it();
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "An on_close that is dropped, and one that is awaited.");
    stepwise::set_lint_handler([](const stepwise::Lint& lint) {
        const std::string name = stepwise::name_of(lint.rule);
        say("报告: " + name, "told: " + name);
    });
    stepwise::run(come_and_go_twice());
}
