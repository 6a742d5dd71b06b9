#include <stepwise/runtime/sim/world.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <stdexcept>

namespace stepwise::sim {

World::World(const Options& options)
    : options_(options),
      random_(options.seed),
      entropy_(random_.branch(3)),
      times_(random_.branch(4)),
      timeline(random_.branch(5)),
      turns(timeline, random_.branch(6)),
      faults(options_, random_),
      network(options_, timeline, faults, random_),
      disk(options_, faults) {
    visitors_ = visitors_of_environment(network);
}

World::~World() {
    timeline.clear();
    for (const std::shared_ptr<Visitor>& visitor : visitors_) visitor->let_go();
    // What the descriptors hold belongs to the network, which ends before them.
    descriptors_.clear();
}

void World::arrive_at_once() noexcept {
    if (!options_.latency) network.set_at_once(true);
}

// ---- rules

Socket& World::checked(int fd) const {
    std::shared_ptr<Socket> socket = socket_at(fd);
    if (socket == nullptr) throw std::logic_error(fmt::format("descriptor {} is no simulated socket", fd));
    return *socket;
}

void World::reset(int fd) {
    Socket& socket = checked(fd);
    std::shared_ptr<Socket> peer = socket.peer;
    if (peer != nullptr) peer->receive_reset();
    socket.receive_reset();
}

void World::pull_cable(int fd) {
    Socket& socket = checked(fd);
    socket.cut = true;
    if (socket.peer != nullptr) socket.peer->cut = true;
}

void World::stall(int fd, Duration time) {
    checked(fd).stall(time);
}

void World::read_slowly(int fd, Duration time) {
    checked(fd).read_slowly(time);
}

void World::half_close(int fd) {
    checked(fd).end_sending();
}

std::vector<std::string> World::look_up(std::string_view host) {
    auto found = hosts_.find(host);
    return found == hosts_.end() ? std::vector<std::string>() : found->second;
}

// ---- descriptors

bool World::owns(int fd) const noexcept {
    auto place = static_cast<std::size_t>(fd);
    if (place >= descriptors_.size()) return false;
    return descriptors_[place].socket != nullptr || descriptors_[place].file != nullptr;
}

std::shared_ptr<Socket> World::socket_at(int fd) const noexcept {
    return owns(fd) ? descriptors_[static_cast<std::size_t>(fd)].socket : nullptr;
}

std::shared_ptr<OpenFile> World::file_at(int fd) const noexcept {
    return owns(fd) ? descriptors_[static_cast<std::size_t>(fd)].file : nullptr;
}

World::Descriptor& World::place(int fd) {
    auto place = static_cast<std::size_t>(fd);
    if (place >= descriptors_.size()) descriptors_.resize(std::max<std::size_t>(64, 2 * place));
    // Its number is free for the kernel: somebody has closed it by himself.
    if (owns(fd)) closing(fd);
    return descriptors_[place];
}

void World::adopt_listener(int fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (owns(fd) || ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return;
    sockaddr_storage address{};
    size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
    const Endpoint local(reinterpret_cast<const sockaddr*>(&address), size);
    Socket::Kind kind = local.family() == AF_UNIX ? Socket::Kind::unix_stream : Socket::Kind::tcp;
    std::shared_ptr<Socket> socket = network.make(kind, local.family());
    int shares_port = 0;
    size = sizeof shares_port;
    socket->shares_port = ::getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shares_port, &size) == 0 && shares_port != 0;
    if (network.bind(*socket, local) != 0 || network.listen(*socket, SOMAXCONN) != 0) return;
    place(fd).socket = socket;
    socket->fd = fd;
    socket->descriptors = 1;
}

int World::give_descriptor(const std::shared_ptr<Socket>& socket, int flags) {
    int family = socket->kind == Socket::Kind::pipe ? AF_UNIX : socket->local.family();
    int fd = ::socket(family, SOCK_STREAM | flags, 0);
    if (fd < 0) return -errno;
    place(fd).socket = socket;
    socket->fd = fd;
    ++socket->descriptors;
    return fd;
}

void World::closing(int fd) noexcept {
    if (!owns(fd)) return;
    Descriptor closed = std::exchange(descriptors_[static_cast<std::size_t>(fd)], Descriptor());
    if (closed.socket == nullptr || --closed.socket->descriptors != 0) return;
    linger lingers{};
    socklen_t size = sizeof lingers;
    bool known = ::getsockopt(fd, SOL_SOCKET, SO_LINGER, &lingers, &size) == 0;
    closed.socket->close(known && lingers.l_onoff != 0 && lingers.l_linger == 0);
}

int World::duplicate(int fd) noexcept {
    int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return -errno;
    Descriptor& descriptor = place(copy);
    descriptor = descriptors_[static_cast<std::size_t>(fd)];
    if (descriptor.socket != nullptr) ++descriptor.socket->descriptors;
    return copy;
}

}  // namespace stepwise::sim
