// A foreign library on the event loop: PostgreSQL's own, libpq, whose queries are awaited like everything else.
//
// The demo before it: 14_gather. New: add_reader and add_writer lend the loop's eyes to a library that has a socket of
// its own (connection.hpp). A query can be timed out and cancelled, and its errors are exceptions.
// Run:    ./stepwise run 20 [--postgres start|CONNINFO] [--query SQL] [--lang zh|en] [--scale 0.1]
// Try:    two queries at once on one connection. --query "select version()". --query "select pg_sleep(60)", and Ctrl-C.
// Prints: [ 0.0 s] -- 1: two queries on two connections, a clock beside them
//         [ 1.0 s] the short query is answered: 1
//         [ 2.0 s] the long query is answered: 2, and the clock ticked on
//         [ 2.0 s] -- 2: an error of the query, not of the connection
//         [ 2.0 s] error 42P01: relation "nowhere" does not exist
#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stepwise/demos/20_postgres/connection.hpp>
#include <stepwise/demos/20_postgres/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/task_group.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <string>
#include <utility>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using postgres::Connection;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Task;

net::DemoOptions options;
std::string asked;  // --query: this one alone
auto start = std::chrono::steady_clock::now();

void say(const std::string& zh, const std::string& en);
stepwise::Duration scaled(std::chrono::milliseconds duration);

void say_error(const postgres::Error& error) {
    const std::string state = error.state().empty() ? "" : " " + error.state();
    say(fmt::format("错误{}: {}", state, error.what()), fmt::format("error{}: {}", state, error.what()));
}

// A query that takes its time, and answers with a number.
Coro<std::string> ask_slowly(Connection& database, std::chrono::milliseconds duration, int number) {
    std::vector<std::string> values;
    values.push_back(fmt::format("{}", std::chrono::duration<double>(scaled(duration)).count()));
    values.push_back(std::to_string(number));
    const std::string sql = "select $2::int from pg_sleep($1::float8)";
    const postgres::Result result = co_await database.query(sql, std::move(values));
    co_return result.rows.at(0).at(0).value();
}

// A task of its own owns what it uses: cancelled, it may still be a step from its end when its starter has ended.
Coro<> tick(std::shared_ptr<int> ticks) {
    for (;; ++*ticks) co_await stepwise::sleep(scaled(100ms));
}

Coro<> ask_short(std::string conninfo) {
    Connection database = co_await Connection::connect(std::move(conninfo));
    const std::string answer = co_await ask_slowly(database, 1000ms, 1);
    say("短的查询有了答案: " + answer, "the short query is answered: " + answer);
}

Coro<> side_by_side(Connection& database, std::string conninfo) {
    say("-- 1: 两个查询，各用一个连接，旁边走着一个钟", "-- 1: two queries on two connections, a clock beside them");
    const auto ticks = std::make_shared<int>(0);
    Task<> ticking = EventLoop::current().create_task(tick(ticks));
    Task<> second = EventLoop::current().create_task(ask_short(std::move(conninfo)));
    const std::string answer = co_await ask_slowly(database, 2000ms, 2);
    ticking.cancel();
    co_await second;
    say("长的查询有了答案: " + answer + (*ticks >= 10 ? "，这期间钟一直在走" : "，这期间钟停着"),
        "the long query is answered: " + answer +
            (*ticks >= 10 ? ", and the clock ticked on" : ", and the clock stood still"));
}

Coro<> wrong_query(Connection& database) {
    say("-- 2: 查询出错，连接没事", "-- 2: an error of the query, not of the connection");
    try {
        co_await database.query("select * from nowhere");
    } catch (const postgres::Error& error) {
        say_error(error);
    }
    const std::string answer = co_await ask_slowly(database, 0ms, 3);
    say("同一个连接接着用: " + answer, "the same connection goes on: " + answer);
}

// How many queries of ours the server is still working on, but for this one.
Coro<std::string> queries_under_way(Connection& database) {
    const std::string sql =
        "select count(*) from pg_stat_activity where query like '%pg_sleep%' and state = 'active' "
        "and pid <> pg_backend_pid()";
    const postgres::Result result = co_await database.query(sql);
    co_return result.rows.at(0).at(0).value();
}

