// How a client comes to its server: by a redirect, through a proxy, and again and again.
#include <stepwise/tests/ws/client_support.hpp>
#include <stepwise/ws/reconnecting.hpp>

#include <doctest/doctest.h>

using namespace ws_test;

TEST_CASE("a redirect is followed, so often, and not to where it may not lead") {
    Fake first;
    ws::ConnectOptions options;
    options.headers.set("Authorization", "secret").set("X-Kind", "test").set("Host", "first.example");
    options.headers.set("Proxy-Authorization", "secret");
    options.redirects_max = 2;
    Task<std::string> opening = first.loop().create_task(failure_of(first.url, options));
    const auto answer = [&](std::string_view location) {
        Peer peer = first.accept();
        std::string request = peer.read_until("\r\n\r\n");
        peer.send("HTTP/1.1 307 Elsewhere\r\nLocation: " + std::string(location) + "\r\nContent-Length: 0\r\n\r\n");
        return request;
    };
    const auto outcome = [&] {
        first.run_until([&] { return opening.done(); });
        return first.loop().run_until_complete(opening);
    };
    CHECK(answer("/second?a=b").find("Authorization: secret") != std::string::npos);
    SUBCASE("to the same server, and by the name that browsers use") {
        CHECK(answer("http" + first.url.substr(2) + "third").starts_with("GET /second?a=b "));
        Peer peer = first.accept();
        const std::string request = peer.read_until("\r\n\r\n");
        CHECK(request.starts_with("GET /third "));
        CHECK(request.find("Authorization: secret") != std::string::npos);
        peer.send(Fake::answer_to(request));
        CHECK(outcome() == "opened");
    }
    SUBCASE("once too often") {
        answer("/third");
        answer("/fourth");
        CHECK(outcome() == first.url + ": redirected more than 2 times (redirects_max)");
    }
    SUBCASE("to another server, which gets no secrets") {
        const std::string address = first.url.substr(5, first.url.size() - 6);
        const std::string port = address.substr(address.find(':'));
        answer("ws://localhost" + port + "/");
        Peer peer = first.accept();
        const std::string request = peer.read_until("\r\n\r\n");
        CHECK(request.find("Authorization") == std::string::npos);
        CHECK(request.find("Host: first.example") == std::string::npos);
        CHECK(request.find("Host: localhost") != std::string::npos);
        CHECK(request.find("X-Kind: test") != std::string::npos);
        peer.send(Fake::answer_to(request));
        CHECK(outcome() == "opened");
    }
    SUBCASE("to what is no URL") {
        answer("ftp://example.com/");
        CHECK(outcome().starts_with(first.url + ": redirected to \"ftp://example.com/\": "));
    }
}

TEST_CASE("through a proxy: it is asked for a tunnel, and what it refuses is told") {
    Fake proxy;
    ws::ConnectOptions options;
    options.proxies.for_http("http" + proxy.url.substr(2));
    Task<std::string> opening = proxy.loop().create_task(failure_of("ws://server.example/room", options));
    Peer peer = proxy.accept();
    CHECK(peer.read_until("\r\n\r\n").starts_with("CONNECT server.example:80 HTTP/1.1\r\nHost: server.example:80\r\n"));
    std::string expected = "opened";
    SUBCASE("it opens one") {
        peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
        const std::string request = peer.read_until("\r\n\r\n");
        CHECK(request.starts_with("GET /room HTTP/1.1\r\nHost: server.example\r\n"));
        peer.send(Fake::answer_to(request));
    }
    SUBCASE("it refuses") {
        peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        expected = "refuses a tunnel: 403 Forbidden: Connection refused";
    }
    proxy.run_until([&] { return opening.done(); });
    CHECK(proxy.loop().run_until_complete(opening).ends_with(expected));
}

