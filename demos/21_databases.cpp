// Ten queries of 100 ms each: on the loop's thread, on a pool of four threads, and by a driver that does not block.
//
// The demo before it: 20_postgres. New: a library that can only block, SQLite, goes to threads; a ticker that wants to
// run every 5 ms tells who held up the loop.
// Run:    ./stepwise run 21 [--postgres start|none|CONNINFO] [--threads 4] [--lang zh|en] [--scale 0.5]
// Try:    --threads 1, and --threads 10. What does a pool of ten threads cost that ten connections do not?
// Prints:                                  total  at once  most late     median
//         SQLite, on the loop            1002 ms        1   997.2 ms     0.1 ms  the ticker stood still
//         SQLite, pool of threads         302 ms        4     0.4 ms     0.1 ms  the ticker ticked on
//         PostgreSQL, on the loop        1021 ms        1  1016.0 ms     0.1 ms  the ticker stood still
//         PostgreSQL, pool of threads     312 ms        4     0.6 ms     0.1 ms  the ticker ticked on
//         PostgreSQL, not blocking        103 ms       10     0.9 ms     0.1 ms  the ticker ticked on
#include <fmt/core.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <stepwise/demos/20_postgres/connection.hpp>
#include <stepwise/demos/20_postgres/server.hpp>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace net = stepwise::net;
using namespace std::chrono_literals;
using postgres::Connection;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;
using stepwise::Task;

constexpr int queries = 10;
constexpr auto tick_time = 5ms;

net::DemoOptions options;
std::string conninfo;  // empty: no PostgreSQL

double query_seconds() {
    return 0.1 * options.scale;
}

// How many queries are under way, and how many were at most.
std::atomic<int> under_way = 0;
std::atomic<int> most_at_once = 0;

struct UnderWay {
    UnderWay() {
        const int now = ++under_way;
        int most = most_at_once;
        while (now > most && !most_at_once.compare_exchange_weak(most, now)) {
        }
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    ~UnderWay() { --under_way; }
};

// ---- Two drivers that block

// SQLite is a library that reads a file: it has no socket to wait for. `pause` stands for a slow disk, or for a lock
// that another process holds.
class Sqlite {
public:
    Sqlite() {
        sqlite3* opened = nullptr;
        const int code = sqlite3_open(":memory:", &opened);
        database_.reset(opened);
        check(code);
        check(sqlite3_create_function(opened, "pause", 1, SQLITE_UTF8, nullptr, &Sqlite::pause, nullptr, nullptr));
    }

    void query(double seconds) {
        sqlite3_stmt* prepared = nullptr;
        check(sqlite3_prepare_v2(database_.get(), "select pause(?1)", -1, &prepared, nullptr));
        const std::unique_ptr<sqlite3_stmt, Close> statement(prepared);
        check(sqlite3_bind_double(prepared, 1, seconds));
        if (sqlite3_step(prepared) != SQLITE_ROW) check(sqlite3_errcode(database_.get()));
    }

private:
    struct Close {
        void operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };

    static void pause(sqlite3_context* context, int, sqlite3_value** values) {
        sqlite3_sleep(static_cast<int>(std::lround(sqlite3_value_double(values[0]) * 1000)));
        sqlite3_result_int(context, 1);
    }
    void check(int code) const {
        if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database_.get()));
    }

    std::unique_ptr<sqlite3, Close> database_;
};

// A connection may be used by one thread at a time: each has its own.
//[ blocking
void sqlite_query() {
    const UnderWay counted;
    thread_local Sqlite database;
    database.query(query_seconds());
}

void postgres_query() {
    const UnderWay counted;
    thread_local const std::unique_ptr<PGconn, decltype(&PQfinish)> database(PQconnectdb(conninfo.c_str()), PQfinish);
    const std::string sql = fmt::format("select pg_sleep({})", query_seconds());
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(database.get(), sql.c_str()), PQclear);
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(database.get()));
}
//]

// ---- One query, three ways. Ten tasks ask, as if ten clients had come at once.

using BlockingQuery = void (*)();

//[ ways
Coro<> on_the_loop(BlockingQuery query) {
    query();
    co_return;
}

Coro<> in_the_pool(BlockingQuery query) {
    Future<> asked = stepwise::to_thread(query);
    co_await asked;
}

Coro<> not_blocking(Connection& database) {
    const UnderWay counted;
    co_await database.query(fmt::format("select pg_sleep({})", query_seconds()));
}
//]

// ---- The ticker, which would be on time if nobody held up the loop

struct Lateness {
    std::vector<double> ms;

    double most() const { return *std::max_element(ms.begin(), ms.end()); }
    double median() {
        const auto middle = ms.begin() + static_cast<std::ptrdiff_t>(ms.size() / 2);
        std::nth_element(ms.begin(), middle, ms.end());
        return *middle;
    }
};

// A task of its own owns what it uses: cancelled, it may still be a step from its end when its starter has ended.
Coro<> tick(std::shared_ptr<Lateness> late) {
    EventLoop& loop = EventLoop::current();
    stepwise::TimePoint due = loop.time();
    while (true) {
        due = std::max(due + tick_time, loop.time());  // ticks that were missed are not made up for
        co_await stepwise::sleep(due - loop.time());
        late->ms.push_back(std::chrono::duration<double, std::milli>(loop.time() - due).count());
    }
}

// ---- Ten queries by one way, and the line that tells of them

struct Name {
    const char* zh;
    const char* en;

