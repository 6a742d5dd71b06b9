#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

using namespace contract;

namespace {

// One byte from a socket, or a count of up to 16.
struct OneRecv : Counted {
    explicit OneRecv(int socket, std::size_t count = 1) { prepare_recv(socket, bytes.data(), count); }
    std::array<char, 16> bytes{};
};

struct OnePoll : Counted {
    OnePoll(int file, std::uint32_t mask) { prepare_poll(file, mask); }
};

}  // namespace

TEST_CASE("what need not wait is done within submit") {
    World<Epoll> world;
    Pair pair = socket_pair();
    Counted send;
    send.prepare_send(pair.here.get(), "abc", 3);
    CHECK(world.reactor().submit(send));
    CHECK(send.result == 3);
    OneRecv empty(pair.here.get());
    CHECK(!world.reactor().submit(empty));
    OneRecv full(pair.there.get(), 16);
    CHECK(world.reactor().submit(full));
    CHECK(full.result == 3);
    CHECK(full.completions == 0);
    CHECK(!full.pending());
    world.reactor().cancel(empty);
    CHECK(empty.completions == 1);
    CHECK(empty.result == -ECANCELED);
    world.close(pair.here);
    world.close(pair.there);
}

TEST_CASE("readers of one descriptor are served in the order in which they came") {
    World<Epoll> world;
    Pair pair = socket_pair();
    std::vector<std::unique_ptr<OneRecv>> readers;
    auto start_one = [&] {
        readers.push_back(std::make_unique<OneRecv>(pair.here.get()));
        world.start(*readers.back());
    };
    for (int count = 0; count < 4; ++count) start_one();
    send_text(pair.there.get(), "abdef");
    // The bytes are there, but others wait for them.
    start_one();
    CHECK(readers.back()->pending());
    world.reactor().cancel(*readers[2]);
    REQUIRE(world.until([&] { return readers.back()->completions != 0; }));
    std::string got;
    for (auto& reader : readers) got += reader->result == 1 ? std::string(1, reader->bytes[0]) : "-";
    CHECK(got == "ab-de");
    world.close(pair.here);
}

TEST_CASE("every datagram is received, though each read is a short one") {
    for (int type : {SOCK_DGRAM, SOCK_SEQPACKET}) {
        World<Epoll> world;
        int both[2];
        REQUIRE(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) == 0);
        Pair pair{UniqueFd(both[0]), UniqueFd(both[1])};
        TestReceiver receiver;
        world.reactor().start_receiving(pair.here.get(), receiver);
        for (const char* text : {"one ", "two ", "three"}) send_text(pair.there.get(), text);
        CHECK(world.until([&] { return receiver.bytes == "one two three"; }));
        CHECK(receiver.calls == 3);
        world.reactor().stop_receiving(receiver);
        world.close(pair.here);
    }
}

TEST_CASE("packets in a pipe are read one by one") {
    World<Epoll> world;
    int both[2];
    REQUIRE(::pipe2(both, O_NONBLOCK | O_CLOEXEC | O_DIRECT) == 0);
    Pair pair{UniqueFd(both[0]), UniqueFd(both[1])};
    char buffer[64];
    Counted read;
    read.prepare_read(pair.here.get(), buffer, sizeof buffer, Operation::current_offset);
    world.start(read);
    for (const char* text : {"one", "three"}) REQUIRE(::write(pair.there.get(), text, std::string(text).size()) > 0);
    REQUIRE(world.until([&] { return read.completions != 0; }));
    CHECK(read.result == 3);
    CHECK(world.result_of(read) == 5);
    world.close(pair.here);
}

TEST_CASE("bytes behind urgent data are received: the kernel's read stops before it") {
    World<Epoll> world;
    Pair pair = tcp_pair();
    TestReceiver receiver;
    world.reactor().start_receiving(pair.here.get(), receiver);
    for (int round = 1; round <= 20; ++round) {
        send_text(pair.there.get(), "abc");
        REQUIRE(::send(pair.there.get(), "!", 1, MSG_OOB) == 1);
        send_text(pair.there.get(), "def");
        if (round % 2 == 0) world.poll();
        REQUIRE(world.until([&] { return receiver.bytes.size() == 6 * static_cast<std::size_t>(round); }));
    }
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
}

TEST_CASE("a short read of TCP does not hide the end behind it") {
    World<Epoll> world;
    for (bool end_is_known : {true, false}) {
        Pair pair = tcp_pair();
        TestReceiver receiver;
        world.reactor().start_receiving(pair.here.get(), receiver);
        send_text(pair.there.get(), "abc");
        if (!end_is_known) world.reactor().wait(1s);
        pair.there.reset();
        CHECK(world.until([&] { return receiver.ends == 1; }));
        CHECK(receiver.bytes == "abc");
        CHECK(receiver.error == 0);
        world.close(pair.here);
    }
}

