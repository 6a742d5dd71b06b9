// fetch against servers that are slow, silent, broken or hostile: each bounded, each a clear error.
#include <stepwise/tests/net/fetch_support.hpp>

#include <doctest/doctest.h>

using namespace net_test;
using namespace std::string_literals;

namespace {

const std::string ok_head = "HTTP/1.1 200 OK\r\n";

void check_error(const FetchResponse& response, Kind kind, std::string_view text) {
    REQUIRE(response.error);
    CAPTURE(response.error->message);
    CHECK(response.error->kind == kind);
    CHECK(response.error->message == "GET " + response.url + ": " + std::string(text));
    CHECK(response.status == 0);
    CHECK(response.body.empty());
    CHECK(response.headers.empty());
}

// Sends until the other end has had enough; how much that was.
std::size_t flood(Scripted& world, Peer& peer, const std::string& bytes, const Task<FetchResponse>& task) {
    std::size_t sent = 0;
    world.run_until([&] {
        try {
            // Behind the part that went out before.
            sent += peer.try_send(std::string_view(bytes).substr(sent % bytes.size()));
        } catch (const std::system_error&) {
            return true;
        }
        return task.done();
    });
    return sent;
}

}  // namespace

// ---- time

TEST_CASE("a connection that is not made in connect_timeout is given up") {
    Scripted world;
    world.listening = net::listen_on(net::Address::tcp("127.0.0.1", 0), {.backlog = 0});
    world.address = net::Address::of_local_end(world.listening.get());
    // The kernel lets one or two wait, and answers the others with silence.
    std::vector<Task<FetchResponse>> tasks;
    for (int count = 0; count < 6; ++count) {
        FetchRequest request = world.request();
        request.connect_timeout = 3s;
        tasks.push_back(world.start(std::move(request)));
    }
    world.pass(2s);
    CHECK_FALSE(tasks.back().done());
    world.pass(2s);
    check_error(world.finish(tasks.back()), Kind::timeout, "no connection within connect_timeout (3 s)");
    for (Task<FetchResponse>& task : tasks) task.cancel();
    world.settle();
}

TEST_CASE("a head that is not complete in header_timeout is given up, also when bytes drip") {
    Scripted world;
    FetchRequest request = world.request();
    request.header_timeout = 2500ms;
    Task<FetchResponse> task = world.start(std::move(request));
    Peer peer = world.accept_request();
    SUBCASE("silence") {}
    SUBCASE("a byte a second") {
        for (const char byte : "HT"s) {
            peer.send({&byte, 1});
            world.pass(1s);
        }
    }
    SUBCASE("interim responses") {
        peer.send("HTTP/1.1 102 Processing\r\n\r\n");
        world.pass(1s);
        peer.send("HTTP/1.1 102 Processing\r\n\r\n");
    }
    world.pass(3s);
    check_error(world.finish(task), Kind::timeout, "no head of a response within header_timeout (2.5 s)");
    CHECK(peer.read_to_end().empty());
}

TEST_CASE("a response that is not complete in total_timeout is given up, and the error says how far it came") {
    Scripted world;
    Task<FetchResponse> task = world.start(world.request());
    Peer peer = world.accept_request();
    std::string doing = "waiting for the response's head";
    SUBCASE("silence") {}
    SUBCASE("a body that drips") {
        doing = "reading the response's body";
        peer.send(ok_head + "Content-Length: 100\r\n\r\n");
        for (int byte = 0; byte < 15; ++byte) {
            peer.send("x");
            world.pass(1s);
        }
        CHECK_FALSE(task.done());
    }
    world.pass(21s);
    check_error(world.finish(task), Kind::timeout, "no complete response within total_timeout (20 s): " + doing);
    CHECK(peer.read_to_end().empty());
}

