// Several fetches at once: a list keeps its order, a map its names, and one that fails does not stop the others.
//
// The demo before it: 13_on_close. New: http::fetch, and gather, which makes a task of each Coro and waits for all.
// Run:    ./stepwise run 14 [--lang zh|en] [--scale 0.1]
// Try:    let 192.0.2.1 take 3 s. For how long does part 1 wait then, and part 2?
//         Take the wait at the end of part 4 away. Does anybody stop the two that were not done?
// Prints: [ 2.0 s] -- 2: a list, side by side ...     [ 4.0 s] -- 4: one of three fails ...
//         [ 2.0 s] 192.0.2.1 is asked, and so on      [ 4.5 s] 192.0.2.7 has answered
//         [ 2.5 s] 192.0.2.3 has answered             [ 4.5 s] gather threw: 192.0.2.7: unknown address
//         [ 3.0 s] 192.0.2.1 has answered             [ 5.0 s] 192.0.2.1 has answered
//         [ 3.0 s] 192.0.2.2 has answered             [ 5.0 s] 192.0.2.2 has answered
//         [ 3.0 s] results: Xiamen, Fuzhou, Quanzhou
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;

stepwise::TimePoint start;  // by the loop's clock: on the simulator no time passes but its own
net::DemoOptions options;
std::string upstream;  // where it listens

void say(const std::string& zh, const std::string& en);
Coro<> wait(std::chrono::milliseconds duration);

// ---- The upstream: in which place is an address? It stands for a service elsewhere, so an answer takes a second.

struct Answer {
    std::chrono::milliseconds delay;
    std::string body;
};

const std::map<std::string, Answer> answers = {
    {"192.0.2.1", {1s, R"({"ret": 1, "place": "Xiamen"})"}},
    {"192.0.2.2", {1s, R"({"ret": 1, "place": "Fuzhou"})"}},
    {"192.0.2.3", {500ms, R"({"ret": 1, "place": "Quanzhou"})"}},
    {"192.0.2.7", {500ms, R"({"ret": 0, "message": "unknown address"})"}},
    {"192.0.2.8", {500ms, R"({"ret: 1})"}},
};

Coro<http::Response> answer(const http::Request& request) {
    const auto known = answers.find(request.argument("address").value_or(""));
    if (known == answers.end()) co_return http::Response::error(404);
    co_await wait(known->second.delay);
    co_return http::Response::json(known->second.body);
}

// ---- Who asks it

// What the upstream means, or an error of one line.
std::string place_in(const std::string& body) {
    try {
        const nlohmann::json answer = nlohmann::json::parse(body);
        if (answer.at("ret") != 1) throw std::runtime_error(answer.at("message").get<std::string>());
        return answer.at("place");
    } catch (const nlohmann::json::exception&) {
        throw std::runtime_error("this is no answer: " + body);
    }
}

Coro<std::string> place_of(std::string address) {
    say("问 " + address, address + " is asked");
    http::FetchResponse response = co_await http::fetch(upstream + address);
    say(address + " 答了", address + " has answered");
    try {
        response.throw_if_failed();
        co_return place_in(response.body);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(address + ": " + error.what());
    }
}

Coro<> one_after_the_other() {
    say("-- 1: 一个接一个", "-- 1: one after the other");
    const std::string first = co_await place_of("192.0.2.1");
    const std::string second = co_await place_of("192.0.2.2");
    say("结果: " + first + ", " + second, "results: " + first + ", " + second);
}

Coro<> a_list() {
    say("-- 2: 列表，一起问: 结果按问的顺序，不按答的顺序",
        "-- 2: a list, side by side: results in the order of the questions, not of the answers");
    std::vector<Coro<std::string>> questions;
    for (const char* address : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) questions.push_back(place_of(address));
    const std::vector<std::string> places = co_await stepwise::gather(std::move(questions));
    say(fmt::format("结果: {}", fmt::join(places, ", ")), fmt::format("results: {}", fmt::join(places, ", ")));
}

Coro<> a_map() {
    say("-- 3: 字典，一起问: 结果用同样的名字", "-- 3: a map, side by side: results under the same names");
    std::map<std::string, Coro<std::string>> questions;
    questions.emplace("home", place_of("192.0.2.3"));
    questions.emplace("office", place_of("192.0.2.1"));
    const std::map<std::string, std::string> places = co_await stepwise::gather(std::move(questions));
    say("结果: home 是 " + places.at("home") + "，office 是 " + places.at("office"),
        "results: home is " + places.at("home") + ", office is " + places.at("office"));
}

// The first error is thrown as soon as it is there. The other questions go on; what they find is dropped.
Coro<> one_fails() {
    say("-- 4: 三个里一个失败: 马上抛出，另外两个照样做完",
        "-- 4: one of three fails: it is thrown at once, the others go on");
    std::vector<Coro<std::string>> questions;
    for (const char* address : {"192.0.2.1", "192.0.2.7", "192.0.2.2"}) questions.push_back(place_of(address));
    try {
        co_await stepwise::gather(std::move(questions));
    } catch (const std::runtime_error& error) {
        say(fmt::format("gather 抛出: {}", error.what()), fmt::format("gather threw: {}", error.what()));
    }
    co_await wait(1s);  // to see them end
}

Coro<std::string> place_or_reason(std::string address) {
    Coro<std::string> place = place_of(address);
    try {
        co_return co_await std::move(place);
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
}

// Whoever wants to hear of every child makes their errors into values.
Coro<> errors_as_values() {
    say("-- 5: 错误变成值: 每一个都有结果", "-- 5: errors made into values: each one has a result");
    std::vector<Coro<std::string>> questions;
    for (const char* address : {"192.0.2.1", "192.0.2.7", "192.0.2.8", "192.0.2.9"}) {
        questions.push_back(place_or_reason(address));
    }
    const std::vector<std::string> results = co_await stepwise::gather(std::move(questions));
    for (const std::string& result : results) say("结果: " + result, "result: " + result);
}

// The upstream is on the same loop: it answers while those who ask it wait.
Coro<> serve_and_ask() {
    start = EventLoop::current().time();
    http::Router router;
    router.get("/place", answer);
    http::Server server(EventLoop::current(), std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    upstream = "http://" + address.to_string() + "/place?address=";

    co_await one_after_the_other();
    co_await a_list();
    co_await a_map();
    co_await one_fails();
    co_await errors_as_values();
}

double seconds_since_start() {
    return std::chrono::duration<double>(EventLoop::current().time() - start).count() / options.scale;
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("[{:4.1f} s] {}\n", seconds_since_start(), options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

Coro<> wait(std::chrono::milliseconds duration) {
    const auto scaled = std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
    co_await stepwise::sleep(scaled);
}

}  // namespace

int main(int argc, char** argv) {
    options =
        net::parse_demo_options(argc, argv, "Several fetches at once, by list and by map, and what a failure does.");

    stepwise::run(serve_and_ask());
}
