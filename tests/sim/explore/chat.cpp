// A room where everybody hears everything: each sender's messages come to each client once and in order, and each
// connection ends once, with a code that says why.
#include <stepwise/tests/sim/explore/properties.hpp>

#include <stepwise/net/http/server.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/barrier.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/ws/broadcast.hpp>
#include <stepwise/ws/client.hpp>
#include <stepwise/ws/route.hpp>

#include <map>

namespace explore {

namespace {

constexpr Duration listening_time_max = 20min;

struct Room {
    explicit Room(Trial& of) : trial(of) {}

    Trial& trial;
    ws::Broadcast everyone;
    int opened = 0;
    int closed = 0;
};

// What a connection may end with, where it was not broken and where it was.
bool is_right(ws::CloseCode code) {
    if (code == ws::CloseCode::normal_closure || code == ws::CloseCode::going_away) return true;
    return may_have_broken() && code == ws::CloseCode::abnormal_closure;
}

// A peer that does not read for a while, and a piece that is late, are no dead connection.
ws::ConnectionOptions patient() {
    ws::ConnectionOptions options;
    const bool may_stall = sim::world().network.options.chance(sim::Fault::stall) > 0;
    options.ping_timeout_seconds = may_stall ? 120 : 20;
    options.close_timeout_seconds = 120;
    return options;
}

class Talker : public ws::WebSocketHandler {
public:
    explicit Talker(Room& room) : room_(room) {}
    ~Talker() {
        if (is_open_) room_.trial.fail("chat: a handler ended without on_close");
    }

    void open() {
        ++room_.opened;
        is_open_ = true;
        room_.everyone.add(connection());
    }
    void on_message(ws::MessageView message) { room_.everyone.send(message.data); }
    void on_close() {
        ++room_.closed;
        if (!std::exchange(is_open_, false)) room_.trial.fail("chat: on_close without an open connection");
        room_.everyone.remove(connection());
        if (!is_right(close_code())) {
            room_.trial.fail("chat: the server's end closed with {} {}", static_cast<int>(close_code()),
                             close_reason());
        }
    }

private:
    Room& room_;
    bool is_open_ = false;
};

struct Plan {
    std::uint64_t clients = 0;
    std::vector<std::uint64_t> messages;  // of each
    std::uint64_t all = 0;
};

// Takes what comes, until all have been heard or the connection ends.
Coro<void> listen(ws::Connection& connection, const Plan& plan, Trial& trial) {
    std::map<std::uint64_t, std::uint64_t> heard;
    for (std::uint64_t total = 0; total < plan.all; ++total) {
        std::optional<ws::Message> message = co_await connection.receive();
        if (!message) {
            if (!may_have_broken()) trial.fail("chat: closed after {} of {} messages", total, plan.all);
            co_return;
        }
        const std::string text(message->data());
        const std::uint64_t sender = std::stoull(text);
        const std::uint64_t number = std::stoull(text.substr(text.find(':') + 1));
        auto [known, is_first] = heard.try_emplace(sender, number);
        if (!is_first && number != ++known->second) {
            trial.fail("chat: message {} of sender {} came where {} was due", number, sender, known->second);
        }
        if (is_first && number != 0 && !may_have_broken()) trial.fail("chat: the first of sender {} is lost", sender);
    }
}

Coro<void> speak(ws::Connection& connection, std::uint64_t self, std::uint64_t count, Trial& trial) {
    for (std::uint64_t number = 0; number < count; ++number) {
        const std::string text = fmt::format("{}:{}:{}", self, number, random_text(trial, 60'000));
        try {
            co_await connection.send(text);
        } catch (const ws::ConnectionClosed&) {
            co_return;
        }
    }
}

Coro<void> talk(TaskGroup& group, ws::Connection& connection, std::uint64_t self, const Plan& plan, Trial& trial) {
    group.start_soon(speak(connection, self, plan.messages[self], trial));
    // Whoever was broken off says no more.
    try {
        Coro<void> listening = listen(connection, plan, trial);
        co_await timeout(listening_time_max, std::move(listening));
    } catch (const TimeoutError&) {
        if (!may_have_broken()) trial.fail("chat: a message does not come\n{}", sim::world().network.describe());
    }
}

Coro<void> one_client(std::string url, std::uint64_t self, const Plan& plan, Barrier& all_are_here, Trial& trial) {
    ws::ClientConnection connection;
    try {
        ws::ConnectOptions options;
        options.open_timeout = 20min;
        options.connection = patient();
        connection = co_await ws::connect(url, options);
    } catch (const std::exception& error) {
        if (!may_have_broken()) trial.fail("chat: a client is not let in: {}", error.what());
    }
    co_await all_are_here.wait();
    if (connection == nullptr) co_return;
    Coro<void> talking = task_group(talk, std::ref(*connection), self, std::cref(plan), std::ref(trial));
    co_await std::move(talking);
    connection->close();
    Coro<void> closing = connection->wait_closed();
    co_await std::move(closing);
    if (!is_right(connection->close_code())) {
        trial.fail("chat: the client's end closed with {} {}", static_cast<int>(connection->close_code()),
                   connection->close_reason());
    }
}

}  // namespace

Coro<void> chat(Trial& trial) {
    EventLoop& loop = EventLoop::current();
    Room room(trial);
    http::Router router;
    router.get("/", ws::handler<Talker>(patient(), std::ref(room)));
    http::Server server(loop, std::move(router));
    const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
    const std::string url = fmt::format("ws://{}/", address.to_string());
    Plan plan;
    plan.clients = 1 + trial.random.below(5);
    for (std::uint64_t client = 0; client < plan.clients; ++client) plan.messages.push_back(trial.random.below(12));
    for (std::uint64_t count : plan.messages) plan.all += count;
    Barrier all_are_here(static_cast<std::size_t>(plan.clients));
    std::vector<Task<void>> clients;
    for (std::uint64_t client = 0; client < plan.clients; ++client) {
        clients.push_back(loop.create_task(one_client(url, client, plan, all_are_here, trial)));
    }
    for (Task<void>& client : clients) co_await client;
    Coro<void> shutting_down = server.shutdown(5min);
    co_await std::move(shutting_down);
    if (room.opened != room.closed) trial.fail("chat: {} opened, {} closed", room.opened, room.closed);
    if (room.everyone.size() != 0) trial.fail("chat: {} are left in the room", room.everyone.size());
}

}  // namespace explore
