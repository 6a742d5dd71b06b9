#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <system_error>

namespace {

using namespace runtime_test;

enum class Kind { accept, connect, recv, send, read, write, poll };
constexpr std::array every_kind{Kind::accept, Kind::connect, Kind::recv, Kind::send,
                                Kind::read,   Kind::write,   Kind::poll};
constexpr std::array kind_names{"accept", "connect", "recv", "send", "read", "write", "poll"};

// Two connected descriptors, and what makes an operation on `here` wait until `unblock`.
class Blocked {
public:
    explicit Blocked(Kind kind) : kind_(kind) {
        switch (kind) {
            case Kind::accept:
                here = listener(8);
                break;
            case Kind::connect:
                // A listener that accepts nothing: the kernel drops the first packet of whoever comes too late.
                there = listener(0);
                for (int count = 0; count < 4; ++count) others_.push_back(connect_to_listener(there.get()));
                here = tcp_socket();
                break;
            case Kind::recv:
            case Kind::poll:
            case Kind::send:
                make_pair([](int* both) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both); });
                break;
            case Kind::read:
            case Kind::write:
                make_pair([](int* both) { return pipe2(both, O_NONBLOCK); });
                if (kind == Kind::write) std::swap(here, there);
                break;
        }
        if (kind == Kind::send || kind == Kind::write) fill();
    }

    // Waits for one operation; gives what it gave, as text.
    static Coro<std::string> operate(Blocked& blocked, std::string& buffer) {
        int fd = blocked.here.get();
        switch (blocked.kind_) {
            case Kind::accept: {
                UniqueFd accepted = co_await io::accept(fd);
                co_return accepted ? "accepted" : "nothing";
            }
            case Kind::connect: {
                sockaddr_in address = blocked.address_of_listener();
                co_await io::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
                co_return "connected";
            }
            case Kind::recv:
                co_return std::to_string(co_await io::recv(fd, buffer)) + " bytes";
            case Kind::send:
                co_return std::to_string(co_await io::send(fd, buffer)) + " bytes";
            case Kind::read:
                co_return std::to_string(co_await io::read(fd, buffer)) + " bytes";
            case Kind::write:
                co_return std::to_string(co_await io::write(fd, buffer)) + " bytes";
            case Kind::poll: {
                std::uint32_t ready = co_await io::poll(fd, POLLIN);
                co_return (ready & POLLIN) != 0 ? "readable" : "not readable";
            }
        }
        co_return "unknown";
    }

    void unblock() {
        switch (kind_) {
            case Kind::accept:
                others_.push_back(connect_to_listener(here.get()));
                break;
            case Kind::connect:
                break;
            case Kind::recv:
            case Kind::poll:
            case Kind::read:
                REQUIRE(::write(there.get(), "12345", 5) == 5);
                break;
            case Kind::send:
            case Kind::write:
                drain();
                break;
        }
    }
    std::size_t drain() {
        std::string bytes(1 << 20, ' ');
        std::size_t total = 0;
        for (;;) {
            ssize_t count = ::read(there.get(), bytes.data(), bytes.size());
            if (count <= 0) return total;
            total += static_cast<std::size_t>(count);
        }
    }
    void forget_in(EventLoop& loop) {
        for (UniqueFd* fd : {&here, &there}) {
            if (*fd) loop.reactor().forget(fd->get());
        }
    }

    UniqueFd here;
    UniqueFd there;
    std::size_t filled = 0;

private:
    static UniqueFd tcp_socket() { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)); }
    static UniqueFd listener(int backlog) {
        UniqueFd fd = tcp_socket();
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(fd.get(), backlog) == 0);
        return fd;
    }
    static sockaddr_in address_of(int fd) {
        sockaddr_in address{};
        socklen_t length = sizeof address;
        REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
        return address;
    }
    static UniqueFd connect_to_listener(int fd) {
        sockaddr_in address = address_of(fd);
        UniqueFd client = tcp_socket();
        static_cast<void>(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
        return client;
    }
    sockaddr_in address_of_listener() const { return address_of(there.get()); }
    template <class Make>
    void make_pair(Make make) {
        std::array<int, 2> both{};
        REQUIRE(make(both.data()) == 0);
        here.reset(both[0]);
        there.reset(both[1]);
    }
    void fill() {
        std::string bytes(1 << 16, 'x');
        for (;;) {
            ssize_t count = ::write(here.get(), bytes.data(), bytes.size());
            if (count <= 0) return;
            filled += static_cast<std::size_t>(count);
        }
    }

    Kind kind_;
    std::vector<UniqueFd> others_;
};

// What the operation gave, and what the await after it did.
Coro<> operate_then_sleep(Blocked& blocked, std::string& buffer, Log& log) {
    try {
        log.push_back(co_await Blocked::operate(blocked, buffer));
    } catch (const CancelledError&) {
        log.push_back("cancelled");
        throw;
    }
    try {
        co_await sleep(0s);
    } catch (const CancelledError&) {
        log.push_back("cancelled afterwards");
        throw;
    }
}

