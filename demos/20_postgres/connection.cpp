#include <cassert>
#include <stepwise/demos/20_postgres/connection.hpp>
#include <stepwise/runtime/finally.hpp>
#include <utility>

namespace postgres {

namespace {

using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Future;

struct Clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using ResultOwner = std::unique_ptr<PGresult, Clear>;

// libpq's messages end in a line feed, and explain themselves in further lines.
std::string first_line(std::string text) {
    return text.substr(0, text.find('\n'));
}

Error error_of(const PGresult* result) {
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return Error(primary != nullptr ? primary : first_line(PQresultErrorMessage(result)),
                 state != nullptr ? state : "");
}

Result copy_of(const PGresult* from) {
    Result result;
    const int columns = PQnfields(from);
    for (int column = 0; column < columns; ++column) result.columns.emplace_back(PQfname(from, column));
    for (int row = 0; row < PQntuples(from); ++row) {
        auto& values = result.rows.emplace_back(static_cast<std::size_t>(columns));
        for (int column = 0; column < columns; ++column) {
            if (!PQgetisnull(from, row, column))
                values[static_cast<std::size_t>(column)] = PQgetvalue(from, row, column);
        }
    }
    return result;
}

// Whatever watches a descriptor stops with the frame that waits, also when it is cancelled.
class Unwatch {
public:
    Unwatch(EventLoop& loop, int fd) noexcept : loop_(loop), fd_(fd) {}
    Unwatch(const Unwatch&) = delete;
    Unwatch& operator=(const Unwatch&) = delete;
    ~Unwatch() {
        loop_.remove_reader(fd_);
        loop_.remove_writer(fd_);
    }

private:
    EventLoop& loop_;
    int fd_;
};

}  // namespace

Connection::Connection(std::string conninfo)
    : connection_(PQconnectStart(conninfo.c_str())), conninfo_(std::move(conninfo)) {
    if (!connection_) throw std::bad_alloc();
}

Connection::Connection(Connection&& other) noexcept
    : connection_(std::move(other.connection_)), conninfo_(std::move(other.conninfo_)) {
    assert(!other.busy_);
}

Connection::~Connection() = default;

//[ wait
Coro<> Connection::wait_until(Wanted wanted) {
    EventLoop& loop = EventLoop::current();
    Future<> ready = loop.create_future();
    auto tell = [ready]() mutable {
        if (!ready.done()) ready.set_result();
    };
    const int fd = PQsocket(connection_.get());
    const Unwatch unwatch(loop, fd);
    if (wanted != Wanted::writable) loop.add_reader(fd, tell);
    if (wanted != Wanted::readable) loop.add_writer(fd, tell);
    co_await ready;
}
//]

Coro<Connection> Connection::connect(std::string conninfo) {
    Connection made(std::move(conninfo));
    PGconn* const connection = made.connection_.get();
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED || PQstatus(connection) == CONNECTION_BAD) throw Error(made.message());
        const Wanted wanted = next == PGRES_POLLING_READING ? Wanted::readable : Wanted::writable;
        co_await made.wait_until(wanted);
        next = PQconnectPoll(connection);
    }
    if (PQsetnonblocking(connection, 1) != 0) throw Error(made.message());
    co_return made;
}

Coro<Result> Connection::query(std::string sql, std::vector<std::string> parameters) {
    if (busy_) throw std::logic_error("postgres::Connection::query: the query before it has not ended");
    if (!is_open()) throw Error("the connection is closed");
    busy_ = true;
    Coro<Result> asked = ask(std::move(sql), std::move(parameters));
    Coro<> cleanup = stop_what_is_left();
    Coro<Result> both = stepwise::finally(std::move(asked), std::move(cleanup), stop_time_max);
    co_return co_await std::move(both);
}

//[ ask
Coro<Result> Connection::ask(std::string sql, std::vector<std::string> parameters) {
    std::vector<const char*> values;
    for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
    const int sent = PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                       values.data(), nullptr, nullptr, 0);
    if (sent == 0) throw Error(message());
    expects_ = true;
    co_await flush();
    co_return co_await receive();
}
//]

// A server may answer, or complain, before it has read the whole question: both ways are watched.
Coro<> Connection::flush() {
    while (true) {
        const int left = PQflush(connection_.get());
        if (left < 0) throw Error(message());
        if (left == 0) co_return;
        co_await wait_until(Wanted::either);
        take_input();
    }
}

Coro<Result> Connection::receive() {
    Result result;
    std::optional<Error> error;
    while (true) {
        while (PQisBusy(connection_.get())) {
            co_await wait_until(Wanted::readable);
            // What the server said before it hung up tells more than that it did.
            if (PQconsumeInput(connection_.get()) == 0) throw error ? *error : Error(message());
        }
        const ResultOwner got(PQgetResult(connection_.get()));
        if (!got) break;
        const ExecStatusType status = PQresultStatus(got.get());
        if (status == PGRES_TUPLES_OK) {
            result = copy_of(got.get());
        } else if (status == PGRES_FATAL_ERROR) {
            error = error_of(got.get());
        } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
            connection_.reset();  // in the middle of a COPY, which goes on until one side ends it
            throw Error("COPY is not spoken here: the connection was closed");
        }
    }
    expects_ = false;
    if (error) throw *error;
    co_return result;
}

void Connection::take_input() {
    if (PQconsumeInput(connection_.get()) == 0) throw Error(message());
}

// After a query. If it was given up before its answer came, the server is told, and what it still sends is dropped; a
// server that does not answer that either costs the connection.
//[ stop
Coro<> Connection::stop_what_is_left() {
    struct Settle {
        Connection& connection;
        ~Settle() {
            if (connection.expects_) connection.connection_.reset();
            connection.expects_ = connection.busy_ = false;
        }
    } settle{*this};
    if (!expects_ || !is_open()) co_return;
    // PQcancel() would block, here or in a thread that the loop's end then waits for: a second connection asks.
    Connection messenger = co_await connect(conninfo_);
    std::vector<std::string> whom;
    whom.push_back(std::to_string(PQbackendPID(connection_.get())));
    Coro<Result> telling = messenger.ask("select pg_cancel_backend($1)", std::move(whom));
    co_await std::move(telling);
    co_await flush();
    try {
        co_await receive();
    } catch (const Error&) {  // "canceling statement due to user request"
    }
}
//]

std::string Connection::message() const {
    return first_line(PQerrorMessage(connection_.get()));
}

}  // namespace postgres
