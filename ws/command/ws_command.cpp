// `./stepwise ws URL`: a WebSocket client for the terminal and for scripts. Lines of stdin are sent as text messages;
// what comes is printed on stdout, a line for each message; all else is told on stderr.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/signals.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/ws/client.hpp>

using namespace stepwise;

namespace {

constexpr std::size_t line_bytes_max = std::size_t{64} << 20;

constexpr std::string_view help_text =
    "WebSocket client: sends the lines of stdin, prints the messages that come. In a line: /close [CODE [REASON]], "
    "/binary HEX, // for a text that begins with /. Ctrl-C closes with 1000, twice: at once. Ends with 0 if it was "
    "closed with 1000, 1001, no code or that of /close; else with 1, and with 2 for a wrong flag.";

struct Wishes {
    std::string url;
    std::vector<std::string> headers;
    std::vector<std::string> subprotocols;
    std::string origin;
    std::string ca;
    double timeout_seconds = 10;
    double wait_seconds = 1;
    bool no_compress = false;
    bool trace = false;
};

void tell(const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
}

Wishes parse(int argc, char** argv) {
    Wishes wishes;
    net::Options options(help_text);
    options.add_option("url", wishes.url, "ws://HOST[:PORT][/PATH], or wss://");
    options.add_list("--header", wishes.headers, "A field of the request, \"Name: value\"");
    options.add_list("--subprotocol", wishes.subprotocols, "What is offered, the best first");
    options.add_option("--origin", wishes.origin, "The page that it pretends to be, https://example.com");
    options.add_option("--ca", wishes.ca, "For wss: trust the certificates in this file (PEM)");
    options.add_option("--timeout", wishes.timeout_seconds, 0.001, 86'400, "Seconds for opening the connection");
    options.add_option("--wait", wishes.wait_seconds, 0, 86'400,
                       "Seconds without a message, after the end of stdin, before it closes");
    options.add_flag("--no-compress", wishes.no_compress, "Messages go as they are");
    options.add_flag("--trace", wishes.trace, "Tell of every message with its time and size");
    options.parse(argc, argv);
    return wishes;
}

// A descriptor that the program was started without would be the next one that it opens: read as stdin, printed to.
void fill_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
    }
}

// Nothing, and an error, for a field that is none.
std::optional<ws::ConnectOptions> connect_options(const Wishes& wishes, std::string& error) {
    ws::ConnectOptions options;
    for (const std::string& field : wishes.headers) {
        const std::size_t colon = field.find(':');
        const std::size_t value = colon == std::string::npos ? colon : field.find_first_not_of(' ', colon + 1);
        if (colon == std::string::npos || colon == 0) {
            error = fmt::format("--header needs \"Name: value\", not '{}'", field);
            return std::nullopt;
        }
        options.headers.set(field.substr(0, colon), value == std::string::npos ? "" : field.substr(value));
    }
    if (!wishes.origin.empty()) options.headers.set("Origin", wishes.origin);
    if (!wishes.ca.empty()) options.tls = tls::Context::for_client({.authorities_file = wishes.ca});
    options.subprotocols = wishes.subprotocols;
    options.proxies = http::Proxies::from_environment();
    options.open_timeout = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wishes.timeout_seconds));
    options.connection.protocol.compression.enabled = !wishes.no_compress;
    options.connection.protocol.message_bytes_max = std::size_t{256} << 20;
    return options;
}

// The lines of stdin, read as they are asked for: who writes there waits for the server's end. The loop's thread.
class Lines {
public:
    // Nothing: there are no more. Cancel-safe.
    Coro<std::optional<std::string>> next() {
        std::optional<std::string> line = cut();
        while (!line && !ended_) {
            co_await io::poll(STDIN_FILENO, POLLIN);
            read_some();
            line = cut();
        }
        co_return line;
    }

private:
    void read_some() {
        char bytes[65536];
        const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
        if (count > 0) text_.append(bytes, static_cast<std::size_t>(count));
        ended_ = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    }
    // The next line of what was read; the last one needs no end. Nothing: more must be read.
    std::optional<std::string> cut() {
        for (;;) {
            std::size_t line_end = text_.find('\n', searched_);
            if (line_end == std::string::npos && ended_ && begin_ < text_.size()) line_end = text_.size();
            if (line_end == std::string::npos) break;
            std::string line = text_.substr(begin_, line_end - begin_);
            begin_ = searched_ = std::min(line_end + 1, text_.size());
            if (!std::exchange(skips_, false)) return line;
        }
        text_.erase(0, std::exchange(begin_, 0));
        if (text_.size() > line_bytes_max) {
            if (!std::exchange(skips_, true))
                tell(fmt::format("not sent: a line of more than {} bytes", line_bytes_max));
            text_.clear();
        }
        searched_ = text_.size();
        return std::nullopt;
    }

    std::string text_;
    std::size_t begin_ = 0;     // of the next line
    std::size_t searched_ = 0;  // there is no end of it before
    bool skips_ = false;        // what comes, up to the end of a line that was too long
    bool ended_ = false;
};

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text;
}

std::optional<std::string> bytes_of_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t at = 0; at < text.size(); at += 2) {
        unsigned value = 0;
        const auto [stopped, error] = std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
        if (error != std::errc() || stopped != text.data() + at + 2) return std::nullopt;
        bytes += static_cast<char>(value);
    }
    return bytes;
}

class Conversation {
public:
    Conversation(EventLoop& loop, ws::ClientConnection connection, const Wishes& wishes)
        : loop_(loop),
          connection_(std::move(connection)),
          wishes_(wishes),
          begun_(loop.time()),
          last_message_(loop.time()),
          is_interactive_(::isatty(STDIN_FILENO) != 0) {}

