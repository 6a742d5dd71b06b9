// Who is told that he writes without waiting, when, and who is not.
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/tests/net/support.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace net_test;
using net::Stream;

namespace {

constexpr std::size_t high_water_bytes = net::TransportOptions().write_high_water_bytes;

EventLoop::Options debug_options(bool debug) {
    EventLoop::Options options;
    options.debug = debug;
    options.step_max = options.turn_max = 1h;  // a busy machine is not what is looked at
    return options;
}

// The peer reads nothing unless it is told to.
struct Scene {
    explicit Scene(bool debug = true)
        : before(set_lint_handler([this](const Lint& lint) { lints.push_back(lint); })),
          world(debug_options(debug)),
          pair(tcp_pair()),
          peer(world, std::move(pair.theirs)),
          stream(world.loop(), std::move(pair.ours)) {
        limit_send_buffer(stream.fd());
        // Until the kernel takes no more.
        while (stream.queued_bytes() == 0) {
            stream.write(std::string(high_water_bytes, 'k'));
            world.settle();
        }
    }
    ~Scene() { set_lint_handler(before); }

    std::vector<Lint> lints;
    LintHandler before;
    World world;
    Pair pair;
    Peer peer;
    Stream stream;
};

Coro<void> drain(Stream& stream) {
    co_await stream.drain();
}

Coro<void> write_all(Stream& stream, std::string bytes) {
    co_await stream.write_all(bytes);
}

}  // namespace

TEST_CASE("Who writes on above the high water is told once: for whom, how much, where, and what to do") {
    Scene scene;
    std::string record(high_water_bytes / 2, 'r');
    int line = 0;
    for (int count = 0; count < 20; ++count) {
        line = __LINE__ + 1;
        scene.stream.write(record);
        scene.world.settle();
    }
    REQUIRE(scene.lints.size() == 1);
    const Lint& lint = scene.lints.front();
    CHECK(lint.rule == Lint::Rule::no_backpressure);
    std::string text = text_of(lint);
    INFO(text);
    CHECK(text.find(fmt::format(" to {}", scene.stream.peer_address().to_string())) != text.npos);
    CHECK(text.find(" bytes are queued for descriptor ") != text.npos);
    CHECK(text.find("co_await drain()") != text.npos);
    bool tells_lines = !detail::first_place_of_program(detail::capture_stack()).empty();
    if (tells_lines) CHECK(text.find(fmt::format("backpressure_test.cpp:{}", line)) != text.npos);
}

TEST_CASE("One large write is not told of, nor are small ones behind it, for a drain may follow") {
    Scene scene;
    scene.stream.write(std::string(10 * high_water_bytes, 'l'));
    scene.stream.write(std::string(high_water_bytes / 2, 's'));
    CHECK(scene.lints.empty());
}

TEST_CASE("Who drains, or awaits what he writes, is not told of, however slow the peer is") {
    Scene scene;
    for (int round = 0; round < 5; ++round) {
        scene.stream.write(std::string(high_water_bytes, 'd'));
        Task<void> draining = scene.world.loop().create_task(drain(scene.stream));
        while (!draining.done()) {
            scene.peer.read_now();
            scene.world.turns(1);
        }
    }
    Task<void> writing =
        scene.world.loop().create_task(write_all(scene.stream, std::string(20 * high_water_bytes, 'a')));
    while (!writing.done()) {
        scene.peer.read_now();
        scene.world.turns(1);
    }
    CHECK(scene.lints.empty());
}

TEST_CASE("What the peer has taken meanwhile does not count") {
    Scene scene;
    for (int round = 0; round < 10; ++round) {
        scene.stream.write(std::string(high_water_bytes, 'm'));
        scene.world.run_until([&] {
            scene.peer.read_now();
            return scene.stream.queued_bytes() == 0;
        });
    }
    CHECK(scene.lints.empty());
}

TEST_CASE("Without debug mode nothing is told") {
    Scene scene(false);
    for (int count = 0; count < 20; ++count) scene.stream.write(std::string(high_water_bytes, 'r'));
    CHECK(scene.lints.empty());
}
