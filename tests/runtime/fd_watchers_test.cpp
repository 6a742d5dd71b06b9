#include <stepwise/runtime/unique_fd.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <system_error>

namespace {

using namespace runtime_test;

struct Sockets {
    Sockets() {
        std::array<int, 2> both{};
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both.data()) == 0);
        here.reset(both[0]);
        there.reset(both[1]);
    }
    void say(std::string_view text) {
        REQUIRE(::write(there.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    std::string take(std::size_t bytes) {
        std::string text(bytes, ' ');
        ssize_t count = ::read(here.get(), text.data(), bytes);
        text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return text;
    }

    UniqueFd here;
    UniqueFd there;
};

}  // namespace

TEST_CASE("a reader is called again and again while it leaves bytes behind: level-triggered") {
    World world;
    Sockets sockets;
    Log log;
    world.loop.add_reader(sockets.here.get(), [&] {
        log.push_back(sockets.take(2));
        if (log.size() == 3) world.loop.stop();
    });
    sockets.say("abcdef");
    world.loop.run_forever();
    CHECK(log == Log{"ab", "cd", "ef"});
    world.turns(5);
    CHECK(log.size() == 3);
    sockets.say("g");
    world.loop.call_soon([&] { log.clear(); });
    while (log != Log{"g"}) world.loop.run_once();
    CHECK(world.loop.remove_reader(sockets.here.get()));
    CHECK_FALSE(world.loop.remove_reader(sockets.here.get()));
}

TEST_CASE("a reader is told of the peer's end") {
    World world;
    Sockets sockets;
    world.loop.add_reader(sockets.here.get(), [&] {
        CHECK(sockets.take(10).empty());
        world.loop.stop();
    });
    sockets.there.reset();
    world.loop.run_forever();
    world.loop.remove_reader(sockets.here.get());
}

TEST_CASE("a reader may remove itself within its callback, and is not called again") {
    World world;
    Sockets sockets;
    int calls = 0;
    Log log;
    world.loop.add_reader(sockets.here.get(), [&, says = std::make_shared<SaysAtEnd>(log, "callback ended")] {
        ++calls;
        CHECK(world.loop.remove_reader(sockets.here.get()));
        world.loop.call_later(0s, [&] { world.loop.stop(); });
    });
    sockets.say("x");
    world.loop.run_forever();
    world.turns(3);
    CHECK(calls == 1);
    CHECK(log == Log{"callback ended"});
}

TEST_CASE("a reader may remove itself and add another one within its callback") {
    World world;
    Sockets sockets;
    Log log;
    world.loop.add_reader(sockets.here.get(), [&] {
        log.push_back("first " + sockets.take(1));
        world.loop.remove_reader(sockets.here.get());
        world.loop.add_reader(sockets.here.get(), [&] {
            log.push_back("second " + sockets.take(1));
            world.loop.stop();
        });
    });
    sockets.say("xy");
    world.loop.run_forever();
    CHECK(log == Log{"first x", "second y"});
    world.loop.remove_reader(sockets.here.get());
}

TEST_CASE("a second add_reader replaces the callback, also from within it") {
    World world;
    Sockets sockets;
    Log log;
    world.loop.add_reader(sockets.here.get(), [&] {
        log.push_back("first " + sockets.take(1));
        world.loop.add_reader(sockets.here.get(), [&] {
            log.push_back("second " + sockets.take(1));
            world.loop.stop();
        });
    });
    sockets.say("xy");
    world.loop.run_forever();
    CHECK(log == Log{"first x", "second y"});
    world.loop.remove_reader(sockets.here.get());
}

TEST_CASE("a writer is called while there is room, beside a reader on the same descriptor") {
    World world;
    Sockets sockets;
    int writes = 0;
    int reads = 0;
    int fd = sockets.here.get();
    world.loop.add_writer(fd, [&] {
        if (++writes < 3) return;
        CHECK(world.loop.remove_writer(fd));
        sockets.say("x");
    });
    world.loop.add_reader(fd, [&] {
        ++reads;
        sockets.take(1);
        world.loop.stop();
    });
    world.loop.run_forever();
    CHECK(writes == 3);
    CHECK(reads == 1);
    CHECK_FALSE(world.loop.remove_writer(fd));
    CHECK(world.loop.remove_reader(fd));
}

TEST_CASE("a callback that throws is reported once and stays") {
    World world;
    Sockets sockets;
    int calls = 0;
    world.loop.add_reader(sockets.here.get(), [&] {
        sockets.take(1);
        if (++calls == 1) throw std::runtime_error("reader broke");
        world.loop.stop();
    });
    sockets.say("xy");
    world.loop.run_forever();
    CHECK(calls == 2);
    CHECK(world.lost == Log{"reader broke"});
    world.loop.remove_reader(sockets.here.get());
}

TEST_CASE("a descriptor that cannot be watched is std::system_error, and is not kept") {
    World world;
    Sockets sockets;
    int fd = sockets.here.get();
    sockets.here.reset();
    for (bool reads : {true, false}) {
        CAPTURE(reads);
        try {
            reads ? world.loop.add_reader(fd, [] {}) : world.loop.add_writer(fd, [] {});
            FAIL_CHECK("was taken");
        } catch (const std::system_error& error) {
            CHECK(error.code().value() == EBADF);
            CHECK(std::string(error.what()).find(std::to_string(fd)) != std::string::npos);
        }
    }
    CHECK_FALSE(world.loop.remove_reader(fd));
    CHECK_FALSE(world.loop.remove_writer(fd));
    world.turns(2);
    CHECK(world.lost.empty());
}

TEST_CASE("a reader that stands in the ready queue and is removed before its turn is not called") {
    World world;
    Sockets sockets;
    int fd = sockets.here.get();
    world.loop.add_reader(fd, [] { FAIL("was called"); });
    world.turns(1);
    sockets.say("x");
    world.loop.call_soon([&] { CHECK(world.loop.remove_reader(fd)); });
    world.turns(3);
}

TEST_CASE("a callback that removes a reader as it ends, with the loop, does no harm") {
    Sockets sockets;
    int fd = sockets.here.get();
    Log log;
    {
        World world;
        auto removes = std::make_shared<AtEnd<std::function<void()>>>([&] {
            log.push_back(world.loop.remove_reader(fd) ? "removed" : "gone");
            world.loop.remove_signal_handler(1);
        });
        world.loop.add_reader(fd, [held = std::move(removes)] {});
        world.turns(1);
    }
    CHECK(log == Log{"gone"});
}
