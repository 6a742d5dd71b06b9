// http::Client against servers that the test plays byte by byte: connections that are kept, redirects, proxies,
// cookies.
#include <stepwise/tests/net/client_support.hpp>

#include <doctest/doctest.h>

using namespace net_test;

namespace {

std::string redirect(int status, const std::string& location) {
    return "HTTP/1.1 " + std::to_string(status) + " Go\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n";
}

Coro<std::optional<std::string>> one_piece(int& asked) {
    if (++asked > 1) co_return std::nullopt;
    co_return "piece";
}

}  // namespace

// ---- connections

TEST_CASE("a connection that has answered is used again, and nothing is asked to end") {
    Clients clients;
    Task<FetchResponse> first = clients.begin(clients.request());
    Peer peer = clients.accept_request();
    CHECK(clients.request_head.find("Connection") == std::string::npos);
    peer.send(hello);
    CHECK(clients.finish(first).body == "hello");
    CHECK(clients.client->idle_count() == 1);
    for (int round = 0; round < 3; ++round) CHECK(clients.exchange(peer, clients.request(), hello).body == "hello");
    CHECK(clients.nobody_connects());
}

TEST_CASE("a connection that the server closes, or speaks on unasked, is not used again") {
    for (const char* what : {"", "HTTP/1.1 408 Too Slow\r\nContent-Length: 0\r\n\r\n"}) {
        Clients clients;
        Task<FetchResponse> first = clients.begin(clients.request());
        Peer peer = clients.accept_request();
        peer.send(hello);
        CHECK(clients.finish(first).ok());
        CHECK(clients.client->idle_count() == 1);
        peer.send(what);
        peer.end_writing();
        clients.run_until([&] { return clients.client->idle_count() == 0; });
        CHECK(peer.read_to_end() == "");
        Task<FetchResponse> second = clients.begin(clients.request());
        Peer other = clients.accept_request();
        other.send(hello);
        CHECK(clients.finish(second).ok());
    }
}

TEST_CASE("what ends the connection by its head is not kept") {
    for (const char* answer : {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
                               "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
                               "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n"}) {
        Clients clients;
        Task<FetchResponse> task = clients.begin(clients.request());
        Peer peer = clients.accept_request();
        peer.send(answer);
        CHECK(clients.finish(task).body == "x");
        CHECK(clients.client->idle_count() == 0);
        CHECK(peer.read_to_end() == "");
    }
}

TEST_CASE("a request that may be sent twice is, when the kept connection turns out to be gone") {
    Clients clients;
    Task<FetchResponse> first = clients.begin(clients.request());
    Peer peer = clients.accept_request();
    peer.send(hello);
    CHECK(clients.finish(first).ok());
    Task<FetchResponse> second = clients.begin(clients.request());
    static_cast<void>(clients.next_request(peer));
    peer.close();
    Peer other = clients.accept_request();
    other.send(hello);
    CHECK(clients.finish(second).body == "hello");
}

TEST_CASE("a request that may not be sent twice is an error then, as is one whose answer had begun") {
    for (const bool has_begun : {false, true}) {
        Clients clients;
        Task<FetchResponse> first = clients.begin(clients.request());
        Peer peer = clients.accept_request();
        peer.send(hello);
        CHECK(clients.finish(first).ok());
        FetchRequest request = clients.request();
        request.method = has_begun ? "GET" : "POST";
        Task<FetchResponse> second = clients.begin(std::move(request));
        static_cast<void>(clients.next_request(peer));
        if (has_begun) peer.send("HTTP/1.1 200 OK\r\n");
        peer.close();
        const FetchResponse response = clients.finish(second);
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::connection_lost);
        CHECK(clients.nobody_connects());
    }
}

TEST_CASE("a server that refuses a second time is not asked a third time") {
    Clients clients;
    Task<FetchResponse> first = clients.begin(clients.request());
    Peer peer = clients.accept_request();
    peer.send(hello);
    CHECK(clients.finish(first).ok());
    Task<FetchResponse> second = clients.begin(clients.request());
    static_cast<void>(clients.next_request(peer));
    peer.close();
    clients.accept_request().close();
    const FetchResponse response = clients.finish(second);
    REQUIRE(response.error);
    CHECK(response.error->kind == Kind::connection_lost);
    CHECK(clients.nobody_connects());
}

