#include <stepwise/net/http/access_log.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/file.hpp>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <iterator>

namespace stepwise::http {

namespace {

constexpr std::size_t written_at_once_bytes = 64 * 1024;

void append_quoted(std::string& line, std::string_view text) {
    if (text.empty()) text = "-";
    line += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
            line += c;
        } else {
            fmt::format_to(std::back_inserter(line), "\\x{:02x}", byte);
        }
    }
    line += '"';
}

void append_time(std::string& line, std::chrono::system_clock::time_point at) {
    const std::time_t second = std::chrono::system_clock::to_time_t(at);
    std::tm utc{};
    gmtime_r(&second, &utc);
    static constexpr char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    fmt::format_to(std::back_inserter(line), "[{:02}/{}/{}:{:02}:{:02}:{:02} +0000]", utc.tm_mday,
                   std::string_view(months + 3 * utc.tm_mon, 3), utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                   utc.tm_sec);
}

void append_line(std::string& line, const Answered& answered) {
    const Request& request = answered.request;
    line += request.remote_ip().empty() ? std::string_view("-") : request.remote_ip();
    line += " - - ";
    append_time(line, answered.at);
    line += ' ';
    std::string first;
    if (!request.method().empty()) {
        const bool is_old = request.head().version() == Version::http_1_0;
        first = fmt::format("{} {} HTTP/1.{}", request.method(), request.target(), is_old ? 0 : 1);
    }
    append_quoted(line, first);
    fmt::format_to(std::back_inserter(line), " {} {} ", answered.status, answered.body_bytes);
    append_quoted(line, request.headers().get("referer"));
    line += ' ';
    append_quoted(line, request.headers().get("user-agent"));
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(answered.took).count();
    fmt::format_to(std::back_inserter(line), " {}.{:06}", microseconds / 1'000'000, microseconds % 1'000'000);
}

}  // namespace

struct AccessLog::State {
    explicit State(File opened) : file(std::move(opened)) {}

    File file;
    std::string waiting;
    std::string written;  // under way
    std::uint64_t dropped = 0;
    bool writing = false;
};

std::string access_line(const Answered& answered) {
    std::string line;
    append_line(line, answered);
    return line;
}

AccessLog::AccessLog(const std::string& path) {
    UniqueFd fd(calls::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, File::mode_default));
    if (!fd) throw_system_error(errno, "open(" + path + ")");
    state_ = std::make_shared<State>(File(std::move(fd), path));
}

AccessLog::~AccessLog() {
    next_write_.cancel();
    std::string_view rest = state_->waiting;
    while (!rest.empty()) {
        const ssize_t count = calls::send(state_->file.fd(), rest.data(), rest.size());
        if (count <= 0) return;  // a full disk costs the log, and nothing else
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
}

void AccessLog::operator()(const Answered& answered) {
    State& state = *state_;
    if (state.waiting.size() >= buffered_bytes_max) {
        ++state.dropped;
        return;
    }
    if (state.dropped != 0) {
        state.waiting += fmt::format("- - - dropped {} lines: the file takes fewer than come\n", state.dropped);
        state.dropped = 0;
    }
    append_line(state.waiting, answered);
    state.waiting += '\n';
    if (state.writing) return;
    if (state.waiting.size() >= written_at_once_bytes) {
        next_write_.cancel();
        write_later();
        EventLoop::current().create_task(write_out(state_));
    } else if (!next_write_.pending()) {
        write_later();
    }
}

void AccessLog::write_later() {
    next_write_ = EventLoop::current().call_later(std::chrono::seconds(1), [state = state_] {
        if (!state->writing && !state->waiting.empty()) EventLoop::current().create_task(write_out(state));
    });
}

Coro<void> AccessLog::write_out(std::shared_ptr<State> state) {
    if (state->writing) co_return;
    state->writing = true;
    struct Done {
        State& state;
        ~Done() { state.writing = false; }
    } done{*state};
    while (!state->waiting.empty()) {
        state->written.clear();
        state->written.swap(state->waiting);
        co_await state->file.write_all(state->written);
    }
}

}  // namespace stepwise::http