TEST_CASE("a connection with much to read gets one block a turn") {
    World<Epoll> world(ReactorOptions{.receive_block_bytes = 16});
    Pair first = socket_pair();
    Pair second = socket_pair();
    TestReceiver from_first;
    TestReceiver from_second;
    world.reactor().start_receiving(first.here.get(), from_first);
    world.reactor().start_receiving(second.here.get(), from_second);
    send_text(first.there.get(), pattern(64));
    send_text(second.there.get(), pattern(64));
    for (std::size_t turn = 1; turn <= 4; ++turn) {
        world.poll();
        CHECK(from_first.bytes.size() == 16 * turn);
        CHECK(from_second.bytes.size() == 16 * turn);
    }
    world.reactor().stop_receiving(from_first);
    world.reactor().stop_receiving(from_second);
    world.close(first.here);
    world.close(second.here);
}

TEST_CASE("poll sees what the caller's own reads and writes have left") {
    World<Epoll> world;
    Pair pair = tcp_pair();
    OnePoll readable(pair.here.get(), POLLIN);
    world.start(readable);
    CHECK(readable.pending());
    for (int round = 0; round < 3; ++round) {
        send_text(pair.there.get(), "abc");
        REQUIRE(world.until([&] { return !readable.pending(); }));
        CHECK(readable.result == POLLIN);
        // Still true: nobody has read yet.
        CHECK(world.result_of(readable) == POLLIN);
        CHECK(read_all(pair.here.get()) == "abc");
        world.start(readable);
        CHECK(readable.pending());
    }
    world.reactor().cancel(readable);

    OnePoll writable(pair.here.get(), POLLOUT);
    CHECK(world.result_of(writable) == POLLOUT);
    fill(pair.here.get());
    world.start(writable);
    CHECK(writable.pending());
    CHECK(world.until([&] {
        read_all(pair.there.get());
        return !writable.pending();
    }));
    CHECK((writable.result & POLLOUT) != 0);
    world.close(pair.here);
}

TEST_CASE("several polls of one descriptor wait for conditions of their own") {
    World<Epoll> world;
    Pair pair = tcp_pair();
    OnePoll end(pair.here.get(), POLLRDHUP);
    OnePoll first(pair.here.get(), POLLIN);
    OnePoll urgent(pair.here.get(), POLLPRI);
    OnePoll second(pair.here.get(), POLLIN);
    for (OnePoll* poll : {&end, &first, &urgent, &second}) world.start(*poll);
    send_text(pair.there.get(), "abc");
    REQUIRE(world.until([&] { return !first.pending() && !second.pending(); }));
    CHECK(end.pending());
    CHECK(urgent.pending());
    REQUIRE(::send(pair.there.get(), "!", 1, MSG_OOB) == 1);
    REQUIRE(world.until([&] { return !urgent.pending(); }));
    CHECK(urgent.result == POLLPRI);
    CHECK(end.pending());
    pair.there.reset();
    REQUIRE(world.until([&] { return !end.pending(); }));
    CHECK((end.result & POLLRDHUP) != 0);
    world.close(pair.here);
}

TEST_CASE("what epoll refuses is ready to be read and written, and for nothing else") {
    World<Epoll> world;
    UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    OnePoll both(file.get(), POLLIN | POLLOUT);
    CHECK(world.reactor().submit(both));
    CHECK(both.result == (POLLIN | POLLOUT));
    OnePoll urgent(file.get(), POLLPRI);
    CHECK(world.reactor().submit(urgent));
    CHECK(urgent.result == -EPERM);
    OneRecv recv(file.get());
    CHECK(world.reactor().submit(recv));
    CHECK(recv.result == -ENOTSOCK);
    world.close(file);
}

