// The floor of an epoll server: one recv and one send for what arrived, and nothing else. What a framework adds to a
// request or a message is told as a ratio to this.
#include <sys/epoll.h>
#include <unistd.h>
#include <stepwise/tests/bench/net/floor.hpp>

#include <algorithm>
#include <vector>

namespace {

using namespace bench;

class EpollFloor {
public:
    explicit EpollFloor(const FloorOptions& options)
        : mode_(options.mode), protocol_(options.mode), listening_(listen_on(options.port, SOCK_NONBLOCK)) {
        watch(listening_);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 1024> events;
        for (;;) {
            int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int index = 0; index < count; ++index) {
                int fd = events[static_cast<std::size_t>(index)].data.fd;
                fd == listening_ ? accept_all() : receive(fd);
            }
        }
    }

private:
    void watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        check(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }

    void accept_all() {
        for (int fd = 0; (fd = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
            if (peers_.size() <= static_cast<std::size_t>(fd)) peers_.resize(static_cast<std::size_t>(fd) + 1);
            watch(fd);
        }
    }

    void receive(int fd) {
        FloorPeer& peer = peers_[static_cast<std::size_t>(fd)];
        std::size_t had = peer.rest.size();
        if (had != 0) std::memcpy(input_.data(), peer.rest.data(), had);
        ssize_t count = recv(fd, input_.data() + had, input_.size() - had, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) return leave(fd, peer);
        std::span<char> bytes(input_.data(), had + static_cast<std::size_t>(count));
        FloorReply reply = protocol_.serve(peer, bytes);
        if (reply.kind == FloorReply::Kind::handshake && mode_ == Mode::broadcast) members_.push_back(fd);
        if (reply.kind == FloorReply::Kind::in_place && mode_ == Mode::broadcast) {
            for (int member : members_) send_all(member, reply.bytes);
        } else if (!reply.bytes.empty()) {
            send_all(fd, reply.bytes);
        }
        if (had != 0 || reply.used != bytes.size()) peer.rest.assign(bytes.begin() + reply.used, bytes.end());
    }

    static void send_all(int fd, std::string_view bytes) {
        ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        bool gone = sent < 0 && (errno == EPIPE || errno == ECONNRESET);
        if (sent != static_cast<ssize_t>(bytes.size()) && !gone) throw std::runtime_error("a send was cut short");
    }

    void leave(int fd, FloorPeer& peer) {
        close(fd);
        peer = {};
        std::erase(members_, fd);
    }

    Mode mode_;
    FloorProtocol protocol_;
    int epoll_ = epoll_create1(0);
    int listening_;
    std::vector<FloorPeer> peers_;  // by descriptor
    std::vector<int> members_;
    std::vector<char> input_ = std::vector<char>(256 * 1024);
};

}  // namespace

int main(int argc, char** argv) {
    EpollFloor floor(parse_floor_options(argc, argv, "The floor of an epoll server."));
    floor.run();
}