TEST_CASE("a body may take as long as total_timeout allows, whatever header_timeout says") {
    Scripted world;
    FetchRequest request = world.request();
    request.header_timeout = 1s;
    request.total_timeout = Duration::max();
    Task<FetchResponse> task = world.start(std::move(request));
    Peer peer = world.accept_request();
    peer.send(ok_head + "Content-Length: 2\r\n\r\n");
    world.settle();
    world.pass(100s);
    peer.send("ab");
    CHECK(world.finish(task).body == "ab");
}

// ---- cancelling

TEST_CASE("a cancelled fetch has closed its connection, wherever it was") {
    Scripted world;
    Task<FetchResponse> task = world.start(world.request());
    Peer peer = world.accept_request();
    SUBCASE("waiting for the head") {}
    SUBCASE("within the head") {
        peer.send("HTTP/1.1 20");
    }
    SUBCASE("within the body") {
        peer.send(ok_head + "Content-Length: 100\r\n\r\nx");
    }
    world.settle();
    task.cancel();
    world.run_until([&] { return task.done(); });
    CHECK(task.cancelled());
    CHECK(peer.read_to_end().empty());
    CHECK(world.lost.empty());
}

TEST_CASE("a fetch whose body is on its way is cancelled without sending the rest") {
    Scripted world;
    FetchRequest request = world.request();
    request.method = "POST";
    request.body = std::string(8 * 1024 * 1024, 'x');
    Task<FetchResponse> task = world.start(std::move(request));
    Peer peer = world.accept_request();
    task.cancel();
    world.run_until([&] { return task.done(); });
    CHECK(task.cancelled());
    CHECK(peer.read_to_end().size() < 8 * 1024 * 1024);
}

TEST_CASE("a loop may end while a fetch waits") {
    Scripted world;
    Task<FetchResponse> task = world.start(world.request());
    Peer peer = world.accept_request();
    SUBCASE("for the head") {}
    SUBCASE("for the body") {
        peer.send(ok_head + "Content-Length: 5\r\n\r\n");
    }
    world.settle();
    world.end_loop();
    CHECK(task.cancelled());
}

// ---- broken servers

TEST_CASE("a response is the same however slowly it comes") {
    Scripted world;
    const std::string bytes =
        "HTTP/1.1 103\r\nLink: x\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\nX: "
        "y\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n";
    Task<FetchResponse> task = world.start(world.request());
    Peer peer = world.accept_request();
    for (const char& byte : bytes) {
        CHECK_FALSE(task.done());
        peer.send({&byte, 1});
        world.settle();
    }
    const FetchResponse response = world.finish(task);
    CHECK(response.status == 201);
    CHECK(response.reason == "Made");
    CHECK(response.headers.get("x") == "y");
    CHECK(response.body == "abcde");
}

TEST_CASE("a body without a length ends with the connection") {
    Scripted world;
    CHECK(world.answered(ok_head + "\r\nall of it").body == "all of it");
    CHECK(world.answered("HTTP/1.0 200 OK\r\n\r\n").ok());
}

TEST_CASE("bytes behind a response are not looked at") {
    Scripted world;
    CHECK(world.answered(ok_head + "Content-Length: 1\r\n\r\nxHTTP/1.1 500 Later\r\n\r\n", false).body == "x");
}