template <class Check>
void for_each_kind(Check check) {
    for (Kind kind : every_kind) {
        CAPTURE(kind_names[static_cast<std::size_t>(kind)]);
        World world;
        Blocked blocked(kind);
        std::string buffer(64, 'b');
        check(world, kind, blocked, buffer);
        blocked.forget_in(world.loop);
    }
}

}  // namespace

TEST_CASE("every operation waits until it can be done, and gives what the system call gives") {
    for_each_kind([](World& world, Kind kind, Blocked& blocked, std::string& buffer) {
        if (kind == Kind::connect) return;
        Log log;
        Task<> task = world.loop.create_task(operate_then_sleep(blocked, buffer, log));
        world.turns(3);
        CHECK(log.empty());
        blocked.unblock();
        world.loop.run_until_complete(task);
        REQUIRE(log.size() == 1);
        if (kind == Kind::recv || kind == Kind::read) CHECK(log.front() == "5 bytes");
        if (kind == Kind::send) CHECK(log.front() == "64 bytes");
        if (kind == Kind::accept) CHECK(log.front() == "accepted");
        if (kind == Kind::poll) CHECK(log.front() == "readable");
    });
}

TEST_CASE("law 7: every operation can be cancelled before it starts") {
    for_each_kind([](World& world, Kind, Blocked& blocked, std::string& buffer) {
        Log log;
        struct Bodies {
            static Coro<> begins_cancelled(Blocked& blocked, std::string& buffer, Log& log) {
                try {
                    co_await sleep(1h);
                } catch (const CancelledError&) {
                    log.push_back("swallowed");
                }
                co_await operate_then_sleep(blocked, buffer, log);
            }
        };
        Task<> unstarted = world.loop.create_task(operate_then_sleep(blocked, buffer, log));
        unstarted.cancel();
        Task<> started = world.loop.create_task(Bodies::begins_cancelled(blocked, buffer, log));
        world.turns(1);
        started.cancel();
        CHECK_THROWS_AS(world.loop.run_until_complete(started), CancelledError);
        CHECK(unstarted.cancelled());
        CHECK(log == Log{"swallowed", "cancelled"});
    });
}

TEST_CASE("law 7: every operation can be cancelled while it is pending, and leaves nothing transferred") {
    for_each_kind([](World& world, Kind kind, Blocked& blocked, std::string& buffer) {
        Log log;
        Task<> task = world.loop.create_task(operate_then_sleep(blocked, buffer, log));
        world.turns(3);
        CHECK(task.cancel());
        CHECK_THROWS_AS(world.loop.run_until_complete(task), CancelledError);
        CHECK(log == Log{"cancelled"});
        if (kind == Kind::connect) return;
        if (kind == Kind::send || kind == Kind::write) {
            CHECK(blocked.drain() == blocked.filled);
        } else {
            // The next one gets what the cancelled one did not.
            blocked.unblock();
            log.clear();
            world.run(operate_then_sleep(blocked, buffer, log));
            CHECK(log.size() == 1);
        }
    });
}

TEST_CASE("law 3, law 7: a completion that wins over a cancel is delivered, and the cancel thrown at the next await") {
    for_each_kind([](World& world, Kind kind, Blocked& blocked, std::string& buffer) {
        if (kind == Kind::connect) return;
        Log log;
        Task<> task = world.loop.create_task(operate_then_sleep(blocked, buffer, log));
        world.turns(3);
        blocked.unblock();
        // Queued before what the next poll finds, so that it comes between the completion and the task's step.
        world.loop.call_soon([&] { task.cancel(); });
        world.turns(1);
        if (!task.done()) world.turns(3);
        CHECK(task.cancelled());
        REQUIRE(log.size() == 2);
        CHECK(log[0] != "cancelled");
        CHECK(log[1] == "cancelled afterwards");
    });
}

TEST_CASE("law 7: every operation can be timed out") {
    for_each_kind([](World& world, Kind, Blocked& blocked, std::string& buffer) {
        struct Bodies {
            static Coro<std::string> within(Blocked& blocked, std::string& buffer) {
                try {
                    co_return co_await timeout(1s, Blocked::operate(blocked, buffer));
                } catch (const TimeoutError&) {
                    co_return "too late";
                }
            }
        };
        Task<std::string> task = world.loop.create_task(Bodies::within(blocked, buffer));
        world.turns(3);
        world.clock.advance(1s);
        CHECK(world.loop.run_until_complete(task) == "too late");
    });
}

TEST_CASE("law 3: a task that the loop's end destroys in flight lets the kernel go before its buffer ends") {
    for (Kind kind : every_kind) {
        CAPTURE(kind_names[static_cast<std::size_t>(kind)]);
        Blocked blocked(kind);
        struct Bodies {
            static Coro<> owns_its_buffer(Blocked& blocked) {
                std::string buffer(1000, 'b');
                co_await Blocked::operate(blocked, buffer);
            }
        };
        {
            World world;
            static_cast<void>(world.loop.create_task(Bodies::owns_its_buffer(blocked)));
            world.turns(3);
        }
        if (kind == Kind::send || kind == Kind::write) {
            CHECK(blocked.drain() == blocked.filled);
        } else {
            blocked.unblock();
        }
    }
}

