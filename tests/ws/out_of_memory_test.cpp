// What a connection is where memory runs out, at each allocation in turn: once, and for good. Who writes gets
// std::bad_alloc and nothing has happened, or the connection ends; no wire is broken, no handler forgotten. A sanitizer
// brings an operator new of its own: then there is nothing to fail.
#include <stepwise/tests/ws/memory_support.hpp>

#if COUNTS_ALLOCATIONS

using namespace ws_test;

TEST_CASE("a long message that finds no memory is not sent, or the connection ends: no other frame stands within it") {
    for_each_failure([](long at, bool for_good) {
        CAPTURE(at);
        Members scene(1, takes_much(), 16 * 1024);
        Peer& peer = scene.peers.front();
        Connection& connection = *scene.connections.front();
        Tried tried;
        scene.do_soon([&] {
            tried = try_without(at, for_good, [&] { connection.write_message(long_message()); });
            if (tried.threw) CHECK(connection.is_open());
            connection.write_message("next");
        });
        std::string frame = read_frame(peer);
        if (frame != "text:next") {
            const bool is_whole = frame == "text:" + long_message();
            frame = read_frame(peer);
            CHECK(frame == (is_whole ? "text:next" : "end"));
        } else {
            CHECK(tried.threw);
        }
        if (frame == "end") {
            scene.run_until([&] { return scene.closed == 1; });
            CHECK(scene.code == CloseCode::abnormal_closure);
        } else {
            CHECK(connection.is_open());
        }
        return tried.failed;
    });
}

TEST_CASE("a message that waits counts once it is kept: one that finds no memory leaves no trace") {
    ws::ConnectionOptions options = takes_much();
    options.when_full = ws::WhenFull::drop_oldest;
    Members scene(1, options, 16 * 1024);
    Connection& connection = *scene.connections.front();
    const int count = 40;
    int failures = 0;
    scene.do_soon([&] {
        connection.write_message(long_message());
        for (int number = 0; number < count; ++number) {
            const std::string text = std::to_string(number) + " and more than a short string holds";
            std::size_t before = connection.queued_bytes();
            failures += fail_at_each(
                [&] { connection.write_message(text); },
                [&](bool failed) { CHECK(connection.queued_bytes() == before + (failed ? 0 : text.size())); });
        }
        CHECK(connection.dropped_messages() == 0);
    });
    CHECK(failures > count);  // also for where they wait
    CHECK(read_frame(scene.peers.front()) == "text:" + long_message());
    const std::vector<int> numbers = read_numbers(scene.peers, count - 1).front();
    CHECK(numbers.size() == std::size_t{count});
}

TEST_CASE("a close that finds no memory has changed nothing, and may be tried again") {
    const std::string reason = "for a reason that is longer than a short string";
    Members scene;
    Connection& connection = *scene.connections.front();
    scene.do_soon([&] {
        const int needed = fail_at_each([&] { connection.close(CloseCode::going_away, reason); },
                                        [&](bool failed) { CHECK(connection.is_open() == failed); });
        CHECK(needed >= 2);
    });
    CHECK(scene.read_ends() == Log{"close:1001 " + reason});
    scene.run_until([&] { return scene.closed == 1; });
    CHECK(scene.code == CloseCode::normal_closure);
}

TEST_CASE("a connection ends, and its handler hears of it later, also where there is no memory to note how") {
    for_each_failure([](long at, bool for_good) {
        CAPTURE(at);
        Members scene;
        Tried tried;
        scene.do_soon([&] {
            tried = try_without(at, for_good, [&] { scene.connections.front()->abort(); });
            CHECK_FALSE(tried.threw);
            CHECK(scene.closed == 0);
            CHECK_FALSE(scene.connections.front()->is_open());
        });
        scene.run_until([&] { return scene.closed == 1; });
        CHECK(scene.code == CloseCode::abnormal_closure);
        CHECK(scene.read_ends() == Log{"end"});
        return tried.failed;
    });
}

TEST_CASE("a handler that fails for want of memory has its connection closed, with what memory there is") {
    for_each_failure([](long at, bool for_good) {
        CAPTURE(at);
        Members scene;
        scene.loop().set_exception_handler([](const std::exception_ptr&, std::string_view) {});
        scene.on_message = [&](MessageView) {
            frame_pool::trim();
            failing_allocation = allocations + at;
            fails_for_good = for_good;
            throw std::bad_alloc();
        };
        bool failed = false;
        scene.peers.front().send(text_frame("work"));
        scene.run_until([&] {  // behind the turn in which it is called
            failed = failing_allocation != 0 && allocations >= failing_allocation;
            failing_allocation = 0;
            return !scene.connections.front()->is_open();
        });
        const Log last = scene.read_ends();
        if (last != Log{"end"}) CHECK(last == Log{"close:1011 the handler failed"});
        scene.run_until([&] { return scene.closed == 1; });
        return failed;
    });
}