TEST_CASE("no more connections to one server than are allowed; the others wait their turn") {
    Client::Options options;
    options.connections.connections_per_server_max = 2;
    Clients clients(std::move(options));
    std::vector<Task<FetchResponse>> tasks;
    for (int index = 0; index < 5; ++index) {
        tasks.push_back(clients.begin(FetchRequest(clients.url("/" + std::to_string(index)))));
    }
    Peer one = clients.accept_request();
    Peer two = clients.accept_request();
    CHECK(clients.nobody_connects());
    tasks[3].cancel();
    clients.settle();
    for (Peer* peer : {&one, &two}) peer->send(hello);
    std::vector<std::string> later;
    for (Peer* peer : {&one, &two}) later.push_back(clients.next_request(*peer).substr(0, 7));
    std::sort(later.begin(), later.end());
    CHECK(later == std::vector<std::string>{"GET /2 ", "GET /4 "});
    for (Peer* peer : {&one, &two}) peer->send(hello);
    for (const int index : {0, 1, 2, 4}) CHECK(clients.finish(tasks[static_cast<std::size_t>(index)]).ok());
    CHECK(clients.nobody_connects());
}

TEST_CASE("a connection rests no longer than idle_timeout, and no more rest than idle_connections_max") {
    Client::Options options;
    options.connections.idle_timeout = 10s;
    options.connections.idle_connections_max = 1;
    Clients clients(std::move(options));
    Task<FetchResponse> first = clients.begin(clients.request());
    Task<FetchResponse> second = clients.begin(clients.request());
    Peer one = clients.accept_request();
    Peer two = clients.accept_request();
    one.send(hello);
    CHECK(clients.finish(first).ok());
    two.send(hello);
    CHECK(clients.finish(second).ok());
    CHECK(clients.client->idle_count() == 1);
    CHECK(one.read_to_end() == "");
    clients.pass(9s);
    CHECK_FALSE(two.is_ended_now());
    clients.pass(2s);
    CHECK(two.read_to_end() == "");
    CHECK(clients.client->idle_count() == 0);
}

TEST_CASE("a client that ends closes what rests, and what runs goes on") {
    Clients clients;
    Task<FetchResponse> rests = clients.begin(clients.request());
    Peer one = clients.accept_request();
    one.send(hello);
    CHECK(clients.finish(rests).ok());
    Task<FetchResponse> more = clients.begin(clients.request());
    Task<FetchResponse> runs = clients.begin(clients.request());
    static_cast<void>(clients.next_request(one));
    Peer two = clients.accept_request();
    one.send(hello);
    CHECK(clients.finish(more).ok());
    clients.client.reset();
    two.send(hello);
    CHECK(clients.finish(runs).body == "hello");
    CHECK(one.read_to_end() == "");
    CHECK(two.read_to_end() == "");
}

TEST_CASE("the limits of a request hold on a connection that was made for another") {
    Clients clients;
    Task<FetchResponse> first = clients.begin(clients.request());
    Peer peer = clients.accept_request();
    peer.send(hello);
    CHECK(clients.finish(first).ok());
    FetchRequest small = clients.request();
    small.limits.body_bytes_max = 4;
    const FetchResponse response = clients.exchange(peer, std::move(small), hello);
    REQUIRE(response.error);
    CHECK(response.error->kind == Kind::limit_reached);
}

// ---- redirects

TEST_CASE("each redirect makes of a method what RFC 9110 says") {
    struct Row {
        int status;
        const char* method;
        const char* becomes;
    };
    for (const Row& row : {Row{301, "POST", "GET"}, Row{302, "POST", "GET"}, Row{303, "POST", "GET"},
                           Row{303, "PUT", "GET"}, Row{303, "HEAD", "HEAD"}, Row{301, "PUT", "PUT"},
                           Row{307, "POST", "POST"}, Row{308, "POST", "POST"}, Row{301, "GET", "GET"}}) {
        CAPTURE(row.status);
        CAPTURE(row.method);
        Clients clients;
        FetchRequest request = clients.request();
        request.method = row.method;
        const bool has_body = request.method != "HEAD" && request.method != "GET";
        if (has_body) request.body = "data";
        if (has_body) request.headers.add("Content-Type", "text/x-test");
        Task<FetchResponse> task = clients.begin(std::move(request));
        Peer peer = clients.accept_request();
        if (has_body) CHECK(peer.read(4) == "data");
        peer.send(redirect(row.status, "/next?x#there"));
        const std::string head = clients.next_request(peer);
        CHECK(head.starts_with(std::string(row.becomes) + " /next?x HTTP/1.1\r\n"));
        const bool sends_again = has_body && std::string_view(row.becomes) != "GET";
        CHECK((head.find("Content-Type") != std::string::npos) == sends_again);
        if (sends_again) CHECK(peer.read(4) == "data");
        const bool is_head = std::string_view(row.becomes) == "HEAD";
        peer.send(is_head ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : hello);
        const FetchResponse response = clients.finish(task);
        CHECK(response.ok());
        CHECK(response.url == clients.url("/next?x"));
    }
}