TEST_CASE("what is no HTTP response is an error that says what it is instead") {
    Scripted world;
    const std::string no_http = " where an HTTP version must be: this is no HTTP response (RFC 9112 §4)";
    check_error(world.answered("SSH-2.0-OpenSSH_9.2\r\n", false), Kind::bad_response, "'S'" + no_http);
    check_error(world.answered("\x15\x03\x03"s, false), Kind::bad_response, "byte 0x15" + no_http);
    check_error(world.answered("\r\n", false), Kind::bad_response, "a bare CR" + no_http);
    check_error(world.answered("HTTP/2.0 200 OK\r\n", false), Kind::bad_response,
                "HTTP version 2.0 is not supported; 1.1 and 1.0 are (RFC 9112 §2.3)");
    check_error(world.answered(ok_head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false),
                Kind::bad_response, "both a Content-Length and a Transfer-Encoding (RFC 9112 §6.3)");
    check_error(world.answered(ok_head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", false), Kind::bad_response,
                "'x' instead of a chunk size (RFC 9112 §7.1)");
    check_error(world.answered("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", false), Kind::bad_response,
                "the server switched to another protocol (RFC 9110 §7.8)");
    CHECK(world.lost.empty());
}

TEST_CASE("a connection that ends too early is an error that says where") {
    Scripted world;
    const std::string closed = "the server closed the connection ";
    check_error(world.answered(""), Kind::connection_lost, closed + "before it answered (RFC 9112 §8)");
    check_error(world.answered("HTTP/1.1 200 OK\r\nX"), Kind::connection_lost,
                closed + "within the head of a response (RFC 9112 §8)");
    check_error(world.answered(ok_head + "Content-Length: 5\r\n\r\nhell"), Kind::connection_lost,
                closed + "within the body of a response (RFC 9112 §8)");
    check_error(world.answered(ok_head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), Kind::connection_lost,
                closed + "within the body of a response (RFC 9112 §8)");
}

TEST_CASE("a connection that is reset is an error") {
    Scripted world;
    Task<FetchResponse> task = world.start(world.request());
    Peer peer = world.accept_request();
    SUBCASE("before the head") {}
    SUBCASE("within the body") {
        peer.send(ok_head + "\r\nall of");
        world.settle();
    }
    peer.reset();
    check_error(world.finish(task), Kind::connection_lost, "recv: Connection reset by peer");
}

// ---- limits

TEST_CASE("a head without an end stops at header_bytes_max") {
    Scripted world;
    Task<FetchResponse> task = world.start(world.request());
    Peer peer = world.accept_request();
    peer.send(ok_head + "X: ");
    CHECK(flood(world, peer, std::string(4096, 'x'), task) < 8 * 1024 * 1024);
    check_error(world.finish(task), Kind::limit_reached,
                "the header fields are longer than header_bytes_max (32768 bytes)");
}

TEST_CASE("interim responses without an end stop at interim_responses_max") {
    Scripted world;
    Task<FetchResponse> task = world.start(world.request());
    Peer peer = world.accept_request();
    flood(world, peer, "HTTP/1.1 100 Continue\r\n\r\n", task);
    check_error(world.finish(task), Kind::limit_reached, "more interim responses than interim_responses_max (16)");
}

TEST_CASE("a body beyond body_bytes_max is refused, however it is framed, and as early as can be") {
    Scripted world;
    FetchRequest request = world.request();
    std::string text;
    std::string head = ok_head;
    std::string piece(1000, 'x');
    SUBCASE("by the default limit, of a length that is announced") {
        head += "Content-Length: 16777217\r\n\r\n";
        text = "a body of 16777217 bytes is longer than body_bytes_max (16777216 bytes)";
    }
    SUBCASE("by one of its own, chunk by chunk") {
        request.limits.body_bytes_max = 10'000;
        head += "Transfer-Encoding: chunked\r\n\r\n";
        piece = "3e8\r\n" + piece + "\r\n";
        text = "a chunked body is longer than body_bytes_max (10000 bytes)";
    }
    SUBCASE("by one of its own, until the connection's end") {
        request.limits.body_bytes_max = 10'000;
        head += "\r\n";
        text = "a body without a length is longer than body_bytes_max (10000 bytes)";
    }
    Task<FetchResponse> task = world.start(std::move(request));
    Peer peer = world.accept_request();
    peer.send(head);
    flood(world, peer, piece, task);
    check_error(world.finish(task), Kind::limit_reached, text);
}

TEST_CASE("a server that answers without reading the body is heard") {
    Scripted world;
    FetchRequest request = world.request();
    request.method = "PUT";
    request.body = std::string(8 * 1024 * 1024, 'x');
    Task<FetchResponse> task = world.start(std::move(request));
    Peer peer = world.accept_request();
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch");
    const FetchResponse response = world.finish(task);
    CHECK(response.status == 413);
    CHECK(response.body == "much");
    CHECK(peer.read_to_end().size() < 8 * 1024 * 1024);
}