TEST_CASE("a message that finds no memory when it arrives is handled, or ends its connection: none is skipped") {
    for_each_failure([](long at, bool for_good) {
        CAPTURE(at);
        Members scene;
        bool failed = false;
        const auto end_want = [&] {
            if (failing_allocation != 0) failed = allocations >= failing_allocation;
            failing_allocation = 0;
        };
        Log handled;
        scene.on_message = [&](MessageView message) {
            end_want();
            handled.emplace_back(message.data);
        };
        Peer& peer = scene.peers.front();
        const std::string frames = text_frame("one") + text_frame("two");
        const std::string_view in_parts[] = {std::string_view(frames).substr(0, 8), std::string_view(frames).substr(8)};
        frame_pool::trim();
        failing_allocation = allocations + at;
        fails_for_good = for_good;
        for (const std::string_view part : in_parts) {
            peer.try_send(part);
            scene.turns(3);
        }
        end_want();
        scene.run_until([&] { return handled.size() == 2 || scene.closed == 1; });
        if (scene.closed == 1) {
            CHECK(scene.code == CloseCode::abnormal_closure);
            CHECK(handled.empty());
        } else {
            CHECK(handled == Log{"one", "two"});
        }
        return failed;
    });
}

namespace {

// What is left of a coroutine hook: it noted nothing, and it was never called.
struct Ends {
    int hooks = 0;     // on_close that began, or coroutines that were left
    int reported = 0;  // to the exception handler
};

class ClosesInTask : public ws::WebSocketHandler {
public:
    explicit ClosesInTask(Ends& ends, std::function<void()> on_message)
        : ends_(ends), on_message_(std::move(on_message)) {}
    void on_message(MessageView) { on_message_(); }
    Coro<void> on_close() {
        ++ends_.hooks;
        co_return;
    }

private:
    Ends& ends_;
    std::function<void()> on_message_;
};

class AnswersInTask : public ws::WebSocketHandler {
public:
    explicit AnswersInTask(Ends& ends, std::function<void()> on_message)
        : ends_(ends), on_message_(std::move(on_message)) {}
    Coro<void> on_message(ws::Message) {
        on_message_();
        throw CancelledError("leaves");
        co_return;
    }
    void on_close() { ++ends_.hooks; }

private:
    Ends& ends_;
    std::function<void()> on_message_;
};

Coro<void> hears(Connection& connection, Ends& ends, std::function<void()> on_message) {
    co_await connection.receive();
    on_message();
    ++ends.hooks;
}

// Connections of a router's "/", of which one says something; from then on an allocation fails.
void end_without_memory(bool peer_leaves,
                        const std::function<std::shared_ptr<http::UpgradeHandler>(Ends&, std::function<void()>)>& make,
                        const std::function<void(const Ends&)>& check) {
    for_each_failure([&](long at, bool for_good) {
        CAPTURE(at);
        Ends ends;
        WsServed scene;
        scene.loop().set_exception_handler([&](const std::exception_ptr&, std::string_view) { ++ends.reported; });
        const auto begin_want = [&] {
            frame_pool::trim();
            failing_allocation = allocations + at;
            fails_for_good = for_good;
        };
        http::Router router;
        router.get("/", make(ends, begin_want));
        scene.serve(std::move(router));
        Peer peer = scene.open();
        peer.send(text_frame("from now on"));
        if (peer_leaves) peer.close();
        int turns = 0;
        bool failed = false;
        scene.run_until([&] {
            failed = failed || (failing_allocation != 0 && allocations >= failing_allocation);
            if (++turns == 20) failing_allocation = 0;
            return turns > 20;
        });
        if (!peer_leaves) {
            static_cast<void>(peer.try_send(close_frame(1000)));
            peer.close();
        }
        scene.run_until_gone();
        check(ends);
        scene.server.reset();
        return failed;
    });
}

}  // namespace

template <class Handler>
std::shared_ptr<http::UpgradeHandler> made(Ends& ends, std::function<void()> on_message) {
    return ws::handler<Handler>(ws::ConnectionOptions(), std::ref(ends), std::move(on_message));
}

TEST_CASE("a coroutine on_close that finds no memory for its frame is reported, and its connection ends all the same") {
    end_without_memory(true, made<ClosesInTask>, [](const Ends& ends) { CHECK(ends.hooks + ends.reported >= 1); });
}

TEST_CASE("a task of a handler that is cancelled where there is no memory for a Close costs that connection only") {
    end_without_memory(false, made<AnswersInTask>, [](const Ends& ends) { CHECK(ends.hooks == 1); });
}

TEST_CASE("a coroutine that returns where there is no memory for a Close costs that connection only") {
    const auto make = [](Ends& ends, std::function<void()> on_message) {
        return ws::coroutine(
            [&ends, on_message](Connection& connection) { return hears(connection, ends, on_message); });
    };
    end_without_memory(false, make, [](const Ends& ends) { CHECK(ends.hooks == 1); });
}

#else

#include <cstdio>

TEST_CASE("memory that runs out costs one connection at most") {
    std::puts("SKIPPED memory that runs out: a sanitizer brings an operator new of its own, and the frame pool is off");
}

#endif
