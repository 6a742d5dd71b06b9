#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/trace/tools/listener.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace stepwise::trace {

namespace {

// A program that runs freely tells faster than a screen is drawn: so much at a time.
constexpr std::size_t bytes_at_once_max = std::size_t{1} << 20;
constexpr std::size_t block_bytes = 1 << 16;

void send_line(int fd, std::string_view line) noexcept {
    std::string text(line);
    text += '\n';
    static_cast<void>(!::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

Listener::Listener(std::string path) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) throw_system_error(ENAMETOOLONG, path_);
    std::memcpy(address.sun_path, path_.c_str(), path_.size());
    listening_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listening_ || ::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listening_.get(), 64) != 0) {
        throw_system_error(errno, "listen on " + path_);
    }
}

Listener::~Listener() {
    ::unlink(path_.c_str());
}

void Listener::accept_all() {
    for (;;) {
        UniqueFd connected(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!connected) return;
        if (!shown_ && !ended_) {
            shown_ = std::move(connected);
        } else {
            send_line(connected.get(), "continue");
            others_.push_back(std::move(connected));
        }
    }
}

std::vector<char> Listener::more() {
    accept_all();
    char block[block_bytes];
    for (UniqueFd& other : others_) {
        while (::recv(other.get(), block, sizeof block, MSG_DONTWAIT) > 0) {
        }
    }
    std::vector<char> bytes;
    while (shown_ && bytes.size() < bytes_at_once_max) {
        ssize_t count = ::recv(shown_.get(), block, sizeof block, MSG_DONTWAIT);
        if (count > 0) bytes.insert(bytes.end(), block, block + count);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            shown_.reset();
            ended_ = true;
        }
        if (count < 0 && errno != EINTR) break;
    }
    return bytes;
}

void Listener::command(std::string_view line) noexcept {
    if (shown_) send_line(shown_.get(), line);
}

}  // namespace stepwise::trace