namespace {

Coro<void> try_again(std::string url, ws::ReconnectOptions options, std::string& outcome) {
    ws::Reconnecting server = ws::reconnecting(url, options);
    try {
        while (ClientConnection connection = co_await server.next()) {
            outcome += "open after " + std::to_string(server.failures()) + ", ";
            co_await closed(*connection);
            if (outcome.size() > 30) server.stop();
        }
        outcome += "stopped";
    } catch (const std::exception& error) {
        outcome += error.what();
    }
}

}  // namespace

TEST_CASE("who connects again waits longer each time, at random, and gives up when it should") {
    Fake fake;
    ws::ReconnectOptions options;
    options.first_delay = 1s;
    options.delay_max = 4s;
    std::string outcome;
    std::string expected;
    SUBCASE("after so many failures") {
        options.failures_max = 5;
        Task<void> trying = fake.loop().create_task(try_again(fake.url, options, outcome));
        TimePoint last = fake.loop().time();
        for (const int seconds : {0, 1, 2, 4, 4}) {
            if (seconds != 0) fake.pass(std::chrono::seconds(seconds));
            Peer peer = fake.accept();
            peer.read_until("\r\n\r\n");
            const std::chrono::duration<double> waited = fake.loop().time() - last;
            CHECK(waited.count() <= seconds + 0.5);
            CHECK(waited.count() >= 0.5 * seconds);
            last = fake.loop().time();
            peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
            fake.settle();
        }
        fake.run_until([&] { return trying.done(); });
        expected = fake.url + ": the server answered 503 instead of 101 Switching Protocols";
    }
    SUBCASE("at once, of what will not change") {
        Task<void> trying = fake.loop().create_task(try_again(fake.url, options, outcome));
        Peer peer = fake.accept();
        peer.read_until("\r\n\r\n");
        peer.send("HTTP/1.1 404 Nowhere\r\nContent-Length: 0\r\n\r\n");
        fake.run_until([&] { return trying.done(); });
        expected = fake.url + ": the server answered 404 instead of 101 Switching Protocols";
    }
    SUBCASE("never, as long as it can connect") {
        Task<void> trying = fake.loop().create_task(try_again(fake.url, options, outcome));
        for (int round = 0; round < 3; ++round) {
            if (round != 0) fake.pass(4s);
            Peer peer = fake.accept();
            peer.send(Fake::answer_to(peer.read_until("\r\n\r\n")));
            if (round == 1) fake.pass(5s);
            peer.send(server_frame(Opcode::close, "\x03\xE9"));
            fake.settle();
        }
        fake.run_until([&] { return trying.done(); });
        expected = "open after 0, open after 1, open after 0, stopped";
    }
    SUBCASE("after so many connections that ended at once, which are failures like others") {
        options.failures_max = 3;
        Task<void> trying = fake.loop().create_task(try_again(fake.url, options, outcome));
        for (const int seconds : {0, 1, 2}) {
            fake.pass(std::chrono::seconds(seconds));
            Peer peer = fake.accept();
            const std::string request = peer.read_until("\r\n\r\n");
            if (seconds != 1) {
                peer.send(Fake::answer_to(request));
                fake.settle();
                fake.pass(1s);
            }
            peer.reset();
            fake.settle();
        }
        fake.run_until([&] { return trying.done(); });
        CHECK(outcome.starts_with("open after 0, open after 2, " + fake.url + ": the connection ended after 1"));
        expected = outcome;
    }
    CHECK(outcome == expected);
}

