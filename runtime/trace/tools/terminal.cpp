#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/trace/tools/terminal.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace stepwise::trace {

namespace {

volatile sig_atomic_t was_resized = 0;
volatile sig_atomic_t was_interrupted = 0;

void on_signal(int signal) {
    (signal == SIGWINCH ? was_resized : was_interrupted) = 1;
}

// Without SA_RESTART: poll() ends early.
void listen_to(int signal) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(signal, &action, nullptr);
}

}  // namespace

bool Terminal::is_there() noexcept {
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

Terminal::Terminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) throw_system_error(errno, "tcgetattr");
    termios raw = before_;
    raw.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) throw_system_error(errno, "tcsetattr");
    for (int signal : {SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) listen_to(signal);
    // The other screen, without a cursor, with lines that are cut instead of wrapped.
    write_all("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J");
}

Terminal::~Terminal() {
    write_all("\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l");
    static_cast<void>(::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_));
}

Size Terminal::size() const noexcept {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
    return {window.ws_col, window.ws_row};
}

void Terminal::show(const Grid& grid) {
    write_all(grid.drawn());
}

void Terminal::write_all(const std::string& text) noexcept {
    std::size_t written = 0;
    while (written < text.size()) {
        ssize_t count = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
        if (count < 0 && errno != EINTR) return;  // it is gone: nobody to tell
        written += count < 0 ? 0 : static_cast<std::size_t>(count);
    }
}

Pressed Terminal::next_key(int timeout_ms) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    int ready = was_interrupted != 0 || was_resized != 0 ? 0 : ::poll(&input, 1, timeout_ms);
    if (was_interrupted != 0 || ended_) return {Key::interrupted};
    if (was_resized != 0) {
        was_resized = 0;
        return {Key::resized};
    }
    return ready > 0 ? read_key() : Pressed{};
}

Pressed Terminal::read_key() {
    char byte = 0;
    if (::read(STDIN_FILENO, &byte, 1) != 1) {
        ended_ = true;
        return {Key::interrupted};
    }
    if (byte == '\r' || byte == '\n') return {Key::enter};
    if (byte == 0x7F || byte == '\b') return {Key::erase};
    if (byte != 0x1B) return {Key::letter, byte};
    // An arrow comes as ESC [ D at once; a person's Escape comes alone.
    char sequence[8];
    ssize_t count = ::read(STDIN_FILENO, sequence, sizeof sequence);
    if (count < 2) return {Key::escape};
    switch (sequence[1]) {
        case 'C':
        case 'B':
            return {Key::right};
        case 'D':
        case 'A':
            return {Key::left};
        case 'H':
            return {Key::home};
        case 'F':
            return {Key::end};
        default:
            return {};
    }
}

}  // namespace stepwise::trace
