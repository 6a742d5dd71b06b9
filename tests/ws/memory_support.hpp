// What the tests of WebSockets where memory runs out share: allocations that fail, once or for good, and connections
// whose handlers note little, as there may be no memory for more. Included by one source of a program.
#pragma once

#include <stepwise/tests/allocations.hpp>
#include <stepwise/tests/ws/support.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#if COUNTS_ALLOCATIONS

namespace ws_test {

using ws::Connection;
using ws::MessageView;

struct Tried {
    bool threw = false;   // std::bad_alloc
    bool failed = false;  // it came to that allocation
};

// Calls it with that allocation failing, and perhaps all behind it.
template <class Call>
Tried try_without(long allocation, bool for_good, Call call) {
    frame_pool::trim();  // or its blocks are enough
    Tried tried;
    failing_allocation = allocations + allocation;
    fails_for_good = for_good;
    try {
        call();
    } catch (const std::bad_alloc&) {
        tried.threw = true;
    }
    tried.failed = allocations >= failing_allocation;
    failing_allocation = 0;
    return tried;
}

// Calls `grow` with its first allocation failing, with its second … and at last with enough. How many it needs.
template <class Grow, class Check>
int fail_at_each(Grow grow, Check check) {
    for (int at = 1;; ++at) {
        const bool failed = try_without(at, false, grow).threw;
        check(failed);
        if (!failed) return at - 1;
    }
}

// Calls `play` with a scene of its own for each allocation that a call comes to. What it returns: it came to that one.
template <class Play>
void for_each_failure(Play play) {
    for (const bool for_good : {false, true}) {
        CAPTURE(for_good);
        for (long at = 1; play(at, for_good); ++at) REQUIRE(at < 100);
    }
}

struct Members;

class Kept : public ws::WebSocketHandler {
public:
    explicit Kept(Members& members) : members_(members) {}
    void open();
    void on_message(MessageView message);
    void on_close();

private:
    Members& members_;
};

struct Members : WsServed {
    explicit Members(int count = 1, const ws::ConnectionOptions& options = {}, int receive_buffer_bytes = 0) {
        http::Router router;
        router.get("/", ws::handler<Kept>(options, std::ref(*this)));
        serve(std::move(router));
        while (count-- > 0) peers.push_back(open("/", receive_buffer_bytes));
    }
    ~Members() { server.reset(); }

    // In a handle of the loop.
    void do_soon(std::function<void()> call) {
        bool is_done = false;
        loop().call_soon([&] {
            call();
            is_done = true;
        });
        run_until([&] { return is_done; });
    }
    // Each peer reads to its end, and answers a Close. What they got last.
    Log read_ends() {
        Log last(peers.size());
        for (std::size_t index = 0; index < peers.size(); ++index) {
            std::string frame;
            while (frame != "end" && !frame.starts_with("close:")) frame = read_frame(peers[index]);
            if (frame != "end") peers[index].send(close_frame(1000));
            last[index] = frame;
        }
        return last;
    }
    bool all_are_open() const {
        return std::all_of(connections.begin(), connections.end(),
                           [](const Connection* one) { return one->is_open(); });
    }

    std::vector<Peer> peers;
    std::vector<Connection*> connections;
    std::function<void(MessageView)> on_message = [](MessageView) {};
    std::function<void(Connection&)> leave = [](Connection&) {};
    int closed = 0;
    CloseCode code{};
};

inline void Kept::open() {
    members_.connections.push_back(&connection());
}
inline void Kept::on_message(MessageView message) {
    members_.on_message(message);
}
inline void Kept::on_close() {
    members_.leave(connection());
    ++members_.closed;
    members_.code = close_code();
}

inline ws::ConnectionOptions takes_much() {
    ws::ConnectionOptions options;
    options.queued_bytes_max = 64 * 1024 * 1024;
    return options;
}

// More than the kernel takes at once for who reads nothing.
inline const std::string& long_message() {
    static const std::string message(8 * 1024 * 1024, 'l');
    return message;
}

// The numbers that each got, of messages that begin with one, until the last; each once and in their order.
inline std::vector<std::vector<int>> read_numbers(std::vector<Peer>& peers, int last) {
    std::vector<std::vector<int>> numbers(peers.size());
    for (std::size_t index = 0; index < peers.size(); ++index) {
        std::vector<int>& got = numbers[index];
        while (got.empty() || got.back() < last) {
            const std::string frame = read_frame(peers[index]);
            REQUIRE(frame.starts_with("text:"));
            const int next = std::stoi(frame.substr(5));
            if (!got.empty()) REQUIRE(next > got.back());
            got.push_back(next);
        }
    }
    return numbers;
}

}  // namespace ws_test

#endif
