// A part of a file over a connection: plain and through TLS, short files, peers that do not read, and peers that go.
#include <stepwise/tests/net/support.hpp>

#include <stepwise/net/send_file.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/tests/left_out.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <vector>

using namespace net_test;
using net::FileEndedError;
using net::Stream;

namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

struct Scene : World {
    Scene() {
        path = (std::filesystem::temp_directory_path() / ("stepwise_send_file_" + std::to_string(::getpid()))).string();
        Pair pair = tcp_pair();
        ours.emplace(loop(), std::move(pair.ours));
        peer.emplace(*this, std::move(pair.theirs));
    }
    ~Scene() {
        ours.reset();
        calls::unlink(path.c_str());
    }
    void write(std::string bytes) { run(write_file(path, std::move(bytes))); }

    std::string path;
    std::optional<Stream> ours;
    std::optional<Peer> peer;
};

Coro<void> sent(Stream& stream, std::string path, std::uint64_t offset, std::uint64_t length) {
    File file = co_await File::open(std::move(path));
    stream.write("head ");
    co_await stream.send_file(file, offset, length);
    stream.write(" tail");
}

Coro<void> sent_and_cut(Stream& stream, std::string path, std::uint64_t length, bool& has_begun) {
    File file = co_await File::open(std::move(path));
    has_begun = true;
    co_await stream.send_file(file, 0, length);
}

Coro<void> count_turns(std::size_t& turns) {
    for (;; ++turns) co_await stepwise::sleep(Duration::zero());
}

}  // namespace

TEST_CASE("a part of a file goes out between what was written before and behind it") {
    Scene scene;
    const std::string bytes = pattern(300'000);
    scene.write(bytes);
    struct Part {
        std::size_t offset, length;
    };
    for (const Part part : {Part{0, 300'000}, Part{1, 1}, Part{299'999, 1}, Part{100'000, 150'001}, Part{5, 0}}) {
        CAPTURE(part.offset);
        Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, part.offset, part.length));
        const std::string wanted = "head " + bytes.substr(part.offset, part.length) + " tail";
        CHECK(scene.peer->read(wanted.size()) == wanted);
        scene.run_until([&] { return sending.done(); });
        sending.result();
    }
}

TEST_CASE("a file that the kernel cannot send by itself is read and sent in pieces") {
    if (is_left_out_on_simulator("its disk has files of its own only")) return;
    Scene scene;
    // Refused by sendfile: it has no pages in the kernel's cache.
    scene.path = "/proc/self/auxv";
    const std::string bytes = scene.run(read_file(scene.path));
    REQUIRE(bytes.size() > 100);
    for (const std::size_t offset : {std::size_t{0}, std::size_t{33}}) {
        const std::size_t length = bytes.size() - offset;
        Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, offset, length));
        const std::string wanted = "head " + bytes.substr(offset) + " tail";
        CHECK(scene.peer->read(wanted.size()) == wanted);
        scene.run_until([&] { return sending.done(); });
        sending.result();
    }
    Task<void> beyond = scene.loop().create_task(sent(*scene.ours, scene.path, 0, bytes.size() + 1));
    scene.run_until([&] { return beyond.done(); });
    CHECK_THROWS_AS(beyond.result(), FileEndedError);
    CHECK(scene.peer->read(5 + bytes.size()) == "head " + bytes);
    scene.path.clear();
}

TEST_CASE("a peer that does not read holds the file up, and gets all of it when it does") {
    Scene scene;
    limit_send_buffer(scene.ours->fd());
    const std::string bytes = pattern(8 * mebibyte);
    scene.write(bytes);
    Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, 0, bytes.size()));
    scene.settle();
    scene.settle();
    CHECK_FALSE(sending.done());
    CHECK(scene.ours->queued_bytes() < mebibyte);
    CHECK(scene.peer->read(5 + bytes.size() + 5) == "head " + bytes + " tail");
    scene.run_until([&] { return sending.done(); });
    sending.result();
}

TEST_CASE("a peer that takes everything at once does not keep the loop: a turn comes behind each part") {
    if (is_left_out_on_simulator("its peers have no thread")) return;
    Scene scene;
    scene.write("");
    constexpr std::size_t parts = 32;
    REQUIRE(::truncate(scene.path.c_str(), parts * 2 * mebibyte) == 0);
    std::thread reader([fd = scene.peer->fd()] {
        std::vector<char> block(4 * mebibyte);
        pollfd readable{fd, POLLIN, 0};
        for (std::size_t left = parts * 2 * mebibyte + 10; left > 0;) {
            const ssize_t count = ::recv(fd, block.data(), std::min(left, block.size()), MSG_DONTWAIT);
            if (count == 0 || (count < 0 && errno != EAGAIN)) return;
            if (count < 0) ::poll(&readable, 1, -1);
            if (count > 0) left -= static_cast<std::size_t>(count);
        }
    });
    std::size_t turns = 0;
    Task<void> counting = scene.loop().create_task(count_turns(turns));
    Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, 0, parts * 2 * mebibyte));
    scene.run_until([&] { return sending.done() && scene.ours->queued_bytes() == 0; });
    reader.join();
    CHECK(turns >= parts);
    counting.cancel();
    scene.settle();
}

TEST_CASE("a file that is too short is an error, behind all that it had") {
    Scene scene;
    scene.write("short");
    Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, 2, 10));
    CHECK(scene.peer->read(8) == "head ort");
    scene.run_until([&] { return sending.done(); });
    CHECK_THROWS_WITH_AS(sending.result(), ("'" + scene.path + "' ended 7 bytes before the part that is sent").c_str(),
                         FileEndedError);
}