TEST_CASE("a redirect that asks for a source's bytes again is not followed, whatever its status") {
    for (const int status : {301, 302, 307, 308}) {
        CAPTURE(status);
        Clients clients;
        int asked = 0;
        FetchRequest request = clients.request();
        request.method = "PUT";
        request.body_source = [&asked] { return one_piece(asked); };
        Task<FetchResponse> task = clients.begin(std::move(request));
        Peer peer = clients.accept_request();
        static_cast<void>(peer.read_until("0\r\n\r\n"));
        peer.send(redirect(status, "/next"));
        CHECK(clients.finish(task).status == status);
        CHECK(asked == 2);
    }
}

TEST_CASE("other origins are told no secrets") {
    Clients clients;
    UniqueFd other = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    FetchRequest request = clients.request();
    request.headers.add("Authorization", "secret").add("Cookie", "a=secret").add("Host", "secret.example");
    request.headers.add("X-Kept", "yes");
    Task<FetchResponse> task = clients.begin(std::move(request));
    Peer peer = clients.accept_request();
    CHECK(clients.request_head.find("Authorization: secret") != std::string::npos);
    peer.send(redirect(302, "/same"));
    CHECK(clients.next_request(peer).find("a=secret") != std::string::npos);
    peer.send(redirect(302, url_of(net::Address::of_local_end(other.get()), "/other")));
    std::swap(clients.listening, other);
    Peer stranger = clients.accept_request();
    CHECK(clients.request_head.find("secret") == std::string::npos);
    CHECK(clients.request_head.find("X-Kept: yes") != std::string::npos);
    stranger.send(hello);
    CHECK(clients.finish(task).body == "hello");
}

TEST_CASE("redirects without an end, or to nowhere, are errors that say so") {
    Clients clients;
    FetchRequest request = clients.request();
    request.redirects_max = 3;
    Task<FetchResponse> task = clients.begin(std::move(request));
    Peer peer = clients.accept_request();
    for (int round = 0; round < 3; ++round) {
        peer.send(redirect(302, "/"));
        static_cast<void>(clients.next_request(peer));
    }
    peer.send(redirect(302, "/"));
    CHECK(text_of(clients.finish(task)) == "GET " + clients.url() + ": more redirects than redirects_max (3)");
    for (const char* location : {"http://", "ftp://a/", "ws://127.0.0.1/", "/a b"}) {
        CAPTURE(location);
        Task<FetchResponse> lost = clients.begin(clients.request());
        Peer server = clients.accept_request();
        server.send(redirect(302, location));
        const FetchResponse response = clients.finish(lost);
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::bad_response);
        CHECK(response.error->message.find("it redirects to what cannot be fetched: ") != std::string::npos);
    }
}

