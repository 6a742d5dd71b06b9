// An HTTP server behind TLS whose client speaks none, breaks records or leaves without a word, over several seeds: the
// connection ends, its handler does, and who stands by, in plain HTTP beside it, gets every answer in time.
#include <stepwise/runtime/io.hpp>
#include <stepwise/tests/net/tls/certificates.hpp>
#include <stepwise/tests/sim/http_support.hpp>

#include <doctest/doctest.h>

using namespace sim_test;

namespace {

tls_test::Authority& authority() {
    static tls_test::Authority instance;
    return instance;
}

// ---- what the clients do

Coro<void> send_plain(net::Stream& stream, std::string bytes) {
    try {
        co_await stream.write_all(bytes);
    } catch (const std::system_error&) {  // the server has seen enough
    }
}

Coro<void> ask_in_plain_http(net::Stream& stream) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: sim\r\n\r\n";
    co_await send_plain(stream, bytes);
}

Coro<void> send_noise(net::Stream& stream) {
    std::string noise;
    for (int byte = 0; byte < 5000; ++byte) noise += static_cast<char>(byte * 97 + byte / 7);
    co_await send_plain(stream, noise);
}

Coro<void> send_noise_as_a_handshake(net::Stream& stream) {
    std::string noise("\x16\x03\x01\x10\x00\x01\x00\x0f\xfc", 9);
    for (int byte = 0; byte < 5000; ++byte) noise += static_cast<char>(byte * 97 + byte / 7);
    co_await send_plain(stream, noise);
}

Coro<void> say_nothing(net::Stream&) {
    co_return;
}

Coro<void> begin_a_handshake(net::Stream& stream) {
    const std::string bytes("\x16\x03\x01\x01\x00\x01\x00", 7);
    co_await send_plain(stream, bytes);
}

Coro<void> begin_a_handshake_and_end(net::Stream& stream) {
    co_await begin_a_handshake(stream);
    stream.write_end();
}

// The records of half an upload, and the socket that they are for.
struct Upload final : tls::Session::Output {
    explicit Upload(net::Stream::Detached detached)
        : stream(EventLoop::current(), net::Stream::Detached(std::move(detached.socket), "")),
          session(std::move(detached.tls)) {
        session->start(*this);
        session->write("POST /count HTTP/1.1\r\nHost: sim\r\nContent-Length: 1000\r\n\r\n" + std::string(500, 'b'));
    }
    void send_to_wire(std::string_view bytes) override { records += bytes; }

    net::Stream stream;
    std::unique_ptr<tls::Session> session;
    std::string records;
};

Coro<std::unique_ptr<Upload>> begin_an_upload(net::Stream& stream) {
    const std::shared_ptr<const tls::Context> context = authority().client();
    const std::string host = "localhost";
    co_await stream.start_tls(context, host);
    net::Stream::Detached detached = co_await stream.detach();
    co_return std::make_unique<Upload>(std::move(detached));
}

Coro<void> hear_all(net::Stream& stream) {
    std::string block(4096, '\0');
    try {
        for (std::size_t count = 1; count > 0;) count = co_await stream.read_some(block);
    } catch (const std::system_error&) {  // either way it has ended
    }
}

Coro<void> end_without_close_notify(net::Stream& stream) {
    std::unique_ptr<Upload> upload = co_await begin_an_upload(stream);
    upload->stream.write(upload->records);
    upload->stream.write_end();
    co_await hear_all(upload->stream);
}

Coro<void> cut_a_record(net::Stream& stream) {
    std::unique_ptr<Upload> upload = co_await begin_an_upload(stream);
    const std::string first = upload->records;
    upload->records.clear();
    upload->session->write(std::string(400, 'b'));
    upload->stream.write(first + upload->records.substr(0, 200));
    upload->stream.write_end();
    co_await hear_all(upload->stream);
}