TEST_CASE("a descriptor that nothing can arrive on is refused by name") {
    World<Epoll> world;
    UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    TestReceiver receiver;
    TestAcceptor acceptor;
    auto error_of = [](auto start) {
        try {
            start();
        } catch (const std::system_error& failure) {
            CHECK(std::string(failure.what()).starts_with("epoll_ctl"));
            return failure.code().value();
        }
        return 0;
    };
    CHECK(error_of([&] { world.reactor().start_receiving(file.get(), receiver); }) == EPERM);
    CHECK(error_of([&] { world.reactor().start_accepting(-1, acceptor); }) == EBADF);
    CHECK(error_of([&] { world.reactor().start_receiving(1'000'000'000, receiver); }) == EBADF);
    CHECK(receiver.receive_record == nullptr);
    CHECK(world.reactor().idle());
    world.close(file);
}

TEST_CASE("if the host's threads refuse, the operation was never started") {
    struct RefusingHost final : ReactorHost {
        void push_ready(ReadyNode&) noexcept override {}
        void offload(Operation&) override { throw std::runtime_error("no threads"); }
        bool withdraw_offloaded(Operation&) noexcept override { return false; }
        void abandon_offloaded(Operation&) noexcept override {}
        void run_job(Job&) noexcept override {}
    } host;
    auto reactor = make_epoll_reactor(host, {});
    UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    char buffer[16];
    Counted read;
    read.prepare_read(file.get(), buffer, sizeof buffer, 0);
    CHECK_THROWS_AS(static_cast<void>(reactor->submit(read)), std::runtime_error);
    CHECK(!read.pending());
    CHECK(!read.offloaded);
    CHECK(reactor->idle());
}

TEST_CASE("a number that is used again starts afresh, even if a duplicate keeps what it was open") {
    World<Epoll> world;
    Pair old = socket_pair();
    int number = old.here.get();
    OneRecv recv(number);
    world.start(recv);
    world.reactor().cancel(recv);
    UniqueFd duplicate(::dup(number));
    world.close(old.here);
    Pair next = socket_pair();
    UniqueFd reused(::dup2(next.here.get(), number));
    OneRecv late(number);
    send_text(next.there.get(), "n");
    CHECK(world.result_of(late) == 1);
    CHECK(late.bytes[0] == 'n');
    TestReceiver receiver;
    world.reactor().start_receiving(number, receiver);
    world.poll();
    send_text(old.there.get(), "old");
    world.reactor().wait(5ms);
    CHECK(world.loop.ready.empty());
    world.reactor().stop_receiving(receiver);
    world.close(reused);
}

TEST_CASE("connections that came while nobody accepted are accepted by the next start") {
    World<Epoll> world;
    Listener listener = tcp_listener();
    TestAcceptor acceptor;
    std::vector<UniqueFd> clients;
    for (std::size_t round = 1; round <= 3; ++round) {
        world.reactor().start_accepting(listener.socket.get(), acceptor);
        REQUIRE(world.until([&] { return acceptor.sockets.size() == 5 * (round - 1); }));
        world.poll();
        world.reactor().stop_accepting(acceptor);
        for (int count = 0; count < 5; ++count) clients.push_back(connect_to(listener.port));
        world.poll();
        world.reactor().start_accepting(listener.socket.get(), acceptor);
        REQUIRE(world.until([&] { return acceptor.sockets.size() == 5 * round; }));
        world.reactor().stop_accepting(acceptor);
    }
    world.close(listener.socket);
}

TEST_CASE("a receiver may use a descriptor whose number is beyond all before it") {
    World<Epoll> world;
    Pair pair = socket_pair();
    UniqueFd high(::fcntl(pair.there.get(), F_DUPFD_CLOEXEC, 800));
    REQUIRE(high);
    OneRecv recv(high.get());
    TestReceiver receiver;
    receiver.on_received = [&] { world.start(recv); };
    world.reactor().start_receiving(pair.here.get(), receiver);
    send_text(pair.there.get(), "abc");
    REQUIRE(world.until([&] { return receiver.calls != 0; }));
    CHECK(recv.pending());
    send_text(pair.here.get(), "x");
    CHECK(world.until([&] { return recv.completions != 0; }));
    CHECK(recv.result == 1);
    world.reactor().stop_receiving(receiver);
    world.close(pair.here);
    world.close(high);
}

TEST_CASE("a Unix socket whose listener is busy says EAGAIN: nothing would tell when to try again") {
    World<Epoll> world;
    UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // Linux gives it a name of its own, which no file bears.
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) == 0);
    REQUIRE(::listen(listener.get(), 0) == 0);
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    std::vector<int> results;
    std::vector<UniqueFd> clients;
    for (int count = 0; count < 2; ++count) {
        clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        Counted connect;
        connect.prepare_connect(clients.back().get(), reinterpret_cast<sockaddr*>(&address), length);
        results.push_back(world.result_of(connect));
    }
    CHECK(results == std::vector<int>{0, -EAGAIN});
    for (UniqueFd& client : clients) world.close(client);
}

TEST_CASE("a signal handler can wake the reactor") {
    static Reactor* woken = nullptr;
    World<Epoll> world;
    woken = &world.reactor();
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) { woken->wake(); };
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    errno = 42;
    REQUIRE(::raise(SIGUSR1) == 0);
    CHECK(errno == 42);
    auto start = std::chrono::steady_clock::now();
    world.reactor().wait(30s);
    CHECK(std::chrono::steady_clock::now() - start < 20s);
    ::sigaction(SIGUSR1, &before, nullptr);
}
