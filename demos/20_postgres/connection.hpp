// Connection: one connection to PostgreSQL on the event loop, through the half of libpq that never blocks.
//
//     postgres::Connection database = co_await postgres::Connection::connect("host=/run/postgresql dbname=school");
//     postgres::Result pupils = co_await database.query("select name from pupils");
//
// Owns the PGconn. libpq reads and writes its socket itself; add_reader and add_writer tell it when. One query at a
// time, on the loop's thread. Cancelled or timed out, a query is stopped on the server too, and the connection can be
// used again. No pool, no prepared statements, no COPY, and a result is in memory as a whole: real drivers do more.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <stepwise/runtime/event_loop.hpp>
#include <string>
#include <vector>

namespace postgres {

// What the server said, or libpq about the connection.
class Error : public std::runtime_error {
public:
    explicit Error(const std::string& message, std::string state = {})
        : std::runtime_error(message), state_(std::move(state)) {}

    // SQLSTATE, five characters (PostgreSQL manual, appendix A); empty when it was not the server that failed.
    const std::string& state() const noexcept { return state_; }

private:
    std::string state_;
};

struct Result {
    std::vector<std::string> columns;
    std::vector<std::vector<std::optional<std::string>>> rows;  // no value: NULL
};

class Connection {
public:
    // After this long a query that was given up, and that the server does not end, costs the connection.
    static constexpr auto stop_time_max = std::chrono::seconds(5);

    // `conninfo` as of the manual, 34.1.1. Looking up a host's name would block: say hostaddr=… or a socket's folder.
    // Throws Error. Has no deadline of its own: timeout(5s, Connection::connect(…)).
    static stepwise::Coro<Connection> connect(std::string conninfo);
    Connection(Connection&& other) noexcept;
    Connection& operator=(Connection&&) = delete;
    ~Connection();

    // One statement; $1, $2 … stand for the parameters. Throws Error; std::logic_error while another query is under
    // way. is_open() tells afterwards whether it was the query that failed or the connection.
    stepwise::Coro<Result> query(std::string sql, std::vector<std::string> parameters = {});
    // As far as is known: that a peer is gone is seen when it is talked to.
    bool is_open() const noexcept { return PQstatus(connection_.get()) == CONNECTION_OK; }

private:
    struct Finish {
        void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    };
    enum class Wanted { readable, writable, either };

    explicit Connection(std::string conninfo);
    stepwise::Coro<Result> ask(std::string sql, std::vector<std::string> parameters);
    stepwise::Coro<> flush();
    stepwise::Coro<Result> receive();
    stepwise::Coro<> stop_what_is_left();
    stepwise::Coro<> wait_until(Wanted wanted);
    void take_input();
    std::string message() const;

    std::unique_ptr<PGconn, Finish> connection_;
    std::string conninfo_;
    bool busy_ = false;     // a query has begun and its cleanup has not ended
    bool expects_ = false;  // the server owes an answer
};

}  // namespace postgres