    const char* text() const { return options.language == net::Language::chinese ? zh : en; }
};

void print_row(const Name& name, double total_ms, Lateness& late) {
    const Name stood{"节拍停住了", "the ticker stood still"};
    const Name ticked{"节拍照走", "the ticker ticked on"};
    fmt::print("{:<28} {:5.0f} ms {:8} {:7.1f} ms {:7.1f} ms  {}\n", name.text(), total_ms, most_at_once.load(),
               late.most(), late.median(), (late.most() > 0.8 * total_ms ? stood : ticked).text());
    std::fflush(stdout);
}

Coro<> measure(Name name, std::vector<Coro<>> asked) {
    EventLoop& loop = EventLoop::current();
    const auto late = std::make_shared<Lateness>();
    Task<> ticking = loop.create_task(tick(late));
    co_await stepwise::sleep(2 * tick_time);
    most_at_once = 0;
    const stepwise::TimePoint begin = loop.time();
    co_await stepwise::gather(std::move(asked));
    const double total_ms = std::chrono::duration<double, std::milli>(loop.time() - begin).count();
    co_await stepwise::sleep(2 * tick_time);  // the tick that was held up comes now
    ticking.cancel();
    print_row(name, total_ms, *late);
}

struct Way {
    Name name;
    Coro<> (*ask)(BlockingQuery);
    BlockingQuery query;
};

Coro<> measure_blocking(const Way& way) {
    std::vector<Coro<>> asked;
    for (int number = 0; number < queries; ++number) asked.push_back(way.ask(way.query));
    co_await measure(way.name, std::move(asked));
}

// One connection can do one query at a time: whoever does not block needs as many as there are queries, but no thread.
Coro<std::vector<Connection>> connect_all() {
    std::vector<Connection> databases;
    for (int number = 0; number < queries; ++number) {
        Connection database = co_await Connection::connect(conninfo);
        databases.push_back(std::move(database));
    }
    co_return databases;
}

Coro<> measure_not_blocking(std::vector<Connection>& databases) {
    const Name name{"PostgreSQL，不阻塞", "PostgreSQL, not blocking"};
    std::vector<Coro<>> asked;
    for (Connection& database : databases) asked.push_back(not_blocking(database));
    co_await measure(name, std::move(asked));
}

void print_head() {
    fmt::print(
        "{}\n\n",
        options.language == net::Language::chinese
            ? fmt::format("{} 个查询同时来，每个 {:.0f} ms；节拍每 5 ms 一下", queries, 1000 * query_seconds())
            : fmt::format("{} queries at once, {:.0f} ms each; a ticker every 5 ms", queries, 1000 * query_seconds()));
    const Name columns[] = {{"总共", "total"}, {"同时", "at once"}, {"最迟", "most late"}, {"中位", "median"}};
    fmt::print("{:<28} {:>8} {:>8} {:>10} {:>10}\n", "", columns[0].text(), columns[1].text(), columns[2].text(),
               columns[3].text());
}

const Way with_sqlite[] = {
    {{"SQLite，在循环上", "SQLite, on the loop"}, on_the_loop, sqlite_query},
    {{"SQLite，线程池", "SQLite, pool of threads"}, in_the_pool, sqlite_query},
};
const Way with_postgres[] = {
    {{"PostgreSQL，在循环上", "PostgreSQL, on the loop"}, on_the_loop, postgres_query},
    {{"PostgreSQL，线程池", "PostgreSQL, pool of threads"}, in_the_pool, postgres_query},
};

Coro<> compare(std::string database) {
    conninfo = std::move(database);
    std::vector<Connection> databases;
    if (!conninfo.empty()) databases = co_await connect_all();
    print_head();
    for (const Way& way : with_sqlite) co_await measure_blocking(way);
    if (conninfo.empty()) co_return;
    for (const Way& way : with_postgres) co_await measure_blocking(way);
    co_await measure_not_blocking(databases);
}

void say_what_is_left_out() {
    const bool chinese = options.language == net::Language::chinese;
    fmt::print(
        "\n{}: {}\n{}: --postgres \"host=/run/postgresql\"\n",
        chinese ? "这里没有 PostgreSQL，少比三行。安装" : "No PostgreSQL here: three lines are left out. To get it",
        postgres::how_to_get_it, chinese ? "已经有一个" : "If there is one elsewhere");
}

}  // namespace

int main(int argc, char** argv) {
    std::string server = "start";
    EventLoop::Options loop_options;
    loop_options.thread_pool.threads_max = 4;
    net::Options program(
        "Ten queries at once: on the loop, in a pool of threads, and by a driver that does not block.");
    program.add_demo_options(options);
    program.add_option("--postgres", server,
                       "start: a server of its own; none; else where one is: \"host=/run/postgresql\"");
    program.add_option("--threads", loop_options.thread_pool.threads_max, 1, 100, "Threads of the pool");
    program.parse(argc, argv);

    const bool left_out = server == "start" && !postgres::find_programs();
    try {
        if (server == "none" || left_out) {
            stepwise::run(compare(""), loop_options);
        } else {
            stepwise::run(server == "start" ? postgres::with_temporary_server(compare) : compare(server), loop_options);
        }
        if (left_out) say_what_is_left_out();
    } catch (const stepwise::CancelledError&) {
        return 130;  // as a shell says of a program that Ctrl-C ended
    } catch (const std::exception& error) {
        fmt::print(stderr, "databases: {}\n", error.what());
        return 1;
    }
}
