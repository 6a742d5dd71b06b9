#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace contract {

Loop::~Loop() {
    for (Offloaded& one : offloaded_) one.thread.join();
}

void Loop::offload(Operation& operation) {
    Offloaded& one = offloaded_.emplace_back();
    one.operation = &operation;
    one.thread = std::thread([this, &one] {
        Operation& work = *one.operation;
        bool reads = work.kind == OperationKind::read;
        bool here = work.offset == Operation::current_offset;
        ssize_t count = reads ? (here ? ::read(work.fd, work.buffer, work.size)
                                      : ::pread(work.fd, work.buffer, work.size, work.offset))
                              : (here ? ::write(work.fd, work.buffer, work.size)
                                      : ::pwrite(work.fd, work.buffer, work.size, work.offset));
        work.result = count < 0 ? -errno : static_cast<int>(count);
        one.done = true;
        reactor->wake();
    });
}

void Loop::abandon_offloaded(Operation& operation) noexcept {
    auto one = std::ranges::find(offloaded_, &operation, &Offloaded::operation);
    if (one == offloaded_.end()) return;
    one->thread.join();
    offloaded_.erase(one);
}

void Loop::finish_offloaded() {
    for (auto one = offloaded_.begin(); one != offloaded_.end();) {
        if (!one->done) {
            ++one;
            continue;
        }
        one->thread.join();
        Operation& operation = *one->operation;
        one = offloaded_.erase(one);
        reactor->finish_offloaded(operation);
    }
}

void Loop::run_ready() {
    finish_offloaded();
    ReadyQueue turn;
    turn.take_over(ready);
    while (ReadyNode* node = turn.pop()) node->run(*node);
}

bool Loop::turn(std::optional<Reactor::Duration> timeout) {
    // As the real loop does: no wait while something is ready.
    reactor->wait(ready.empty() ? timeout : 0ns);
    bool something = !ready.empty();
    run_ready();
    return something;
}

namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

Pair socket_pair() {
    int both[2];
    REQUIRE(calls::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) == 0);
    return {UniqueFd(both[0]), UniqueFd(both[1])};
}

Pair pipe_pair() {
    int both[2];
    REQUIRE(calls::pipe2(both, O_NONBLOCK | O_CLOEXEC) == 0);
    return {UniqueFd(both[0]), UniqueFd(both[1])};
}

Listener tcp_listener(int backlog, int port) {
    Listener listener;
    listener.socket.reset(calls::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(listener.socket);
    int on = 1;
    calls::setsockopt(listener.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(port);
    REQUIRE(calls::bind(listener.socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(calls::listen(listener.socket.get(), backlog) == 0);
    socklen_t length = sizeof address;
    REQUIRE(calls::getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    listener.port = ntohs(address.sin_port);
    return listener;
}

UniqueFd connect_to(int port) {
    UniqueFd socket(calls::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(socket);
    sockaddr_in address = loopback(port);
    int result = calls::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    REQUIRE((result == 0 || errno == EINPROGRESS));
    return socket;
}

Pair tcp_pair() {
    Listener listener = tcp_listener();
    UniqueFd there = connect_to(listener.port);
    UniqueFd here(calls::accept4(listener.socket.get(), SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(here);
    return {std::move(here), std::move(there)};
}

std::size_t fill(int fd) {
    std::string block = pattern(4096);
    std::size_t total = 0;
    for (std::size_t size = block.size(); size != 0;) {
        ssize_t count = calls::send(fd, block.data(), size);
        if (count > 0) {
            total += static_cast<std::size_t>(count);
        } else {
            REQUIRE(errno == EAGAIN);
            size /= 2;
        }
    }
    return total;
}

std::string read_all(int fd) {
    std::string bytes;
    char block[4096];
    for (;;) {
        ssize_t count = calls::recv(fd, block, sizeof block);
        if (count <= 0) return bytes;
        bytes.append(block, static_cast<std::size_t>(count));
    }
}

std::string pattern(std::size_t bytes) {
    std::string text(bytes, '\0');
    unsigned state = 1;
    for (char& byte : text) {
        state = state * 1103515245 + 12345;
        byte = static_cast<char>(state >> 16);
    }
    return text;
}

void send_text(int socket, std::string_view text) {
    REQUIRE(calls::send(socket, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

void reset_when_closed(int socket) {
    linger now{1, 0};
    REQUIRE(calls::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
}

}  // namespace contract
