// A line for each request that was answered, in the words of the combined log format, with the seconds it took behind.
//
//     http::AccessLog log("access.log");
//     http::ServerOptions options;
//     options.on_answered = std::ref(log);
//
// A request costs the writing of its line into memory; what has gathered goes to the file once a second, or when it is
// much. At most buffered_bytes_max wait there: beyond it lines are dropped, and a line says how many. The loop's
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <stepwise/net/http/server.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

// Without its end. What a client could use to forge a line, or to speak to a terminal, is escaped: \xHH.
std::string access_line(const Answered& answered);

class AccessLog {
public:
    static constexpr std::size_t buffered_bytes_max = 1024 * 1024;

    // Made anew or added to; "/dev/stdout" works too. Throws std::system_error. The loop: EventLoop::current().
    explicit AccessLog(const std::string& path);
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    // Writes what is left, and waits for the file meanwhile. The server is gone by then.
    ~AccessLog();

    void operator()(const Answered& answered);

private:
    struct State;
    void write_later();
    static Coro<void> write_out(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
    Handle next_write_;
};

}  // namespace stepwise::http
