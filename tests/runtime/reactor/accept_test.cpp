#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

using namespace contract;

TEST_CASE_TEMPLATE("200 connections are accepted, some a turn", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Listener listener = tcp_listener();
    std::vector<UniqueFd> clients;
    for (int count = 0; count < 150; ++count) clients.push_back(connect_to(listener.port));
    TestAcceptor acceptor;
    world.reactor().start_accepting(listener.socket.get(), acceptor);
    std::size_t before = 0;
    REQUIRE(world.until([&] {
        CHECK(acceptor.sockets.size() - before <= Acceptor::accepts_per_turn_max);
        before = acceptor.sockets.size();
        return before == 150;
    }));
    for (int count = 0; count < 50; ++count) clients.push_back(connect_to(listener.port));
    REQUIRE(world.until([&] { return acceptor.sockets.size() == 200; }));
    for (UniqueFd& socket : acceptor.sockets) {
        CHECK((::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK((::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK(acceptor.failures == 0);
    world.reactor().stop_accepting(acceptor);
    world.close(listener.socket);
}

TEST_CASE_TEMPLATE("connections are accepted in the order in which they came", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Listener listener = tcp_listener();
    std::vector<UniqueFd> clients;
    for (int count = 0; count < 100; ++count) {
        clients.push_back(connect_to(listener.port));
        send_text(clients.back().get(), std::to_string(count));
    }
    TestAcceptor acceptor;
    world.reactor().start_accepting(listener.socket.get(), acceptor);
    REQUIRE(world.until([&] { return acceptor.sockets.size() == 100; }));
    for (std::size_t index = 0; index < 100; ++index) {
        CHECK(read_all(acceptor.sockets[index].get()) == std::to_string(index));
    }
    world.reactor().stop_accepting(acceptor);
    world.close(listener.socket);
}

TEST_CASE_TEMPLATE("without descriptors accepting fails once, and can be started again", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Listener listener = tcp_listener();
    std::vector<UniqueFd> clients;
    for (int count = 0; count < 20; ++count) clients.push_back(connect_to(listener.port));
    TestAcceptor acceptor;
    world.poll();
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlimit lowered = limit;
    // The lowest number that is free, and five more.
    UniqueFd next(::dup(0));
    lowered.rlim_cur = static_cast<rlim_t>(next.get()) + 5;
    next.reset();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &lowered) == 0);
    world.reactor().start_accepting(listener.socket.get(), acceptor);
    bool failed = world.until([&] { return acceptor.failures != 0; });
    for (int count = 0; count < 3; ++count) world.poll();
    ::setrlimit(RLIMIT_NOFILE, &limit);
    REQUIRE(failed);
    CHECK(acceptor.failures == 1);
    CHECK(acceptor.error == EMFILE);
    CHECK(acceptor.sockets.size() == 5);

    world.reactor().start_accepting(listener.socket.get(), acceptor);
    CHECK(world.until([&] { return acceptor.sockets.size() == 20; }));
    CHECK(acceptor.failures == 1);
    world.reactor().stop_accepting(acceptor);
    world.close(listener.socket);
}

TEST_CASE_TEMPLATE("connections that were not delivered are closed when accepting stops", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Listener listener = tcp_listener();
    auto acceptor = std::make_unique<TestAcceptor>();
    world.reactor().start_accepting(listener.socket.get(), *acceptor);
    world.poll();
    std::vector<UniqueFd> clients;
    for (int count = 0; count < 10; ++count) clients.push_back(connect_to(listener.port));
    world.reactor().wait(0ns);
    CHECK(acceptor->sockets.empty());
    world.reactor().stop_accepting(*acceptor);
    world.reactor().stop_accepting(*acceptor);
    acceptor.reset();
    world.close(listener.socket);
    for (UniqueFd& client : clients) {
        char byte;
        CHECK(world.until([&] { return calls::recv(client.get(), &byte, 1) == 0 || errno == ECONNRESET; }));
    }
}

TEST_CASE_TEMPLATE("an acceptor may stop and end while it is called", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Listener listener = tcp_listener();
    std::vector<UniqueFd> clients;
    for (int count = 0; count < 10; ++count) clients.push_back(connect_to(listener.port));
    auto acceptor = std::make_unique<TestAcceptor>();
    acceptor->on_accepted = [&] { world.reactor().stop_accepting(*acceptor); };
    world.reactor().start_accepting(listener.socket.get(), *acceptor);
    REQUIRE(world.until([&] { return !acceptor->sockets.empty(); }));
    CHECK(acceptor->sockets.size() == 1);
    acceptor.reset();
    for (int count = 0; count < 3; ++count) world.poll();
    CHECK(world.until([&] { return world.reactor().idle(); }));
    world.close(listener.socket);
}

TEST_CASE_TEMPLATE("the port is free as soon as accepting was stopped and the listener closed", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    Listener listener = tcp_listener();
    TestAcceptor acceptor;
    for (int round = 0; round < 5; ++round) {
        world.reactor().start_accepting(listener.socket.get(), acceptor);
        if (round % 2 == 0) world.poll();
        world.reactor().stop_accepting(acceptor);
        world.close(listener.socket);
        listener = tcp_listener(512, listener.port);
    }
    world.reactor().start_accepting(listener.socket.get(), acceptor);
    UniqueFd client = connect_to(listener.port);
    CHECK(world.until([&] { return acceptor.sockets.size() == 1; }));
    world.reactor().stop_accepting(acceptor);
    world.close(listener.socket);
}

TEST_CASE_TEMPLATE("accepting on what does not listen fails, and does not spin", Kind, EVERY_REACTOR) {
    World<Kind> world;
    if (world.is_missing()) return;
    UniqueFd socket(calls::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    TestAcceptor acceptor;
    world.reactor().start_accepting(socket.get(), acceptor);
    REQUIRE(world.until([&] { return acceptor.failures != 0; }));
    CHECK(acceptor.error == EINVAL);
    for (int count = 0; count < 3; ++count) world.poll();
    CHECK(acceptor.failures == 1);
    world.close(socket);
}