TEST_CASE("a file that is truncated while it is sent is the same error") {
    if (is_left_out_on_simulator("its files cannot be truncated")) return;
    Scene scene;
    limit_send_buffer(scene.ours->fd());
    scene.write(pattern(8 * mebibyte));
    bool has_begun = false;
    Task<void> sending = scene.loop().create_task(sent_and_cut(*scene.ours, scene.path, 8 * mebibyte, has_begun));
    scene.run_until([&] { return has_begun; });
    scene.settle();
    REQUIRE(::truncate(scene.path.c_str(), 100) == 0);
    scene.run_until([&] {
        static_cast<void>(scene.peer->read_now());
        return sending.done();
    });
    CHECK_THROWS_AS(sending.result(), FileEndedError);
}

TEST_CASE("a peer that goes away ends it with an error, and with no signal") {
    Scene scene;
    limit_send_buffer(scene.ours->fd());
    scene.write(pattern(8 * mebibyte));
    Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, 0, 8 * mebibyte));
    scene.settle();
    SUBCASE("reset") {
        scene.peer->reset();
    }
    SUBCASE("closed") {
        scene.peer->close();
    }
    scene.run_until([&] { return sending.done(); });
    CHECK_THROWS_AS(sending.result(), std::system_error);
}

// The first bytes are taken and answered with a reset, so that the same call is told of it behind them.
TEST_CASE("a peer that had gone before, unseen, raises no signal either, though something was sent") {
    Scene scene;
    scene.write(pattern(8 * mebibyte));
    scene.peer->close();
    bool has_begun = false;
    Task<void> sending = scene.loop().create_task(sent_and_cut(*scene.ours, scene.path, 8 * mebibyte, has_begun));
    scene.run_until([&] { return sending.done(); });
    CHECK_THROWS_AS(sending.result(), std::system_error);
}

TEST_CASE("it can be cancelled, and its stream aborted, at any time") {
    Scene scene;
    limit_send_buffer(scene.ours->fd());
    scene.write(pattern(8 * mebibyte));
    Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, 0, 8 * mebibyte));
    SUBCASE("cancelled at once") {
        sending.cancel();
    }
    SUBCASE("cancelled while it waits for the peer") {
        scene.settle();
        sending.cancel();
    }
    SUBCASE("aborted while it waits for the peer") {
        scene.settle();
        scene.ours->abort();
    }
    scene.run_until([&] { return sending.done(); });
    CHECK((sending.cancelled() || sending.exception() != nullptr));
    scene.ours->abort();
    scene.run_until([&] {
        static_cast<void>(scene.peer->read_now());
        return scene.peer->ended();
    });
}

namespace {

struct Deaf final : net::TransportHandler {
    void received(std::span<char>) override {}
    void received_end() override {}
    void connection_lost(int) override {}
    void drained() override {}
};

Coro<void> check_owned(const net::Transport::Owner& owner) {
    if (!owner) throw std::system_error(ECONNABORTED, std::generic_category(), "nobody owns it");
    co_return;
}

Coro<void> sent_for(const net::Transport::Owner& owner, std::string path, bool& has_begun) {
    File file = co_await File::open(std::move(path));
    has_begun = true;
    const net::AllIsSent all_is_sent = [&owner](net::Transport&) { return check_owned(owner); };
    co_await net::send_file(*owner, file, 0, 100, all_is_sent);
}

}  // namespace

TEST_CASE("who owns the connection may abort it and let go of it while the file is read") {
    Scene scene;
    const bool is_simulated = scene.loop().reactor().simulation() != nullptr;
    if (is_simulated) scene.write(pattern(1000));
    const std::string path = is_simulated ? scene.path : "/proc/self/auxv";  // which sendfile refuses
    int cut_short = 0;
    for (int turns = 0; turns < 20; ++turns) {
        CAPTURE(turns);
        Pair pair = tcp_pair();
        const int socket = pair.ours.get();
        Deaf deaf;
        net::Transport::Owner owner = net::Transport::make(scene.loop(), std::move(pair.ours), &deaf, {});
        bool has_begun = false;
        Task<void> sending = scene.loop().create_task(sent_for(owner, path, has_begun));
        scene.run_until([&] { return has_begun; });
        scene.turns(turns);
        owner->abort();
        owner.reset();
        scene.run_until([&] {
            // Its number must not be another connection's meanwhile.
            if (!sending.done() && !is_simulated) REQUIRE(::fcntl(socket, F_GETFD) >= 0);
            return sending.done();
        });
        if (sending.exception() != nullptr) {
            ++cut_short;
            CHECK_THROWS_AS(sending.result(), std::system_error);
        }
        if (!is_simulated) CHECK(::fcntl(socket, F_GETFD) < 0);
    }
    CHECK(cut_short >= (is_simulated ? 1 : 2));  // while it reads, and before that while it waits for room
}

TEST_CASE("the loop may end while a file is sent") {
    Scene scene;
    limit_send_buffer(scene.ours->fd());
    scene.write(pattern(8 * mebibyte));
    Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, 0, 8 * mebibyte));
    scene.settle();
    CHECK_FALSE(sending.done());
    scene.end_loop();
}

TEST_CASE("a part beyond what a file can have is refused") {
    Scene scene;
    scene.write("small");
    const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
    for (const auto& [offset, length] : {std::pair{huge, std::uint64_t{1}}, std::pair{std::uint64_t{1}, huge}}) {
        Task<void> sending = scene.loop().create_task(sent(*scene.ours, scene.path, offset, length));
        scene.run_until([&] { return sending.done(); });
        CHECK_THROWS_AS(sending.result(), std::system_error);
    }
}
