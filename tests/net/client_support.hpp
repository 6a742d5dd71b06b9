// What the tests of http::Client share: a client, and a server that the test plays byte by byte.
#pragma once

#include <stepwise/tests/net/fetch_support.hpp>

#include <stepwise/net/http/client.hpp>

namespace net_test {

using http::Client;
using http::ResponseStream;

struct Clients : Scripted {
    Clients() : Clients(Client::Options{}) {}
    explicit Clients(Client::Options options) { client.emplace(loop(), std::move(options)); }
    ~Clients() {
        client.reset();
        settle();
    }

    Task<FetchResponse> begin(FetchRequest request) {
        Task<FetchResponse> task = loop().create_task(client->fetch(std::move(request)));
        settle();
        return task;
    }
    // The head of the next request on a connection that is there already.
    std::string next_request(Peer& peer) { return peer.read_until("\r\n\r\n"); }
    FetchResponse exchange(Peer& peer, FetchRequest request, std::string_view answer) {
        Task<FetchResponse> task = begin(std::move(request));
        request_head = next_request(peer);
        peer.send(answer);
        return finish(task);
    }
    bool nobody_connects() {
        settle();
        return UniqueFd(calls::accept4(listening.get(), SOCK_CLOEXEC | SOCK_NONBLOCK)).get() < 0;
    }

    std::optional<Client> client;
};

inline constexpr std::string_view hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace net_test