namespace {

int open_descriptors() {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("a connection that was accepted for a task that ends before it could take it is closed") {
    Blocked blocked(Kind::accept);
    std::string buffer;
    int before = open_descriptors();
    {
        World world;
        Task<std::string> task = world.loop.create_task(Blocked::operate(blocked, buffer));
        world.turns(3);
        blocked.unblock();
        ++before;  // the client
        SUBCASE("with a completion in the ready queue") {
            CHECK_FALSE(world.loop.reactor().idle());
            world.loop.reactor().wait(Duration::zero());
        }
        SUBCASE("with a completion that the kernel holds") {}
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a failed call is std::system_error that names it") {
    World world;
    struct Bodies {
        static Coro<std::string> sends(int fd) {
            try {
                std::string_view text = "x";
                co_await io::send(fd, text);
            } catch (const std::system_error& error) {
                co_return std::string(error.code() == std::errc::broken_pipe ? "EPIPE: " : "other: ") + error.what();
            }
            co_return "sent";
        }
        static Coro<int> receives(int fd) {
            try {
                std::array<char, 4> buffer{};
                co_await io::recv(fd, buffer);
            } catch (const std::system_error& error) {
                co_return error.code().value();
            }
            co_return 0;
        }
    };
    Blocked pair(Kind::recv);
    pair.there.reset();
    CHECK(world.run(Bodies::sends(pair.here.get())) == "EPIPE: send: Broken pipe");
    CHECK(world.run(Bodies::receives(987)) == EBADF);
    pair.forget_in(world.loop);
}

TEST_CASE("files are read and written at an offset, and at the end a read gives 0 bytes") {
    World world;
    char path[] = "/tmp/stepwise_io_test_XXXXXX";
    UniqueFd file(::mkstemp(path));
    REQUIRE(file);
    ::unlink(path);
    struct Bodies {
        static Coro<std::string> write_and_read(int fd) {
            std::string_view text = "hello, file";
            std::size_t written = co_await io::write(fd, text, 0);
            CHECK(written == text.size());
            std::string buffer(100, ' ');
            buffer.resize(co_await io::read(fd, buffer, 7));
            std::array<char, 4> more{};
            std::size_t at_end = co_await io::read(fd, more, 1000);
            CHECK(at_end == 0);
            co_return buffer;
        }
    };
    CHECK(world.run(Bodies::write_and_read(file.get())) == "file");
    world.loop.reactor().forget(file.get());
}

TEST_CASE("a file operation can be cancelled, and its frame destroyed, at any time") {
    char path[] = "/tmp/stepwise_io_test_XXXXXX";
    UniqueFd file(::mkstemp(path));
    REQUIRE(file);
    ::unlink(path);
    struct Bodies {
        static Coro<std::size_t> writes(int fd) {
            std::string text(100'000, 'x');
            co_return co_await io::write(fd, text, 0);
        }
    };
    for (int round = 0; round < 20; ++round) {
        World world;
        Task<std::size_t> cancelled = world.loop.create_task(Bodies::writes(file.get()));
        Task<std::size_t> destroyed = world.loop.create_task(Bodies::writes(file.get()));
        world.turns(1);
        cancelled.cancel();
        if (round % 2 == 0) {
            try {
                std::size_t written = world.loop.run_until_complete(cancelled);
                CHECK(written == 100'000);
            } catch (const CancelledError&) {
                CHECK(cancelled.cancelled());
            }
        }
        static_cast<void>(destroyed);
    }
}

TEST_CASE("two tasks talk over a socket pair, a million bytes each way") {
    World world;
    Blocked pair(Kind::recv);
    struct Bodies {
        static Coro<> sends(int fd, std::size_t bytes) {
            std::string block(50'000, 's');
            while (bytes > 0) {
                std::string_view part = std::string_view(block).substr(0, bytes);
                bytes -= co_await io::send(fd, part);
            }
        }
        static Coro<std::size_t> receives(int fd, std::size_t bytes) {
            std::string block(70'000, ' ');
            std::size_t total = 0;
            while (total < bytes) total += co_await io::recv(fd, block);
            co_return total;
        }
    };
    constexpr std::size_t million = 1'000'000;
    static_cast<void>(world.loop.create_task(Bodies::sends(pair.here.get(), million)));
    static_cast<void>(world.loop.create_task(Bodies::sends(pair.there.get(), million)));
    Task<std::size_t> one = world.loop.create_task(Bodies::receives(pair.here.get(), million));
    Task<std::size_t> other = world.loop.create_task(Bodies::receives(pair.there.get(), million));
    CHECK(world.loop.run_until_complete(one) == million);
    CHECK(world.loop.run_until_complete(other) == million);
    pair.forget_in(world.loop);
}
