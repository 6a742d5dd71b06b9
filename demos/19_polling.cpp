// Three ways to hear of a change: asking every second, asking and waiting for the answer, and being told.
//
// The demo before it: 18_students. New: a handler that answers when there is news, and three clients side by side, each
// behind a relay that counts what passes.
// Run:    ./stepwise run 19 [--interval 0.5] [--patience 5] [--requests] [--lang zh|en] [--scale 0.1]
// Try:    --interval 0.1: polling is as quick as the others now. At what price?
//         --patience 0.5. What is long polling then? And what would a thousand clients cost that hear nothing?
// Prints: [ 4.4 s] sunny     0.0 s: WebSocket           when, what, how late, and who has heard it
//         [ 4.4 s] sunny     0.0 s: long polling
//         [ 5.0 s] sunny     0.6 s: polling             and so on, to
//                        heard  requests    sent  received  per news  latest
//         polling          3/4        20    1680      1456      1045   0.8 s
//         long polling     4/4         6     510       556       266   0.0 s
//         WebSocket        4/4         1     330       267       149   0.0 s
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/event.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/runtime/wait.hpp>
#include <stepwise/ws/broadcast.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace http = stepwise::http;
namespace net = stepwise::net;
namespace ws = stepwise::ws;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;
using stepwise::TimePoint;
using Seconds = std::chrono::duration<double>;  // of the program: a real one takes --scale

constexpr Seconds whole_run(19.5);  // no moment at which somebody asks

net::DemoOptions options;
Seconds interval(1);  // between two questions of the client that polls
Seconds patience(5);  // for so long the server keeps a question that it has no answer to
bool tells_requests = false;
TimePoint start;

stepwise::Duration scaled(Seconds duration);
double seconds_between(TimePoint from, TimePoint until);
Coro<> until(Seconds since_start);
void say(const std::string& text);

// ---- What changes, and who may hear of it

struct News {
    Seconds at;
    const char* text;
};
// The third comes so soon behind the second that who asks once a second has no chance to hear that one.
constexpr News all_news[] = {
    {Seconds(4.4), "sunny"}, {Seconds(9.4), "cloudy"}, {Seconds(9.85), "windy"}, {Seconds(16.2), "rain"}};

struct Weather {
    std::size_t version = 0;  // how many news there were; the last of them is what can be asked for
    stepwise::Event changed;
    ws::Broadcast listeners;
    std::vector<TimePoint> changed_at;
};

// "3 windy", the same for all three.
std::string line_of(const Weather& weather) {
    return fmt::format("{} {}", weather.version, all_news[weather.version - 1].text);
}

void change(Weather& weather) {
    weather.version += 1;
    weather.changed_at.push_back(EventLoop::current().time());
    weather.changed.set();  // who waits now goes on
    weather.changed.clear();
    weather.listeners.send(line_of(weather));
}

std::size_t version_in(std::string_view text) {
    std::size_t version = 0;
    std::from_chars(text.data(), text.data() + text.size(), version);
    return version;
}

// ---- The server's three endpoints. Whoever asks says which version they know; 204 means that there is nothing newer.

//[ answers
http::Response now(const Weather& weather, std::size_t known) {
    if (weather.version <= known) return http::Response(204);
    return http::Response::text(line_of(weather));
}

Coro<> newer_than(Weather& weather, std::size_t known) {
    while (weather.version <= known) co_await weather.changed.wait();
}

Coro<http::Response> when_there_is_news(Weather& weather, std::size_t known) {
    try {
        Coro<> newer = newer_than(weather, known);
        co_await stepwise::timeout(scaled(patience), std::move(newer));
    } catch (const stepwise::TimeoutError&) {
        // So that neither end, nor any proxy between them, has to wonder whether the other one is still there.
    }
    co_return now(weather, known);
}
//]

class Listener : public ws::WebSocketHandler {
public:
    explicit Listener(Weather& weather) : weather_(weather) {}
    void open() { weather_.listeners.add(connection()); }
    void on_message(ws::MessageView) {}
    void on_close() { weather_.listeners.remove(connection()); }

private:
    Weather& weather_;
};

http::Router routes(Weather& weather) {
    const auto known = [](const http::Request& request) { return version_in(request.argument("known").value_or("0")); };
    http::Router router;
    router.get("/now", [&weather, known](const http::Request& request) { return now(weather, known(request)); });
    router.get("/news",
               [&weather, known](const http::Request& request) { return when_there_is_news(weather, known(request)); });
    router.get("/socket", ws::handler<Listener>({}, std::ref(weather)));
    return router;
}

// ---- The three clients

struct Way {
    const char* name;
    std::string address;  // of the relay that counts for it
    int requests = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    int heard = 0;
    double latest_seconds = 0;
    std::size_t known = 0;
};

void count_request(Way& way) {
    way.requests += 1;
    if (tells_requests) say(fmt::format("request  {}: {}", way.requests, way.name));
}

void hear(Way& way, const Weather& weather, std::string_view text) {
    way.known = version_in(text);
    way.heard += 1;
    const double late = seconds_between(weather.changed_at.at(way.known - 1), EventLoop::current().time());
    way.latest_seconds = std::max(way.latest_seconds, late);
    say(fmt::format("{:<8} {:4.1f} s: {}", text.substr(text.find(' ') + 1), late, way.name));
}

