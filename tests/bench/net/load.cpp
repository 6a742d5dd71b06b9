#include <stepwise/tests/bench/net/load.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace bench {

namespace {

Nanoseconds read_clock(clockid_t clock) {
    timespec time{};
    if (clock_gettime(clock, &time) != 0) return 0;
    return static_cast<Nanoseconds>(time.tv_sec) * 1'000'000'000 + static_cast<Nanoseconds>(time.tv_nsec);
}

}  // namespace

Nanoseconds now() {
    return read_clock(CLOCK_MONOTONIC);
}

Nanoseconds cpu_time(const std::vector<pid_t>& processes) {
    Nanoseconds used = 0;
    for (pid_t process : processes) {
        clockid_t clock = 0;
        if (clock_getcpuclockid(process, &clock) == 0) used += read_clock(clock);
    }
    return used;
}

std::size_t resident_bytes(pid_t process) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6)) * 1024;
    }
    fail("the server is gone");
}

void fail(const std::string& what) {
    throw std::runtime_error(what);
}

stepwise::UniqueFd connect_to(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stepwise::UniqueFd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    timeval patience{10, 0};
    int on = 1;
    setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        fail(fmt::format("connect: {}", std::strerror(errno)));
    }
    return made;
}

void set_nonblocking(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

std::string_view field(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
        std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        bool is_it = line.size() > name.size() && line[name.size()] == ':' &&
                     strncasecmp(line.data(), name.data(), name.size()) == 0;
        if (!is_it) continue;
        line.remove_prefix(name.size() + 1);
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        return line.substr(0, line.find_last_not_of(' ') + 1);
    }
    return {};
}

Load::Load(const LoadOptions& options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(256 * 1024) {}

LoadConnection& Load::add(std::unique_ptr<LoadConnection> connection) {
    connection->number = static_cast<std::uint32_t>(connections_.size());
    connections_.push_back(std::move(connection));
    return *connections_.back();
}

void Load::run() {
    open();
    for (auto& connection : connections_) watch(*connection, EPOLL_CTL_ADD);
    Nanoseconds begin = now() + static_cast<Nanoseconds>(options_.warmup_seconds * 1e9);
    Nanoseconds end = 0;  // none while it warms up
    Nanoseconds server_cpu = 0;
    start();
    for (std::vector<epoll_event> events(1024);;) {
        int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 100);
        Nanoseconds time = now();
        if (end == 0 && time >= begin) {
            begin = time;
            end = begin + static_cast<Nanoseconds>(options_.seconds * 1e9);
            count_ = 0;
            latencies_ = {};
            server_cpu = cpu_time(options_.servers);
        } else if (end != 0 && time >= end) {
            return print_figures(count_, time - begin, cpu_time(options_.servers) - server_cpu, latencies_);
        }
        for (int index = 0; index < count; ++index) {
            epoll_event& event = events[static_cast<std::size_t>(index)];
            serve(*static_cast<LoadConnection*>(event.data.ptr), event.events);
        }
    }
}

void Load::serve(LoadConnection& connection, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) flush(connection);
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(connection);
}

void Load::watch(LoadConnection& connection, int call) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (connection.waits_to_write) event.events |= EPOLLOUT;
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_.get(), call, connection.socket.get(), &event) != 0) fail("epoll_ctl");
}

void Load::read(LoadConnection& connection) {
    ssize_t count = recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
        fail(fmt::format("connection {}: {}", connection.number,
                         count == 0 ? "closed by the server" : std::strerror(errno)));
    }
    input(connection, {buffer_.data(), static_cast<std::size_t>(count)});
}

void Load::send(LoadConnection& connection, std::string_view bytes) {
    if (connection.unsent.empty()) {
        ssize_t count = ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN) fail(fmt::format("send: {}", std::strerror(errno)));
        if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    connection.unsent.append(bytes);
    update_watch(connection);
}

void Load::flush(LoadConnection& connection) {
    std::string& unsent = connection.unsent;
    ssize_t count = ::send(connection.socket.get(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) fail(fmt::format("send: {}", std::strerror(errno)));
    if (count > 0) unsent.erase(0, static_cast<std::size_t>(count));
    update_watch(connection);
}

void Load::update_watch(LoadConnection& connection) {
    bool waits = !connection.unsent.empty();
    if (std::exchange(connection.waits_to_write, waits) != waits) watch(connection, EPOLL_CTL_MOD);
}

void Load::begin_batch(LoadConnection& connection) {
    connection.sent += options_.depth;
    connection.batch_sent_at = now();
}

void Load::count_replies(LoadConnection& connection, std::size_t count) {
    if (count > connection.sent - connection.received) fail("more replies than messages");
    Nanoseconds latency = now() - connection.batch_sent_at;
    connection.received += count;
    for (; count > 0; --count) count_reply_after(latency);
}

void print_figures(std::uint64_t counted, Nanoseconds wall, Nanoseconds server_cpu, const Histogram& times) {
    if (counted == 0) fail("no reply came");
    double count = static_cast<double>(counted);
    fmt::print("{{\"count\": {}, \"rate\": {:.0f}, \"cpu_us\": {:.4f}, \"p50_us\": {:.1f}, \"p99_us\": {:.1f}}}\n",
               counted, count / static_cast<double>(wall) * 1e9, static_cast<double>(server_cpu) / 1000 / count,
               times.percentile_us(50), times.percentile_us(99));
}

}  // namespace bench
