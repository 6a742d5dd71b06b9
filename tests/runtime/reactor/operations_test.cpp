#include <stepwise/tests/runtime/reactor/blocked_operation.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

using namespace contract;

TEST_CASE_TEMPLATE("an operation that must wait completes once, when it can", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    for (OperationKind kind : every_kind) {
        CAPTURE(name_of(kind));
        BlockedOperation blocked(world.reactor(), kind);
        world.start(blocked.operation);
        world.poll();
        world.poll();
        CHECK(blocked.operation.completions == 0);
        CHECK(blocked.operation.pending());
        if (!blocked.unblock()) {
            world.reactor().abandon(blocked.operation);
            continue;
        }
        REQUIRE(world.until([&] { return blocked.operation.completions != 0; }));
        CHECK(blocked.operation.result > 0);
        CHECK(!blocked.operation.pending());
        world.poll();
        CHECK(blocked.operation.completions == 1);
        if (blocked.reads()) CHECK(blocked.bytes_that_arrived() == "hello");
    }
}

TEST_CASE_TEMPLATE("an operation that need not wait completes", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    char buffer[16] = {};
    Counted operation;

    SUBCASE("recv") {
        send_text(pair.there.get(), "abc");
        operation.prepare_recv(pair.here.get(), buffer, sizeof buffer);
        CHECK(world.result_of(operation) == 3);
        CHECK(std::string(buffer) == "abc");
    }
    SUBCASE("recv into less than there is") {
        send_text(pair.there.get(), "abcdef");
        operation.prepare_recv(pair.here.get(), buffer, 4);
        CHECK(world.result_of(operation) == 4);
        operation.prepare_recv(pair.here.get(), buffer + 4, 4);
        CHECK(world.result_of(operation) == 2);
        CHECK(std::string(buffer) == "abcdef");
    }
    SUBCASE("recv at the end") {
        pair.there.reset();
        operation.prepare_recv(pair.here.get(), buffer, sizeof buffer);
        CHECK(world.result_of(operation) == 0);
    }
    SUBCASE("send") {
        operation.prepare_send(pair.here.get(), "abc", 3);
        CHECK(world.result_of(operation) == 3);
        CHECK(read_all(pair.there.get()) == "abc");
    }
    SUBCASE("sendmsg of several parts") {
        char first[] = "ab";
        char second[] = "cde";
        iovec parts[] = {{first, 2}, {second, 3}};
        msghdr message{};
        message.msg_iov = parts;
        message.msg_iovlen = 2;
        operation.prepare_send_message(pair.here.get(), &message);
        CHECK(world.result_of(operation) == 5);
        CHECK(read_all(pair.there.get()) == "abcde");
    }
    SUBCASE("poll for writing") {
        operation.prepare_poll(pair.here.get(), POLLOUT);
        CHECK((world.result_of(operation) & (POLLIN | POLLOUT)) == POLLOUT);
    }
    SUBCASE("poll of one whose peer is gone tells so unasked") {
        pair.there.reset();
        operation.prepare_poll(pair.here.get(), POLLIN);
        CHECK((world.result_of(operation) & POLLHUP) != 0);
    }
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("read and write work on pipes and eventfds", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pipe = pipe_pair();
    char buffer[16] = {};
    Counted operation;
    operation.prepare_write(pipe.there.get(), "abc", 3, Operation::current_offset);
    CHECK(world.result_of(operation) == 3);
    operation.prepare_read(pipe.here.get(), buffer, sizeof buffer, Operation::current_offset);
    CHECK(world.result_of(operation) == 3);
    CHECK(std::string(buffer) == "abc");
    world.close(pipe.there);
    operation.prepare_read(pipe.here.get(), buffer, sizeof buffer, Operation::current_offset);
    CHECK(world.result_of(operation) == 0);
    world.close(pipe.here);

    if (is_left_out<Kind>("an eventfd is the kernel's")) return;
    UniqueFd counter(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    std::uint64_t value = 0;
    operation.prepare_read(counter.get(), &value, sizeof value, Operation::current_offset);
    world.start(operation);
    world.poll();
    REQUIRE(::eventfd_write(counter.get(), 7) == 0);
    REQUIRE(world.until([&] { return !operation.pending(); }));
    CHECK(operation.result == 8);
    CHECK(value == 7);
    world.close(counter);
}

TEST_CASE_TEMPLATE("an operation on a number that is no descriptor is EBADF", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    constexpr int nothing = 999'999;
    char byte = 0;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    for (OperationKind kind : every_kind) {
        CAPTURE(name_of(kind));
        Counted operation;
        switch (kind) {
            case OperationKind::accept:
                operation.prepare_accept(nothing);
                break;
            case OperationKind::connect:
                operation.prepare_connect(nothing, reinterpret_cast<sockaddr*>(&address), sizeof address);
                break;
            case OperationKind::recv:
                operation.prepare_recv(nothing, &byte, 1);
                break;
            case OperationKind::send:
                operation.prepare_send(nothing, &byte, 1);
                break;
            case OperationKind::send_message:
                operation.prepare_send_message(nothing, &message);
                break;
            case OperationKind::read:
                operation.prepare_read(nothing, &byte, 1, Operation::current_offset);
                break;
            case OperationKind::write:
                operation.prepare_write(nothing, &byte, 1, Operation::current_offset);
                break;
            case OperationKind::poll:
                operation.prepare_poll(nothing, POLLIN);
                break;
        }
        CHECK(world.result_of(operation) == -EBADF);
    }
}

TEST_CASE_TEMPLATE("a peer that is gone is EPIPE to a writer, and no signal", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    pair.there.reset();
    Counted operation;
    operation.prepare_send(pair.here.get(), "abc", 3);
    CHECK(world.result_of(operation) == -EPIPE);

    iovec part{const_cast<char*>("abc"), 3};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    operation.prepare_send_message(pair.here.get(), &message);
    CHECK(world.result_of(operation) == -EPIPE);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("a writer that waits learns that its peer is gone", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    fill(pair.here.get());
    Counted operation;
    operation.prepare_send(pair.here.get(), "abc", 3);
    world.start(operation);
    world.poll();
    CHECK(operation.pending());
    pair.there.reset();
    REQUIRE(world.until([&] { return !operation.pending(); }));
    CHECK((operation.result == -EPIPE || operation.result == -ECONNRESET));
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("a pipe without readers is EPIPE where SIGPIPE is ignored", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    auto before = std::signal(SIGPIPE, SIG_IGN);
    Pair pipe = pipe_pair();
    pipe.here.reset();
    Counted operation;
    operation.prepare_write(pipe.there.get(), "abc", 3, Operation::current_offset);
    CHECK(world.result_of(operation) == -EPIPE);
    world.close(pipe.there);
    std::signal(SIGPIPE, before);
}

TEST_CASE_TEMPLATE("a reset is ECONNRESET to a reader that waits", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = tcp_pair();
    char buffer[16];
    Counted operation;
    operation.prepare_recv(pair.here.get(), buffer, sizeof buffer);
    world.start(operation);
    world.poll();
    reset_when_closed(pair.there.get());
    pair.there.reset();
    REQUIRE(world.until([&] { return !operation.pending(); }));
    CHECK(operation.result == -ECONNRESET);
    world.close(pair.here);
}

TEST_CASE_TEMPLATE("connect reaches a listener, and is ECONNREFUSED where there is none", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Listener listener = tcp_listener();
    sockaddr_in address{};
    socklen_t length = sizeof address;
    REQUIRE(calls::getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    Counted operation;
    UniqueFd first(calls::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    operation.prepare_connect(first.get(), reinterpret_cast<sockaddr*>(&address), length);
    CHECK(world.result_of(operation) == 0);

    Counted accept;
    accept.prepare_accept(listener.socket.get());
    UniqueFd accepted(world.result_of(accept));
    REQUIRE(accepted.get() > 0);
    CHECK((::fcntl(accepted.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(accepted.get(), F_GETFD) & FD_CLOEXEC) != 0);
    send_text(accepted.get(), "hi");
    CHECK(read_all(first.get()) == "hi");

    world.close(listener.socket);
    UniqueFd second(calls::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    operation.prepare_connect(second.get(), reinterpret_cast<sockaddr*>(&address), length);
    CHECK(world.result_of(operation) == -ECONNREFUSED);
    world.close(first);
    world.close(second);
}

TEST_CASE_TEMPLATE("a reader and a writer may wait on one descriptor at once", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Pair pair = socket_pair();
    std::size_t filled = fill(pair.here.get());
    char buffer[16];
    Counted reader;
    Counted writer;
    reader.prepare_recv(pair.here.get(), buffer, sizeof buffer);
    writer.prepare_send(pair.here.get(), "last", 4);
    world.start(reader);
    world.start(writer);
    world.poll();
    CHECK(reader.pending());
    CHECK(writer.pending());

    send_text(pair.there.get(), "abc");
    REQUIRE(world.until([&] { return !reader.pending(); }));
    CHECK(reader.result == 3);
    CHECK(writer.pending());

    reader.prepare_recv(pair.here.get(), buffer, sizeof buffer);
    world.start(reader);
    std::string written = read_all(pair.there.get());
    REQUIRE(world.until([&] { return !writer.pending(); }));
    CHECK(writer.result == 4);
    CHECK(reader.pending());
    written += read_all(pair.there.get());
    CHECK(written.size() == filled + 4);
    CHECK(written.ends_with("last"));
    pair.there.reset();
    REQUIRE(world.until([&] { return !reader.pending(); }));
    CHECK(reader.result == 0);
    CHECK(reader.completions == 2);
    world.close(pair.here);
}