TEST_CASE("a redirect that says much is followed on another connection") {
    Clients clients;
    Task<FetchResponse> task = clients.begin(clients.request());
    Peer peer = clients.accept_request();
    peer.send("HTTP/1.1 302 Go\r\nLocation: /next\r\nContent-Length: 1000000\r\n\r\n" + std::string(200'000, 'x'));
    Peer other = clients.accept_request();
    other.send(hello);
    CHECK(clients.finish(task).body == "hello");
}

// ---- proxies

TEST_CASE("through a proxy the whole URL is asked for, and servers share its connections") {
    Client::Options options;
    Scripted proxy;
    options.proxies = http::Proxies().for_http(proxy.address.to_string()).but_not_for("straight.example");
    Client client(proxy.loop(), std::move(options));
    Task<FetchResponse> task = proxy.loop().create_task(client.fetch("http://one.example/a?b"));
    Peer peer = proxy.accept_request();
    CHECK(proxy.request_head.starts_with("GET http://one.example/a?b HTTP/1.1\r\nHost: one.example\r\n"));
    peer.send(hello);
    CHECK(proxy.finish(task).body == "hello");
    Task<FetchResponse> next = proxy.loop().create_task(client.fetch("http://two.example:81/"));
    proxy.settle();
    CHECK(peer.read_until("\r\n\r\n").starts_with("GET http://two.example:81/ HTTP/1.1\r\nHost: two.example:81\r\n"));
    peer.send(hello);
    CHECK(proxy.finish(next).ok());
}

TEST_CASE("https goes through a proxy's tunnel, or is an error that names the proxy") {
    Client::Options options;
    Scripted proxy;
    options.proxies = http::Proxies().for_https(proxy.address.to_string());
    Client client(proxy.loop(), std::move(options));
    for (const char* answer :
         {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "",
          "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}) {
        CAPTURE(answer);
        Task<FetchResponse> task = proxy.loop().create_task(client.fetch("https://secure.example/"));
        Peer peer = proxy.accept_request();
        CHECK(proxy.request_head.starts_with("CONNECT secure.example:443 HTTP/1.1\r\nHost: secure.example:443\r\n"));
        peer.send(answer);
        if (std::string_view(answer).ends_with("HTTP/1.1 200 OK\r\n\r\n")) {
            CHECK(peer.read(1) == "\x16");  // a handshake of TLS begins
        }
        peer.end_writing();
        const FetchResponse response = proxy.finish(task);
        REQUIRE(response.error);
        if (std::string_view(answer).starts_with("HTTP/1.1 403")) {
            CHECK(response.error->message.find("the proxy " + proxy.address.to_string() +
                                               " refuses a tunnel: 403 Forbidden") != std::string::npos);
        }
    }
}

// ---- cookies

TEST_CASE("cookies that a server sets come back to it, also on the way of a redirect") {
    Client::Options options;
    options.cookies = std::make_shared<http::CookieJar>();
    Clients clients(std::move(options));
    Task<FetchResponse> task = clients.begin(clients.request());
    Peer peer = clients.accept_request();
    CHECK(clients.request_head.find("Cookie") == std::string::npos);
    peer.send(
        "HTTP/1.1 302 Go\r\nLocation: /next\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/next\r\n"
        "Content-Length: 0\r\n\r\n");
    CHECK(clients.next_request(peer).find("Cookie: b=2; a=1\r\n") != std::string::npos);
    peer.send(hello);
    CHECK(clients.finish(task).ok());
    static_cast<void>(clients.exchange(peer, clients.request(), hello));
    CHECK(clients.request_head.find("Cookie: a=1\r\n") != std::string::npos);
    FetchRequest by_hand = clients.request();
    by_hand.headers.add("Cookie", "c=3");
    static_cast<void>(clients.exchange(peer, std::move(by_hand), hello));
    CHECK(clients.request_head.find("Cookie: c=3\r\n") != std::string::npos);
    CHECK(clients.request_head.find("a=1") == std::string::npos);
}

TEST_CASE("a proxy is told who asks, the server is not, and no message has the password") {
    Client::Options options;
    Scripted proxy;
    const std::string authority = "user:p%40ss@" + proxy.address.to_string();
    options.proxies = http::Proxies().for_http("http://" + authority).for_https(authority);
    Client client(proxy.loop(), std::move(options));
    Task<FetchResponse> task = proxy.loop().create_task(client.fetch("http://one.example/"));
    Peer peer = proxy.accept_request();
    CHECK(proxy.request_head.find("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n") != std::string::npos);
    peer.send(hello);
    CHECK(proxy.finish(task).body == "hello");
    Task<FetchResponse> secure = proxy.loop().create_task(client.fetch("https://secure.example/"));
    Peer tunnel = proxy.accept_request();
    CHECK(proxy.request_head.starts_with("CONNECT secure.example:443 HTTP/1.1\r\n"));
    CHECK(proxy.request_head.find("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n") != std::string::npos);
    tunnel.send("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n");
    tunnel.end_writing();
    const FetchResponse refused = proxy.finish(secure);
    REQUIRE(refused.error);
    CHECK(refused.error->message.find("refuses a tunnel: 407") != std::string::npos);
    CHECK(refused.error->message.find("p@ss") == std::string::npos);
    CHECK(refused.error->message.find("p%40ss") == std::string::npos);
}