    Coro<int> hold() {
        Task<void> speaking = loop_.create_task(speak());
        while (auto message = co_await connection_->receive()) {
            last_message_ = loop_.time();
            show(message->data(), message->is_text());
        }
        speaking.cancel();
        try {
            co_await speaking;
        } catch (const CancelledError&) {
            // It waited for a line, or for the time in which no message came.
        }
        const auto code = static_cast<unsigned>(connection_->close_code());
        const std::string& reason = connection_->close_reason();
        tell(fmt::format("closed: {} {}{}{}", code, ws::name(connection_->close_code()), reason.empty() ? "" : ": ",
                         reason));
        co_return code == 1000 || code == 1001 || code == 1005 || code == sent_code_ ? 0 : 1;
    }
    void interrupt() {
        tell("");
        if (!connection_->is_open()) return connection_->abort();
        close(1000, {});
    }

private:
    void trace(char direction, std::string_view kind, std::size_t bytes) {
        if (!wishes_.trace) return;
        const std::chrono::duration<double> since = loop_.time() - begun_;
        tell(fmt::format("{:9.3f} {} {} of {} bytes", since.count(), direction, kind, bytes));
    }
    void show(std::string_view data, bool is_text) {
        trace('<', is_text ? "text" : "binary", data.size());
        const std::string line =
            fmt::format("{}{}\n", is_interactive_ ? "< " : "", is_text ? std::string(data) : "binary " + hex(data));
        std::fwrite(line.data(), 1, line.size(), stdout);
        std::fflush(stdout);
    }

    Coro<void> speak() {
        while (connection_->is_open()) {
            std::optional<std::string> line = co_await lines_.next();
            if (!line) break;
            Coro<void> saying = say(std::move(*line));
            co_await std::move(saying);
        }
        if (!connection_->is_open()) co_return;
        const auto wait = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wishes_.wait_seconds));
        last_message_ = std::max(last_message_, loop_.time());
        while (connection_->is_open() && loop_.time() - last_message_ < wait) {
            co_await sleep(last_message_ + wait - loop_.time());
        }
        close(1000, {});
    }

    Coro<void> say(std::string line) {
        try {
            if (line == "/close" || line.starts_with("/close ")) {
                close_as_told(std::string_view(line).substr(6));
            } else if (line.starts_with("/binary ")) {
                const std::optional<std::string> bytes = bytes_of_hex(std::string_view(line).substr(8));
                if (!bytes) co_return tell("/binary needs an even number of hexadecimal digits");
                trace('>', "binary", bytes->size());
                co_await connection_->send_binary(*bytes);
            } else if (line.starts_with('/') && !line.starts_with("//")) {
                tell("there are /close [CODE [REASON]], /binary HEX, and // for a text that begins with /");
            } else {
                const std::string_view text = std::string_view(line).substr(line.starts_with('/') ? 1 : 0);
                if (!ws::is_valid_utf8(text)) co_return tell("not sent: this line is not UTF-8");
                trace('>', "text", text.size());
                co_await connection_->send(text);
            }
        } catch (const ws::ConnectionClosed&) {
            // hold() tells how.
        }
    }

    void close_as_told(std::string_view words) {
        unsigned code = 1000;
        if (!words.empty()) {
            const auto [stopped, error] = std::from_chars(words.data() + 1, words.data() + words.size(), code);
            const std::string_view rest(stopped, static_cast<std::size_t>(words.data() + words.size() - stopped));
            if (error != std::errc() || code > 65535 || !(rest.empty() || rest[0] == ' ')) {
                return tell("/close needs a code, 1000 to 4999");
            }
            words = rest.empty() ? rest : rest.substr(1);
        }
        close(code, words);
    }
    void close(unsigned code, std::string_view reason) {
        if (!connection_->is_open()) return;
        try {
            connection_->close(static_cast<ws::CloseCode>(code), reason);
            sent_code_ = code;
            trace('>', fmt::format("close {}", code), reason.size());
        } catch (const std::invalid_argument& error) {
            tell(error.what());
        }
    }

    EventLoop& loop_;
    ws::ClientConnection connection_;
    const Wishes& wishes_;
    Lines lines_;
    TimePoint begun_;
    TimePoint last_message_;
    bool is_interactive_;
    unsigned sent_code_ = 0;
};

Coro<int> run(EventLoop& loop, const Wishes& wishes, const ws::ConnectOptions& options) {
    ws::ClientConnection connection = co_await ws::connect(wishes.url, options);
    const std::string subprotocol(connection->subprotocol());
    tell(fmt::format("connected to {}{}{}{}", wishes.url, subprotocol.empty() ? "" : ", subprotocol ", subprotocol,
                     connection->sent_window_bits() != 0 ? ", compressed" : ""));
    Conversation conversation(loop, std::move(connection), wishes);
    loop.add_signal_handler(SIGINT, [&] { conversation.interrupt(); });
    const int code = co_await conversation.hold();
    loop.remove_signal_handler(SIGINT);
    co_return code;
}

}  // namespace

int main(int argc, char** argv) {
    fill_standard_descriptors();
    const Wishes wishes = parse(argc, argv);
    if (wishes.url.empty()) return tell("ws: give a URL, ws://HOST[:PORT][/PATH] or wss://"), 2;
    try {
        std::string error;
        const std::optional<ws::ConnectOptions> options = connect_options(wishes, error);
        if (!options) return tell("ws: " + error), 2;
        EventLoop loop;
        return loop.run_until_complete(run(loop, wishes, *options));
    } catch (const std::invalid_argument& error) {
        return tell(std::string("ws: ") + error.what()), 2;
    } catch (const std::exception& error) {
        return tell(std::string("ws: ") + error.what()), 1;
    }
}