Coro<void> damage_a_record(net::Stream& stream) {
    std::unique_ptr<Upload> upload = co_await begin_an_upload(stream);
    const std::string first = upload->records;
    upload->records.clear();
    upload->session->write(std::string(400, 'b'));
    upload->records[100] ^= 1;
    const std::string bytes = first + upload->records;
    co_await send_plain(upload->stream, bytes);
    co_await hear_all(upload->stream);
}

Coro<void> send_noise_behind_a_record(net::Stream& stream) {
    std::unique_ptr<Upload> upload = co_await begin_an_upload(stream);
    const std::string bytes = upload->records + "GET / HTTP/1.1\r\nHost: sim\r\n\r\n";
    co_await send_plain(upload->stream, bytes);
    co_await hear_all(upload->stream);
}

// ---- and what becomes of it

struct Row {
    const char* name;
    Coro<void> (*attack)(net::Stream& stream);
    long seconds;  // until the connection's end, or two more
    int cancelled = 0;
};

const Row rows[] = {
    {"plain HTTP", ask_in_plain_http, 0},
    {"noise", send_noise, 0},
    {"noise as a handshake", send_noise_as_a_handshake, 0},
    {"silence", say_nothing, 10},
    {"a handshake that stops", begin_a_handshake, 10},
    {"a handshake that ends", begin_a_handshake_and_end, 0},
    {"the end without close_notify in mid-upload", end_without_close_notify, 0, 1},
    {"a record cut in the middle", cut_a_record, 0, 1},
    {"a damaged record", damage_a_record, 0, 1},
    {"plain HTTP in mid-upload", send_noise_behind_a_record, 0, 1},
};

struct Outcome {
    HttpSeen seen;
    long seconds = 0;
    std::size_t connections_left = 0;
    std::size_t tasks_left = 0;
};

Coro<void> attack(const Row& row, net::Address server, Outcome& outcome) {
    const TimePoint began = EventLoop::current().time();
    net::Stream stream = co_await net::Stream::connect(std::move(server));
    co_await row.attack(stream);
    if (stream.fd() >= 0) co_await hear_all(stream);
    outcome.seconds = std::chrono::duration_cast<std::chrono::seconds>(EventLoop::current().time() - began).count();
}

Coro<Outcome> play(const Row& row, http::ServerOptions secure) {
    EventLoop& loop = EventLoop::current();
    Outcome outcome;
    http::Server behind_tls(loop, routes(outcome.seen), std::move(secure));
    http::Server plain(loop, routes(outcome.seen), small_http_limits());
    const net::Address address = behind_tls.listen(net::Address::tcp("127.0.0.1", 0));
    const net::Address beside = plain.listen(net::Address::tcp("127.0.0.1", 0));
    bool is_over = false;
    Task<void> bystander = loop.create_task(stand_by("http://" + beside.to_string() + "/", is_over, outcome.seen));
    co_await attack(row, address, outcome);
    co_await sleep(5s);  // TransportOptions::linger_timeout is past
    outcome.connections_left = behind_tls.connection_count();
    is_over = true;
    co_await bystander;
    co_await behind_tls.shutdown(20s);
    co_await plain.shutdown(20s);
    outcome.tasks_left = loop.task_count() - 1;
    co_return outcome;
}

void check(const Row& row, const Outcome& outcome) {
    CHECK(outcome.seconds >= row.seconds);
    CHECK(outcome.seconds <= row.seconds + 2);
    CHECK(outcome.seen.whole == 0);
    CHECK(outcome.seen.cancelled == row.cancelled);
    CHECK(outcome.seen.answers > 0);
    CHECK(outcome.seen.failures == 0);
    CHECK(outcome.seen.latest_answer <= answer_time_max);
    CHECK(outcome.connections_left == 0);
    CHECK(outcome.tasks_left == 0);
}

}  // namespace

TEST_CASE("whatever comes where TLS must be: the connection ends in time, and its handler, and nobody else is late") {
    http::ServerOptions secure = small_http_limits();
    secure.tls = authority().server();
    play_all(
        rows, [&secure](const Row& row) { return play(row, secure); }, check);
}
