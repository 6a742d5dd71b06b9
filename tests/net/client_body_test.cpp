// http::Client against servers that the test plays byte by byte: bodies that are coded, or that stream.
#include <stepwise/tests/net/client_support.hpp>

#include <stepwise/runtime/sleep.hpp>

#include <zlib.h>

#include <doctest/doctest.h>

using namespace net_test;

namespace {

std::string compressed(std::string_view text, int window_bits = 15 + 16) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string coded(std::string_view coding, const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Encoding: " + std::string(coding) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Read {
    int status = 0;
    std::string one;
    std::string url;
    std::string body;
    std::optional<FetchError> error;
};

// Reads no more than the head until `go_on`.
Coro<void> read_all(Client& client, FetchRequest request, Read& read, const bool& go_on) {
    Coro<ResponseStream> opening = client.open(std::move(request));
    ResponseStream stream = co_await std::move(opening);
    read.one = stream.headers().get("x-one");
    read.url = stream.url();
    read.status = stream.status();
    while (!go_on) co_await stepwise::sleep(0s);
    for (bool more = true; more;) {
        Coro<bool> next = stream.read_some(read.body);
        more = co_await std::move(next);
    }
    read.error = stream.error();
}

Coro<int> status_of(Client& client, FetchRequest request) {
    Coro<ResponseStream> opening = client.open(std::move(request));
    ResponseStream stream = co_await std::move(opening);
    co_return stream.status();
}

Coro<std::optional<std::string>> three_pieces(int& asked) {
    co_await stepwise::sleep(0s);
    if (++asked > 3) co_return std::nullopt;
    co_return std::string(static_cast<std::size_t>(asked), 'x');
}

}  // namespace

// ---- codings

TEST_CASE("a body is decoded, however it was cut on its way, and its fields stay as they came") {
    const std::string text = pattern(100'000);
    struct Row {
        const char* coding;
        std::string bytes;
    };
    const Row rows[] = {{"gzip", compressed(text)},
                        {"X-GZip", compressed(text)},
                        {"deflate", compressed(text, 15)},
                        {"deflate", compressed(text, -15)},
                        {"gzip", compressed(text.substr(0, 500)) + compressed(text.substr(500))},
                        {"identity", text},
                        {"gzip, gzip", text}};
    for (const Row& row : rows) {
        CAPTURE(row.coding);
        Clients clients;
        Task<FetchResponse> task = clients.begin(clients.request());
        Peer peer = clients.accept_request();
        CHECK(clients.request_head.find("Accept-Encoding: gzip, deflate\r\n") != std::string::npos);
        const std::string answer = coded(row.coding, row.bytes);
        for (std::size_t at = 0; at < answer.size(); at += 997) {
            peer.send(std::string_view(answer).substr(at, 997));
            clients.turns(2);
        }
        const FetchResponse response = clients.finish(task);
        CHECK(response.body == text);
        CHECK(response.headers.get("Content-Encoding") == row.coding);
        CHECK(clients.client->idle_count() == 1);
    }
}

TEST_CASE("a coded body that is damaged, cut off, or followed by more is an error") {
    const std::string whole = compressed("some text that is long enough");
    struct Row {
        const char* coding;
        std::string bytes;
        const char* why;
    };
    for (const Row& row : {Row{"gzip", "no gzip at all", "its content coding is damaged"},
                           Row{"deflate", "\xff of neither kind", "its content coding is damaged"},
                           Row{"gzip", whole.substr(0, whole.size() - 6), "its content coding ends too early"},
                           Row{"gzip", whole + "more", "its content coding is damaged"}}) {
        Clients clients;
        Task<FetchResponse> task = clients.begin(clients.request());
        Peer peer = clients.accept_request();
        peer.send(coded(row.coding, row.bytes));
        const FetchResponse response = clients.finish(task);
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::bad_response);
        CHECK(response.error->message.ends_with(row.why));
        CHECK(response.body.empty());
    }
}

