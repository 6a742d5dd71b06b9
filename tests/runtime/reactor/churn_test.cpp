// Many connections, started, paused, resumed, ended and closed in an order that a seed chooses: the races between what
// the loop asks for and what the kernel has already done, which no single story tells.
#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <random>

using namespace contract;

namespace {

const std::string& stream_of_bytes() {
    static const std::string bytes = pattern(1 << 18);
    return bytes;
}

struct Connection {
    explicit Connection(bool over_tcp) : pair(over_tcp ? tcp_pair() : socket_pair()) {}

    void send_some(std::size_t bytes) {
        const std::string& stream = stream_of_bytes();
        bytes = std::min(bytes, stream.size() - sent);
        ssize_t count = calls::send(pair.there.get(), stream.data() + sent, bytes);
        if (count > 0) sent += static_cast<std::size_t>(count);
    }
    bool is_intact() const { return stream_of_bytes().starts_with(receiver.bytes); }

    Pair pair;
    TestReceiver receiver;
    bool started = false;
    std::size_t sent = 0;
};

template <class Kind>
class Churn {
public:
    explicit Churn(unsigned seed) : choose_(seed) {}

    World<Kind> world{ReactorOptions{.ring_entries = 32, .receive_buffer_bytes = 256, .receive_buffers = 16}};

    void step() {
        std::unique_ptr<Connection>& place = connections_[choose_() % connections_.size()];
        if (place == nullptr) place = std::make_unique<Connection>(choose_() % 2 == 0);
        Connection& connection = *place;
        unsigned action = choose_() % 48;
        if (action < 4) return start(connection);
        if (action < 20) return connection.send_some(choose_() % 3000);
        if (action < 24) return world.reactor().pause_receiving(connection.receiver);
        if (action < 32) return world.reactor().resume_receiving(connection.receiver);
        if (action < 33) return drop(place);
        if (action < 34) return finish(place);
        if (action < 40) return world.reactor().wait(0ns);
        world.poll();
    }

    void end() {
        for (auto& place : connections_) {
            if (place != nullptr) drop(place);
        }
        CHECK(world.until([&] { return world.reactor().idle(); }));
    }

private:
    void start(Connection& connection) {
        if (connection.started) return;
        connection.started = true;
        world.reactor().start_receiving(connection.pair.here.get(), connection.receiver);
    }

    void drop(std::unique_ptr<Connection>& place) {
        CHECK(place->is_intact());
        world.reactor().stop_receiving(place->receiver);
        world.close(place->pair.here);
        place.reset();
    }

    // The peer closes: every byte must have come before the end is told.
    void finish(std::unique_ptr<Connection>& place) {
        start(*place);
        world.reactor().resume_receiving(place->receiver);
        place->pair.there.reset();
        REQUIRE(world.until([&] { return place->receiver.ends != 0; }));
        CHECK(place->receiver.error == 0);
        CHECK(place->receiver.bytes.size() == place->sent);
        drop(place);
    }

    std::mt19937 choose_;
    std::vector<std::unique_ptr<Connection>> connections_ = std::vector<std::unique_ptr<Connection>>(40);
};

}  // namespace

TEST_CASE_TEMPLATE("connections may start, pause, resume, end and close in any order", Kind, EVERY_REACTOR) {
    for (unsigned seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        Churn<Kind> churn(seed);
        if (churn.world.is_missing()) return;
        for (int count = 0; count < 5000; ++count) churn.step();
        churn.end();
    }
}
