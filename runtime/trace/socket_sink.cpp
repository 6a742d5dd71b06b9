#include <stepwise/runtime/trace/sink.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

namespace stepwise::trace {

namespace {

constexpr std::size_t room_records = 16 * 1024;
// How long a full room waits for a listener that takes nothing, before events are dropped; and the end for one.
constexpr int patience_ms = 100;
constexpr int last_patience_ms = 1000;

class SocketSink final : public Sink {
public:
    SocketSink(const char* path, UniqueFd fd, const Header& header)
        : path_(path), fd_(std::move(fd)), room_(new Record[room_records]) {
        std::memcpy(static_cast<void*>(room_.get()), &header, sizeof header);
        filled_ = sizeof header / sizeof(Record);
    }

    std::span<Record> next_window(std::size_t filled) noexcept override {
        filled_ += filled;
        bool stuck = stuck_;
        send_all(stuck ? 0 : patience_ms);
        make_room();
        return rest();
    }
    void offer(std::span<Record>& window, std::size_t& filled) noexcept override {
        filled_ += std::exchange(filled, 0);
        send_all(0);
        if (sent_bytes_ == filled_ * sizeof(Record) || filled_ == room_records) make_room();
        window = rest();
    }
    void finish(std::size_t filled) noexcept override {
        filled_ += filled;
        send_all(last_patience_ms);
        if (!failed() && sent_bytes_ < filled_ * sizeof(Record)) fail(path_.c_str(), "its listener takes nothing more");
    }
    void forget() noexcept override {
        fd_.reset();
        filled_ = 0;
        sent_bytes_ = 0;
    }
    int descriptor() const noexcept override { return fd_.get(); }
    void listener_left(const char* why) noexcept override { end(why); }

private:
    std::span<Record> rest() noexcept {
        if (failed() || !fd_) return {};
        return std::span(room_.get(), room_records).subspan(filled_);
    }
    // What is sent makes room for what comes, once it is half of it.
    void make_room() noexcept {
        std::size_t sent = sent_bytes_ / sizeof(Record);
        if (sent < room_records / 2 && sent != filled_) return;
        std::memmove(static_cast<void*>(room_.get()), room_.get() + sent, (filled_ - sent) * sizeof(Record));
        filled_ -= sent;
        sent_bytes_ -= sent * sizeof(Record);
    }
    // Waits so long for a listener that takes nothing.
    void send_all(int wait_ms) noexcept {
        const char* bytes = reinterpret_cast<const char*>(room_.get());
        while (fd_ && sent_bytes_ < filled_ * sizeof(Record)) {
            ssize_t count = ::send(fd_.get(), bytes + sent_bytes_, filled_ * sizeof(Record) - sent_bytes_,
                                   MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count > 0) {
                sent_bytes_ += static_cast<std::size_t>(count);
                stuck_ = false;
                continue;
            }
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return end("its listener has gone");
            pollfd writable{fd_.get(), POLLOUT, 0};
            if (wait_ms == 0 || ::poll(&writable, 1, wait_ms) <= 0) {
                stuck_ = true;
                return;
            }
        }
    }
    void end(const char* why) noexcept {
        if (!failed()) fail(path_.c_str(), why);
        fd_.reset();
    }

    std::string path_;
    UniqueFd fd_;
    std::unique_ptr<Record[]> room_;
    std::size_t filled_ = 0;
    std::size_t sent_bytes_ = 0;
    bool stuck_ = false;
};

}  // namespace

std::unique_ptr<Sink> open_socket(const char* path, const Header& header) noexcept {
    auto refuse = [path](const char* why) {
        std::fprintf(stderr, "stepwise: no trace: %s: %s; the program runs without it\n", path, why);
        return nullptr;
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (std::strlen(path) >= sizeof address.sun_path) return refuse("longer than a Unix socket's path may be");
    std::memcpy(address.sun_path, path, std::strlen(path));
    try {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        // Not blocking: a listener with a full backlog is one that is not there.
        if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            return refuse(std::strerror(errno));
        return std::make_unique<SocketSink>(path, std::move(fd), header);
    } catch (const std::bad_alloc&) {
        return refuse("out of memory");
    }
}

}  // namespace stepwise::trace
