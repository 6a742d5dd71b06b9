// Law 7: what an await of a name, a connection, a stream or a response leaves behind when it is cancelled.
#include <stepwise/net/connect.hpp>
#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/resolver.hpp>
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/tests/cancel_safety.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <semaphore>

namespace {

using namespace cancel_safety;

std::ptrdiff_t open_descriptors() {
    std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

// Reads what there is, without waiting. Empty too at the end.
std::string read_now(int socket) {
    std::string bytes(1 << 20, '\0');
    ssize_t count = calls::recv(socket, bytes.data(), bytes.size());
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
}
void send_now(int socket, std::string_view bytes) {
    REQUIRE(calls::send(socket, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

// The only thread of the pool is busy until complete().
class ResolveSubject final : public Subject {
public:
    explicit ResolveSubject(Stage& stage) : Subject(stage) { after_result(); }
    Coro<std::string> operate() override {
        // No name at all, so that nobody is asked: but that is for getaddrinfo to say.
        try {
            std::vector<net::Address> addresses = co_await net::resolve(std::string(70, 'a'), 80);
            co_return "addresses";
        } catch (const std::system_error&) {
            co_return "no such name";
        }
    }
    void complete() override { may_end_->release(); }
    std::string gives() const override { return "no such name"; }
    bool completes_at_once() const override { return false; }
    bool keeps_what_was_not_given() const override { return false; }
    void after_result() override {
        may_end_ = std::make_shared<std::counting_semaphore<>>(0);
        busy_ = loop().run_in_executor([may_end = may_end_] { may_end->acquire(); });
    }
    void after_cancel() override {
        // The lookup that was given up is passed over.
        complete();
        Future<> behind = loop().run_in_executor([] {});
        stage().run_until([&] { return behind.done(); });
        after_result();
    }
    void before_loop_ends() override { complete(); }

private:
    std::shared_ptr<std::counting_semaphore<>> may_end_;
    std::optional<Future<>> busy_;
};

class AcceptSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        net::Stream stream = co_await net::accept_from(listening_.get());
        std::string byte(1, '\0');
        co_await stream.read_exactly(byte);
        co_return byte;
    }
    void complete() override {
        client_ = UniqueFd(calls::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(calls::connect(client_.get(), address_.get(), address_.size()) == 0);
        send_now(client_.get(), "7");
    }
    std::string gives() const override { return "7"; }
    // Two awaits: that of the byte may be the one that is cancelled, and ends the connection.
    bool completes_at_once() const override { return false; }
    bool keeps_what_was_not_given() const override { return false; }

private:
    UniqueFd listening_ = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Address address_ = net::Address::of_local_end(listening_.get());
    UniqueFd client_;
};

// ---- streams

class OnAStream : public Subject {
public:
    explicit OnAStream(Stage& stage) : Subject(stage) { connect(); }

protected:
    void connect() {
        std::array<int, 2> ends{};
        REQUIRE(calls::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
        stream_.emplace(loop(), UniqueFd(ends[0]));
        peer_ = UniqueFd(ends[1]);
    }
    UniqueFd peer_;
    std::optional<net::Stream> stream_;
};

class ReadSomeSubject final : public OnAStream {
public:
    using OnAStream::OnAStream;
    Coro<std::string> operate() override {
        std::string buffer(100, '\0');
        std::size_t count = co_await stream_->read_some(buffer);
        co_return buffer.substr(0, count);
    }
    void complete() override { send_now(peer_.get(), "12345"); }
    std::string gives() const override { return "12345"; }
};

// Cancelled when the first bytes have been taken already.
class ReadExactlySubject final : public OnAStream {
public:
    explicit ReadExactlySubject(Stage& stage) : OnAStream(stage) { after_result(); }
    Coro<std::string> operate() override {
        std::string buffer(5, '\0');
        co_await stream_->read_exactly(buffer);
        co_return buffer;
    }
    void complete() override { send_now(peer_.get(), "345"); }
    std::string gives() const override { return "12345"; }
    void after_result() override { send_now(peer_.get(), "12"); }
};

class ReadUntilSubject final : public OnAStream {
public:
    explicit ReadUntilSubject(Stage& stage) : OnAStream(stage) { after_result(); }
    Coro<std::string> operate() override {
        std::optional<std::string> line = co_await stream_->read_until("\r\n");
        co_return line.value_or("the end");
    }
    // With the begin of the next line, which is kept.
    void complete() override { send_now(peer_.get(), "\n12\r"); }
    std::string gives() const override { return "12\r\n"; }
    void after_result() override {
        if (std::exchange(begun_, true)) return;
        send_now(peer_.get(), "12\r");
    }

private:
    bool begun_ = false;
};

class DrainSubject : public OnAStream {
public:
    explicit DrainSubject(Stage& stage) : OnAStream(stage) { fill(); }
    Coro<std::string> operate() override {
        co_await stream_->drain();
        co_return "drained";
    }
    void complete() override { static_cast<void>(loop().create_task(read_all(*this))); }
    std::string gives() const override { return "drained"; }
    bool completes_at_once() const override { return false; }
    // Everything that was written arrives, whatever became of the drain.
    void after_result() override {
        stage().run_until([&] { return loop().task_count() == 0; });
        CHECK(read_ == written_);
        fill();
    }

private:
    static Coro<> read_all(DrainSubject& self) {
        while (self.read_ < self.written_) {
            self.read_ += read_now(self.peer_.get()).size();
            co_await sleep(0s);
        }
    }
    void fill() {
        std::string bytes(4 * 1024 * 1024, 'x');
        stream_->write(bytes);
        written_ += bytes.size();
    }
    std::size_t written_ = 0;
    std::size_t read_ = 0;
};

// It goes on on the same loop: what is seen is whether the bytes and the connection are still there.
class DetachSubject final : public DrainSubject {
public:
    using DrainSubject::DrainSubject;
    Coro<std::string> operate() override {
        net::Stream::Detached detached = co_await stream_->detach();
        stream_.emplace(loop(), std::move(detached));
        co_return "drained";
    }
};

class WriteAllSubject final : public OnAStream {
public:
    using OnAStream::OnAStream;
    static constexpr std::size_t bytes = 4 * 1024 * 1024;
    Coro<std::string> operate() override {
        std::string text(bytes, 'x');
        co_await stream_->write_all(text);
        co_return "written";
    }
    void complete() override { static_cast<void>(loop().create_task(read_for_a_while(*this))); }
    std::string gives() const override { return "written"; }
    bool completes_at_once() const override { return false; }
    bool keeps_what_was_not_given() const override { return false; }
    void after_result() override { renew(); }
    void after_cancel() override {
        // A part was written, in pieces that are bounded, and nothing more comes.
        CHECK(stream_->queued_bytes() < bytes);
        renew();
    }

private:
    static Coro<> read_for_a_while(WriteAllSubject& self) {
        self.reading_ = true;
        while (self.reading_) {
            static_cast<void>(read_now(self.peer_.get()));
            co_await sleep(0s);
        }
    }
    void renew() {
        reading_ = false;
        stage().run_until([&] { return loop().task_count() == 0; });
        stream_->abort();
        connect();
    }
    bool reading_ = false;
};

// ---- fetch

class FetchSubject final : public Subject {
public:
    using Subject::Subject;
    Coro<std::string> operate() override {
        http::FetchRequest request("http://" + address_.to_string() + "/");
        http::FetchResponse response = co_await http::fetch(std::move(request));
        co_return response.error ? response.error->message : response.body;
    }
    void complete() override {
        accept_all();
        send_now(peers_.back().get(), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7");
    }
    std::string gives() const override { return "7"; }
    bool completes_at_once() const override { return false; }
    bool keeps_what_was_not_given() const override { return false; }
    void after_result() override { after_cancel(); }
    void after_cancel() override {
        accept_all();
        for (UniqueFd& peer : peers_) stage().run_until([&] { return is_closed(peer.get()); });
        peers_.clear();
    }

private:
    // The newest last.
    void accept_all() {
        for (;;) {
            UniqueFd peer(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!peer) return;
            peers_.push_back(std::move(peer));
        }
    }
    static bool is_closed(int peer) {
        char bytes[1000];
        ssize_t count = calls::recv(peer, bytes, sizeof bytes);
        return count == 0 || (count < 0 && errno != EAGAIN);
    }
    UniqueFd listening_ = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Address address_ = net::Address::of_local_end(listening_.get());
    std::vector<UniqueFd> peers_;
};

}  // namespace

TEST_CASE("a cancelled lookup ends at once, and its answer goes to nobody") {
    check_every_phase<ResolveSubject>(1);
}
TEST_CASE("a cancelled accept leaves the connections to the next one") {
    check_every_phase<AcceptSubject>();
}
TEST_CASE("a cancelled read of a stream has taken no byte that the next one does not get") {
    check_every_phase<ReadSomeSubject>();
    check_every_phase<ReadExactlySubject>();
    check_every_phase<ReadUntilSubject>();
}
TEST_CASE("a cancelled drain has undone no write") {
    check_every_phase<DrainSubject>();
}
TEST_CASE("a cancelled detach leaves the stream as it was") {
    check_every_phase<DetachSubject>();
}
TEST_CASE("a cancelled write_all has written a part, and queued no more than its bound") {
    check_every_phase<WriteAllSubject>();
}
TEST_CASE("a cancelled fetch has closed its connection") {
    check_every_phase<FetchSubject>();
}

TEST_CASE("a connect that is cancelled in any turn gives a socket or leaves none") {
    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Address address = net::Address::of_local_end(listening.get());
    struct Bodies {
        static Coro<bool> connects(net::Address address) {
            UniqueFd socket = co_await net::connect_socket(address);
            co_return static_cast<bool>(socket);
        }
    };
    Stage stage(1);
    std::ptrdiff_t before = open_descriptors();
    for (int turns = 0; turns < 5; ++turns) {
        CAPTURE(turns);
        Task<bool> task = stage.loop->create_task(Bodies::connects(address));
        stage.turns(turns);
        task.cancel();
        stage.run_until([&] { return task.done(); });
        CHECK((task.cancelled() || task.result()));
        CHECK(open_descriptors() == before);
    }
    CHECK(stage.loop->task_count() == 0);
}