TEST_CASE("a few bytes that would become a gigabyte stop at body_bytes_max") {
    Clients clients;
    FetchRequest request = clients.request();
    request.limits.body_bytes_max = 1'000'000;
    Task<FetchResponse> task = clients.begin(std::move(request));
    Peer peer = clients.accept_request();
    peer.send(coded("gzip", compressed(std::string(100'000'000, '\0'))));
    CHECK(text_of(clients.finish(task)) ==
          "GET " + clients.url() + ": the decoded body is larger than body_bytes_max (1000000)");
}

TEST_CASE("who asks for codings by hand, or for none, gets the bytes as they are") {
    const std::string bytes = compressed("hello");
    for (const bool by_hand : {false, true}) {
        Clients clients;
        FetchRequest request = clients.request();
        if (by_hand) request.headers.add("Accept-Encoding", "gzip");
        request.decode = by_hand;
        Task<FetchResponse> task = clients.begin(std::move(request));
        Peer peer = clients.accept_request();
        CHECK((clients.request_head.find("Accept-Encoding") != std::string::npos) == by_hand);
        peer.send(coded("gzip", bytes));
        CHECK(clients.finish(task).body == bytes);
    }
}

TEST_CASE("who asks for a range asks for no coding, and none is taken off what comes") {
    Clients clients;
    FetchRequest request = clients.request();
    request.headers.add("Range", "bytes=10-");
    Task<FetchResponse> task = clients.begin(std::move(request));
    Peer peer = clients.accept_request();
    CHECK(clients.request_head.find("Accept-Encoding") == std::string::npos);
    peer.send(
        "HTTP/1.1 206 Part\r\nContent-Range: bytes 10-14/15\r\nContent-Encoding: gzip\r\n"
        "Content-Length: 5\r\n\r\nparts");
    CHECK(clients.finish(task).body == "parts");
}

// ---- bodies that stream

TEST_CASE("a body is read piece by piece, and the server waits for whoever reads") {
    Clients clients;
    const std::string text = pattern(30'000'000);
    Read read;
    bool go_on = false;
    FetchRequest request = clients.request();
    request.limits.body_bytes_max = text.size();
    Task<void> task = clients.loop().create_task(read_all(*clients.client, std::move(request), read, go_on));
    Peer peer = clients.accept_request();
    peer.send("HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 30000000\r\n\r\n");
    clients.run_until([&] { return read.status == 200; });
    std::size_t sent = 0;
    for (int round = 0; round < 1000; ++round) {
        sent += peer.try_send(std::string_view(text).substr(sent, 65536));
        clients.turns(1);
    }
    CHECK(sent < text.size());  // of which the kernel holds what it likes
    CHECK(read.one == "1");
    CHECK(read.url == clients.url());
    CHECK(read.body.empty());
    go_on = true;
    peer.send(std::string_view(text).substr(sent));
    clients.run_until([&] { return task.done(); });
    CHECK(read.body == text);
    CHECK_FALSE(read.error);
    CHECK(clients.client->idle_count() == 1);
}

TEST_CASE("a stream that is let go of before its end closes its connection, and its slot is free") {
    Client::Options options;
    options.connections.connections_per_server_max = 1;
    Clients clients(std::move(options));
    Task<int> task = clients.loop().create_task(status_of(*clients.client, clients.request()));
    Peer peer = clients.accept_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    clients.run_until([&] { return task.done(); });
    CHECK(task.result() == 200);
    CHECK(peer.read_to_end() == "");
    Task<FetchResponse> next = clients.begin(clients.request());
    Peer other = clients.accept_request();
    other.send(hello);
    CHECK(clients.finish(next).ok());
}

TEST_CASE("a stream that is lost in the middle, or takes too long, says so") {
    for (const bool is_lost : {true, false}) {
        Clients clients;
        Read read;
        const bool go_on = true;
        FetchRequest request = clients.request();
        request.total_timeout = 5s;
        Task<void> task = clients.loop().create_task(read_all(*clients.client, std::move(request), read, go_on));
        Peer peer = clients.accept_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
        clients.run_until([&] { return read.body == "hello"; });
        if (is_lost) peer.close();
        if (!is_lost) clients.pass(6s);
        clients.run_until([&] { return task.done(); });
        REQUIRE(read.error);
        const std::string& why = read.error->message;
        CHECK(why.find(is_lost ? "closed the connection within the body"
                               : "no complete response within total_timeout (5 s)") != std::string::npos);
    }
}