TEST_CASE("who connects again gives up at once where a proxy refuses, or what answers is no WebSocket server") {
    Fake fake;
    ws::ReconnectOptions options;
    std::string outcome;
    const auto outcome_of = [&](std::string_view url, const auto& answer) {
        Task<void> trying = fake.loop().create_task(try_again(std::string(url), options, outcome));
        Peer peer = fake.accept();
        peer.send(answer(peer.read_until("\r\n\r\n")));
        fake.run_until([&] { return trying.done(); });
        return outcome;
    };
    SUBCASE("a proxy that wants to know who asks") {
        options.connect.proxies.for_http("http" + fake.url.substr(2));
        const auto answer = [](const std::string&) { return "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"; };
        CHECK(outcome_of("ws://server.example/", answer).find("a tunnel: 407 Who are you") != std::string::npos);
    }
    SUBCASE("a subprotocol that was not asked for") {
        const auto answer = [](const std::string& request) {
            std::string head = Fake::answer_to(request);
            return head.insert(head.size() - 2, "Sec-WebSocket-Protocol: other\r\n");
        };
        CHECK(outcome_of(fake.url, answer).ends_with("the subprotocol \"other\", which was not offered"));
    }
    SUBCASE("a key that does not answer ours") {
        const auto answer = [](const std::string& request) {
            std::string head = Fake::answer_to(request);
            head[head.find("Accept: ") + 8] ^= 1;
            return head;
        };
        CHECK(outcome_of(fake.url, answer).find("Sec-WebSocket-Accept does not answer our key") != std::string::npos);
    }
}

TEST_CASE("who connects again tries once more where a proxy is busy") {
    Fake fake;
    ws::ReconnectOptions options;
    options.first_delay = 1s;
    options.connect.proxies.for_http("http" + fake.url.substr(2));
    std::string outcome;
    Task<void> trying = fake.loop().create_task(try_again("ws://server.example/", options, outcome));
    for (int round = 0; round < 2; ++round) {
        fake.pass(std::chrono::seconds(round));
        Peer peer = fake.accept();
        CHECK(peer.read_until("\r\n\r\n").starts_with("CONNECT "));
        peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        fake.settle();
        CHECK(outcome == "");
    }
    trying.cancel();
    fake.settle();
}

TEST_CASE("who is stopped while it connects gets no connection, and the server a Close frame") {
    struct Programs {
        static Coro<void> next(ws::Reconnecting& server, bool& has_one) {
            ClientConnection connection = co_await server.next();
            has_one = connection != nullptr;
        }
    };
    Fake fake;
    ws::Reconnecting server = ws::reconnecting(fake.url);
    bool has_one = true;
    Task<void> trying = fake.loop().create_task(Programs::next(server, has_one));
    Peer peer = fake.accept();
    const std::string request = peer.read_until("\r\n\r\n");
    server.stop();
    peer.send(Fake::answer_to(request));
    fake.run_until([&] { return trying.done(); });
    CHECK_FALSE(has_one);
    CHECK(peer.read(2)[0] == '\x88');
}

TEST_CASE("who is stopped gets nothing, however its connection or its try ends") {
    struct Programs {
        static Coro<std::string> next(ws::Reconnecting& server, ClientConnection& connection) {
            try {
                connection = co_await server.next();
                co_return connection ? "open" : "nothing";
            } catch (const std::exception& error) {
                co_return error.what();
            }
        }
    };
    Fake fake;
    ws::ReconnectOptions options;
    options.failures_max = 1;
    ws::Reconnecting server = ws::reconnecting(fake.url, options);
    ClientConnection connection;
    Task<std::string> trying = fake.loop().create_task(Programs::next(server, connection));
    Peer peer = fake.accept();
    const std::string request = peer.read_until("\r\n\r\n");
    SUBCASE("a connection that was short") {
        peer.send(Fake::answer_to(request));
        fake.run_until([&] { return trying.done(); });
        CHECK(fake.loop().run_until_complete(trying) == "open");
        server.stop();
        peer.reset();
        fake.settle();
        trying = fake.loop().create_task(Programs::next(server, connection));
    }
    SUBCASE("a try that is refused for good") {
        server.stop();
        peer.send("HTTP/1.1 404 Nowhere\r\nContent-Length: 0\r\n\r\n");
    }
    SUBCASE("the last try of those it had") {
        server.stop();
        peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    }
    SUBCASE("a try whose server is gone") {
        server.stop();
        peer.reset();
    }
    fake.run_until([&] { return trying.done(); });
    CHECK(fake.loop().run_until_complete(trying) == "nothing");
}
