// Event-driven in forty lines, with nothing but poll(2): a table of handlers, and a loop that calls them.
//
// For the page on the event-driven model. A door and the visitors who come in by it, each of them a pipe.
// Run:    ./stepwise run event_driven [--lang zh|en]
// Try:    let A sleep for five seconds when she is heard. When is B heard? Let a visitor answer the door.
// Prints: -- sources: 1, waiting
//         the door opens: A comes in
//         -- sources: 2, waiting
//         the door opens: B comes in
//         A says: good morning
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/unique_fd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace net = stepwise::net;
using stepwise::UniqueFd;

net::DemoOptions options;

void say(const std::string& zh, const std::string& en);
UniqueFd pipe_with(std::string_view bytes);
std::string read_from(const UniqueFd& pipe, std::size_t bytes_max);

//[ loop
// Who wants to hear of which descriptor.
using Handlers = std::map<int, std::function<void()>>;

void run(Handlers& handlers) {
    while (!handlers.empty()) {
        std::vector<pollfd> watched;
        for (const auto& [fd, handler] : handlers) watched.push_back({fd, POLLIN, 0});

        say(fmt::format("-- {} 个事件源: 等", watched.size()), fmt::format("-- sources: {}, waiting", watched.size()));
        ::poll(watched.data(), watched.size(), -1);

        for (const pollfd& one : watched) {
            if (one.revents == 0) continue;
            const std::function<void()> handler = handlers.at(one.fd);  // it may take itself out
            handler();
        }
    }
}
//]

//[ handlers
struct Visitor {
    std::string name;
    UniqueFd voice;
};

void on_voice(Handlers& handlers, Visitor& visitor) {
    const std::string heard = read_from(visitor.voice, 100);
    if (!heard.empty()) return say(visitor.name + " 说: " + heard, visitor.name + " says: " + heard);
    say(visitor.name + " 走了", visitor.name + " leaves");
    handlers.erase(visitor.voice.get());
}

void on_door(Handlers& handlers, UniqueFd& door, std::vector<Visitor>& expected) {
    const std::string name = read_from(door, 1);
    if (name.empty()) {
        say("门关了", "the door is shut");
        handlers.erase(door.get());
        return;
    }
    say("门开了: " + name + " 进来", "the door opens: " + name + " comes in");
    for (Visitor& visitor : expected) {
        if (visitor.name == name) handlers[visitor.voice.get()] = [&] { on_voice(handlers, visitor); };
    }
}
//]

// What it gives is there to be read at once, and its end after that.
UniqueFd pipe_with(std::string_view bytes) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) stepwise::throw_system_error(errno, "pipe");
    UniqueFd read_end(ends[0]);
    const UniqueFd write_end(ends[1]);
    if (::write(write_end.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
        stepwise::throw_system_error(errno, "write");
    }
    return read_end;
}

std::string read_from(const UniqueFd& pipe, std::size_t bytes_max) {
    std::string bytes(bytes_max, '\0');
    const ssize_t count = ::read(pipe.get(), bytes.data(), bytes.size());
    if (count < 0) stepwise::throw_system_error(errno, "read");
    bytes.resize(static_cast<std::size_t>(count));
    return bytes;
}

void say(const std::string& zh, const std::string& en) {
    fmt::print("{}\n", options.language == net::Language::chinese ? zh : en);
}

}  // namespace

int main(int argc, char** argv) {
    options = net::parse_demo_options(argc, argv, "A loop, a table of handlers, and who comes in by the door.");
    const bool chinese = options.language == net::Language::chinese;
    UniqueFd door = pipe_with("AB");
    std::vector<Visitor> expected;
    expected.push_back({"A", pipe_with(chinese ? "早上好" : "good morning")});
    expected.push_back({"B", pipe_with(chinese ? "有人吗" : "anybody in?")});

    Handlers handlers;
    handlers[door.get()] = [&] { on_door(handlers, door, expected); };
    run(handlers);
    say("没有什么可等了", "nothing is left to wait for");
}