TEST_CASE("a request's body comes from a source, in chunks, and what the source throws is thrown") {
    Clients clients;
    int asked = 0;
    FetchRequest request = clients.request();
    request.method = "POST";
    request.body_source = [&asked] { return three_pieces(asked); };
    Task<FetchResponse> task = clients.begin(std::move(request));
    Peer peer = clients.accept_request();
    CHECK(clients.request_head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(peer.read_until("0\r\n\r\n") == "1\r\nx\r\n2\r\nxx\r\n3\r\nxxx\r\n0\r\n\r\n");
    peer.send(hello);
    CHECK(clients.finish(task).body == "hello");
    CHECK(clients.client->idle_count() == 1);

    FetchRequest broken = clients.request();
    broken.method = "POST";
    broken.body_source = []() -> Coro<std::optional<std::string>> {
        co_await stepwise::sleep(0s);
        throw std::runtime_error("the disk is gone");
    };
    Task<FetchResponse> failing = clients.begin(std::move(broken));
    clients.run_until([&] { return failing.done(); });
    CHECK_THROWS_WITH(failing.result(), "the disk is gone");
}

TEST_CASE("a server that refuses a body is heard at once, and the source is asked no more") {
    Clients clients;
    FetchRequest request = clients.request();
    request.method = "POST";
    request.body_source = []() -> Coro<std::optional<std::string>> {
        co_await stepwise::sleep(0s);
        co_return std::string(10'000, 'x');
    };
    Task<FetchResponse> task = clients.begin(std::move(request));
    Peer peer = clients.accept_request();
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch");
    const FetchResponse response = clients.finish(task);
    CHECK(response.status == 413);
    CHECK(response.body == "much");
    CHECK(clients.client->idle_count() == 0);
}

TEST_CASE("a body waits for 100 Continue, and is spared a server that refuses it") {
    Clients clients;
    FetchRequest request = clients.request();
    request.method = "PUT";
    request.body = "the body";
    request.expect_continue = true;
    Task<FetchResponse> task = clients.begin(request);
    Peer peer = clients.accept_request();
    CHECK(clients.request_head.find("Expect: 100-continue\r\n") != std::string::npos);
    CHECK(clients.request_head.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(peer.read_what_comes() == "");
    SUBCASE("it is wanted") {
        peer.send("HTTP/1.1 103 Early Hints\r\n\r\n");
        CHECK(peer.read_what_comes() == "");
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        CHECK(peer.read(8) == "the body");
        peer.send(hello);
        CHECK(clients.finish(task).body == "hello");
        CHECK(clients.client->idle_count() == 1);
    }
    SUBCASE("the server knows nothing of it") {
        clients.pass(2s);
        CHECK(peer.read(8) == "the body");
        peer.send(hello);
        CHECK(clients.finish(task).body == "hello");
        CHECK(clients.client->idle_count() == 1);
    }
    SUBCASE("it is refused") {
        peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch");
        const FetchResponse response = clients.finish(task);
        CHECK(response.status == 413);
        CHECK(response.body == "much");
        CHECK(clients.client->idle_count() == 0);
        CHECK(peer.read_to_end() == "");
    }
    SUBCASE("the server leaves") {
        peer.close();
        const FetchResponse response = clients.finish(task);
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::connection_lost);
    }
}

TEST_CASE("a source is asked for its first piece when the server wants it, and a request without a body asks nobody") {
    Clients clients;
    int asked = 0;
    FetchRequest request = clients.request();
    request.method = "POST";
    request.body_source = [&asked] { return three_pieces(asked); };
    request.expect_continue = true;
    Task<FetchResponse> task = clients.begin(std::move(request));
    Peer peer = clients.accept_request();
    CHECK(asked == 0);
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(peer.read_until("0\r\n\r\n") == "1\r\nx\r\n2\r\nxx\r\n3\r\nxxx\r\n0\r\n\r\n");
    peer.send(hello);
    CHECK(clients.finish(task).body == "hello");
    FetchRequest without = clients.request();
    without.expect_continue = true;
    CHECK(clients.exchange(peer, std::move(without), hello).body == "hello");
    CHECK(clients.request_head.find("Expect") == std::string::npos);
}
