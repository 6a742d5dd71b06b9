// What the tests of net/ and ws/ share: a loop whose clock stands still until a test moves it, and the other end of a
// connection as a raw socket, so that every byte and every end is seen as the kernel gives it.
//
// Both ends live in one thread. Whatever waits for the other end runs turns of the loop meanwhile; nothing sleeps.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <stepwise/net/address.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net_test {

using namespace std::chrono_literals;
using namespace stepwise;

inline std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "not a std::exception";
    }
}

struct World {
    explicit World(EventLoop::Options options = {}) : loop_owner(std::in_place, on(clock, std::move(options))) {
        loop().set_exception_handler([this](std::exception_ptr error, std::string_view where) {
            lost.push_back(std::string(where) + ": " + text_of(error));
        });
    }

    EventLoop& loop() { return *loop_owner; }
    void end_loop() { loop_owner.reset(); }

    void turns(int count) {
        for (int turn = 0; turn < count; ++turn) loop().run_once(false);
    }
    // Enough for everything that is under way on loopback to arrive and to be answered.
    void settle() { turns(40); }

    template <class Condition>
    void run_until(Condition condition) {
        auto give_up = std::chrono::steady_clock::now() + 30s;
        while (!condition()) {
            loop().run_once(false);
            if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("it does not happen");
        }
    }
    template <class T>
    T run(Coro<T> main) {
        Task<T> task = loop().create_task(std::move(main));
        run_until([&] { return task.done(); });
        return loop().run_until_complete(task);
    }
    // Second by second, as a server's sweep counts.
    void pass(std::chrono::seconds time) {
        for (; time > 0s; time -= 1s) {
            clock.advance(1s);
            turns(6);
        }
    }

    ManualClock clock;
    std::vector<std::string> lost;
    std::optional<EventLoop> loop_owner;

private:
    static EventLoop::Options on(Clock& clock, EventLoop::Options options) {
        options.clock = &clock;
        return options;
    }
};

// The other end.
class Peer {
public:
    Peer(World& world, UniqueFd socket) : world_(&world), socket_(std::move(socket)) {}

    // `receive_buffer_bytes`: makes the kernel hold little for a peer that does not read.
    static Peer connect(World& world, const net::Address& address, int receive_buffer_bytes = 0) {
        UniqueFd socket(calls::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (receive_buffer_bytes != 0) {
            calls::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
        }
        if (calls::connect(socket.get(), address.get(), address.size()) != 0) throw_system_error(errno, "connect");
        return Peer(world, std::move(socket));
    }

    int fd() const noexcept { return socket_.get(); }

    // Hands the bytes to the kernel, and lets the loop run while that takes no more.
    void send(std::string_view bytes) {
        world_->run_until([&] {
            bytes.remove_prefix(try_send(bytes));
            return bytes.empty();
        });
    }
    // What the kernel takes at once. Throws std::system_error.
    std::size_t try_send(std::string_view bytes) {
        ssize_t count = calls::send(fd(), bytes.data(), bytes.size());
        if (count < 0 && errno != EAGAIN) throw_system_error(errno, "send");
        return count < 0 ? 0 : static_cast<std::size_t>(count);
    }

    // What has arrived and was not read; one recv.
    std::string read_now(std::size_t bytes_max = 64 * 1024) {
        std::string bytes(bytes_max, '\0');
        ssize_t count = ended() ? 0 : calls::recv(fd(), bytes.data(), bytes.size());
        if (count == 0) end_ = 0;
        if (count < 0 && errno != EAGAIN) end_ = errno;
        bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return bytes;
    }
    // Exactly so many; fewer only if the connection ends.
    std::string read(std::size_t count) {
        std::string bytes;
        if (count == 0) return bytes;
        world_->run_until([&] {
            bytes += read_now(std::min<std::size_t>(count - bytes.size(), 64 * 1024));
            return bytes.size() == count || ended();
        });
        return bytes;
    }
    std::string read_until(std::string_view delimiter) {
        std::string bytes;
        while (!bytes.ends_with(delimiter) && !ended()) bytes += read(1);
        return bytes;
    }
    std::string read_to_end() {
        std::string bytes;
        world_->run_until([&] {
            bytes += read_now();
            return ended();
        });
        return bytes;
    }
    // What arrives while the loop runs on until all is quiet.
    std::string read_what_comes() {
        std::string bytes;
        for (int quiet = 0; quiet < 3 && !ended(); ++quiet) {
            world_->settle();
            for (std::string more = read_now(); !more.empty(); more = read_now()) {
                bytes += more;
                quiet = 0;
                world_->turns(2);
            }
        }
        return bytes;
    }

    // The connection's end was read: 0 for one in order, else an errno.
    bool ended() const noexcept { return end_ >= 0; }
    int end() const noexcept { return end_; }
    bool is_ended_now() {
        static_cast<void>(read_now());
        return ended();
    }

    void end_writing() { calls::shutdown(fd(), SHUT_WR); }
    void close() { socket_.reset(); }
    // Ends it with a reset, as a machine does that knows nothing of the connection any more.
    void reset() {
        linger at_once{1, 0};
        calls::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        socket_.reset();
    }

private:
    World* world_;
    UniqueFd socket_;
    int end_ = -1;
};

struct Pair {
    UniqueFd ours;
    UniqueFd theirs;
};

// SOCK_SEQPACKET keeps the bounds of each send.
inline Pair unix_pair(int type = SOCK_STREAM) {
    std::array<int, 2> sockets{};
    if (calls::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
        throw_system_error(errno, "socketpair");
    }
    return {UniqueFd(sockets[0]), UniqueFd(sockets[1])};
}

inline Pair tcp_pair() {
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Address address = net::Address::of_local_end(listening.get());
    UniqueFd theirs(calls::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (calls::connect(theirs.get(), address.get(), address.size()) != 0) throw_system_error(errno, "connect");
    UniqueFd ours(calls::accept4(listening.get(), SOCK_NONBLOCK | SOCK_CLOEXEC));
    return {std::move(ours), std::move(theirs)};
}

// Of 127.0.0.1: nobody listens there, and no suite that runs at the same time can begin to. It is bound in the kernel,
// also where the sockets of a test are simulated.
struct SilentPort {
    SilentPort() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(socket.get(), any, size) != 0) throw_system_error(errno, "bind");
        if (::getsockname(socket.get(), any, &size) != 0) throw_system_error(errno, "getsockname");
        number = ntohs(address.sin_port);
    }

    UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::uint16_t number = 0;
};

// So that a peer that does not read is felt after few bytes.
inline void limit_send_buffer(int socket, int bytes = 4096) {
    calls::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

// Bytes whose order is seen.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) {
        seed = seed * 1664525 + 1013904223;
        byte = static_cast<char>(seed >> 24);
    }
    return bytes;
}

}  // namespace net_test