Coro<> ask(http::Client& client, Way& way, const Weather& weather, std::string path) {
    count_request(way);
    http::FetchResponse response =
        co_await client.fetch(fmt::format("http://{}{}?known={}", way.address, path, way.known));
    response.throw_if_failed();
    if (response.status == 200) hear(way, weather, response.body);
}

//[ clients
// Both keep their connection, so that what they send is as little as HTTP allows.
Coro<> poll(Way& way, const Weather& weather) {
    http::Client client(EventLoop::current());
    for (int questions = 0;; ++questions) {
        co_await until(questions * interval);
        co_await ask(client, way, weather, "/now");
    }
}

Coro<> poll_long(Way& way, const Weather& weather) {
    http::Client client(EventLoop::current());
    for (;;) co_await ask(client, way, weather, "/news");
}

Coro<> listen(Way& way, const Weather& weather) {
    count_request(way);
    ws::ClientConnection connection = co_await ws::connect("ws://" + way.address + "/socket");
    while (auto message = co_await connection->receive()) hear(way, weather, message->data());
}
//]

// ---- The relays: what goes to the server is passed on, and what comes back, and both are counted

Coro<> pass_on(net::Stream& from, net::Stream& to, std::uint64_t& bytes) {
    char buffer[4096];
    while (const std::size_t size = co_await from.read_some(buffer)) {
        bytes += size;
        co_await to.write_all(std::string_view(buffer, size));
    }
    to.write_end();
}

Coro<> relay(int listening_socket, net::Address server, Way& way) {
    for (;;) {
        net::Stream client = co_await net::accept_from(listening_socket);
        net::Stream upstream = co_await net::Stream::connect(server);
        Coro<> up = pass_on(client, upstream, way.sent_bytes);
        Coro<> down = pass_on(upstream, client, way.received_bytes);
        co_await stepwise::gather(std::move(up), std::move(down));
    }
}

void print_what_it_took(const std::vector<Way>& ways) {
    const bool chinese = options.language == net::Language::chinese;
    fmt::print("{}\n", chinese ? "               听到    请求  发出字节  收到字节  平均每条  最晚"
                               : "               heard  requests    sent  received  per news  latest");
    for (const Way& way : ways) {
        const std::uint64_t per_news = (way.sent_bytes + way.received_bytes) / std::max(way.heard, 1);
        fmt::print("{:<13} {:>4}/{} {:>9} {:>7} {:>9} {:>9} {:>5.1f} s\n", way.name, way.heard, std::size(all_news),
                   way.requests, way.sent_bytes, way.received_bytes, per_news, way.latest_seconds);
    }
}

Coro<> serve_and_listen() {
    start = EventLoop::current().time();
    Weather weather;
    http::Server server(EventLoop::current(), routes(weather));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));

    std::vector<Way> ways{{"polling", {}}, {"long polling", {}}, {"WebSocket", {}}};
    std::vector<stepwise::UniqueFd> listening;
    std::vector<Task<>> tasks;
    for (Way& way : ways) {
        listening.push_back(net::listen_on(net::Address::tcp("127.0.0.1", 0)));
        way.address = net::Address::of_local_end(listening.back().get()).to_string();
        tasks.push_back(EventLoop::current().create_task(relay(listening.back().get(), address, way)));
    }
    tasks.push_back(EventLoop::current().create_task(poll(ways[0], weather)));
    tasks.push_back(EventLoop::current().create_task(poll_long(ways[1], weather)));
    tasks.push_back(EventLoop::current().create_task(listen(ways[2], weather)));

    for (const News& news : all_news) {
        co_await until(news.at);
        change(weather);
    }
    co_await until(whole_run);
    print_what_it_took(ways);
    for (Task<>& task : tasks) task.cancel();
    co_await stepwise::wait(std::move(tasks));
}

stepwise::Duration scaled(Seconds duration) {
    return std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
}

double seconds_between(TimePoint from, TimePoint until) {
    return std::chrono::duration<double>(until - from).count() / options.scale;
}

Coro<> until(Seconds since_start) {
    const stepwise::Duration left = start + scaled(since_start) - EventLoop::current().time();
    co_await stepwise::sleep(left);
}

void say(const std::string& text) {
    fmt::print("[{:4.1f} s] {}\n", seconds_between(start, EventLoop::current().time()), text);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    double interval_seconds = interval.count();
    double patience_seconds = patience.count();
    net::Options flags("A value that changes four times, and three ways to hear of it.");
    flags.add_option("--interval", interval_seconds, 0.05, 20, "Seconds between two questions of who polls");
    flags.add_option("--patience", patience_seconds, 0.05, 20, "Seconds for which the server keeps a question");
    flags.add_flag("--requests", tells_requests, "Tell of each request, too");
    flags.add_demo_options(options).parse(argc, argv);
    interval = Seconds(interval_seconds);
    patience = Seconds(patience_seconds);

    stepwise::run(serve_and_listen());
}