//[ timeout
Coro<> too_slow(Connection& database, Connection& other) {
    say("-- 3: 查询要 60 s，只给它 1 s", "-- 3: a query of 60 s gets 1 s");
    try {
        Coro<std::string> slow = ask_slowly(database, 60s, 4);
        co_await stepwise::timeout(scaled(1s), std::move(slow));
    } catch (const stepwise::TimeoutError& error) {
        say("TimeoutError", "TimeoutError");
    }
    const std::string left = co_await queries_under_way(other);
    say("服务器还在做的查询: " + left, "queries that the server still works on: " + left);
    const std::string answer = co_await ask_slowly(database, 0ms, 5);
    say("同一个连接接着用: " + answer, "the same connection goes on: " + answer);
}
//]

Coro<> cancelled(Connection& database) {
    say("-- 4: 等着查询的 task 被取消", "-- 4: the task that waits for a query is cancelled");
    Task<std::string> waiting = EventLoop::current().create_task(ask_slowly(database, 60s, 6));
    EventLoop::current().call_later(scaled(1s), [waiting]() mutable { waiting.cancel(); });
    try {
        co_await waiting;
    } catch (const stepwise::CancelledError&) {
        say("CancelledError", "CancelledError");
    }
    const std::string answer = co_await ask_slowly(database, 0ms, 7);
    say("同一个连接接着用: " + answer, "the same connection goes on: " + answer);
}

Coro<> hang_up(std::string conninfo, std::string backend) {
    co_await stepwise::sleep(scaled(1s));
    Connection other = co_await Connection::connect(std::move(conninfo));
    std::vector<std::string> whom;
    whom.push_back(std::move(backend));
    const std::string sql = "select pg_terminate_backend($1::int)";
    co_await other.query(sql, std::move(whom));
}

Coro<> cut_off(Connection& database, std::string conninfo) {
    say("-- 5: 查询当中，服务器断开了这个连接", "-- 5: the server hangs up in the middle of a query");
    const postgres::Result self = co_await database.query("select pg_backend_pid()");
    Task<> hanging_up = EventLoop::current().create_task(hang_up(conninfo, self.rows.at(0).at(0).value()));
    for (int attempt = 1; attempt <= 2; ++attempt) {
        try {
            co_await ask_slowly(database, 60s, 8);
        } catch (const postgres::Error& error) {
            say_error(error);
        }
    }
    co_await hanging_up;
}

Coro<> show_all(std::string conninfo) {
    Connection database = co_await Connection::connect(conninfo);
    Connection other = co_await Connection::connect(conninfo);
    start = std::chrono::steady_clock::now();
    co_await side_by_side(database, conninfo);
    co_await wrong_query(database);
    co_await too_slow(database, other);
    co_await cancelled(database);
    co_await cut_off(database, std::move(conninfo));
}

// A row in a line, with | between its values.
Coro<> ask_one(std::string conninfo) {
    Connection database = co_await Connection::connect(std::move(conninfo));
    const postgres::Result result = co_await database.query(asked);
    for (const auto& row : result.rows) {
        std::string line;
        for (const auto& value : row) line += (line.empty() ? "" : " | ") + value.value_or("NULL");
        fmt::print("{}\n", line);
    }
}

Coro<> show(std::string conninfo) {
    if (asked.empty()) return show_all(std::move(conninfo));
    return ask_one(std::move(conninfo));
}

stepwise::Duration scaled(std::chrono::milliseconds duration) {
    return std::chrono::duration_cast<stepwise::Duration>(duration * options.scale);
}

void say(const std::string& zh, const std::string& en) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    fmt::print("[{:4.1f} s] {}\n", passed.count() / options.scale,
               options.language == net::Language::chinese ? zh : en);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::string server = "start";
    net::Options program("Queries to PostgreSQL on the event loop: awaited, refused, timed out, cancelled, cut off.");
    program.add_demo_options(options);
    program.add_option("--postgres", server, "start: a server of its own; else where one is: \"host=/run/postgresql\"");
    program.add_option("--query", asked, "Ask this alone, and print the rows");
    program.parse(argc, argv);

    try {
        stepwise::run(server == "start" ? postgres::with_temporary_server(show) : show(server));
    } catch (const stepwise::CancelledError&) {
        return 130;  // as a shell says of a program that Ctrl-C ended
    } catch (const std::exception& error) {
        fmt::print(stderr, "postgres: {}\n", error.what());
        return 1;
    }
}
