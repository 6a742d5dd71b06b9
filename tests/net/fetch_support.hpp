// What the tests of fetch share: a server that is a script of raw bytes, and fetches as tasks.
#pragma once

#include <stepwise/tests/net/http_support.hpp>

#include <stepwise/net/http/fetch.hpp>

#include <initializer_list>
#include <system_error>

namespace net_test {

using http::fetch;
using http::FetchError;
using http::FetchRequest;
using http::FetchResponse;
using Kind = FetchError::Kind;

inline std::string url_of(const net::Address& address, std::string_view path) {
    return "http://" + address.to_string() + std::string(path);
}

// Nothing without an error.
inline std::string text_of(const FetchResponse& response) {
    return response.error ? response.error->message : "";
}

// Accepts by hand, so that the test is the server.
struct Scripted : World {
    std::string url(std::string_view path = "/") const { return url_of(address, path); }

    Task<FetchResponse> start(FetchRequest request) {
        Task<FetchResponse> task = loop().create_task(fetch(std::move(request)));
        settle();
        return task;
    }
    Peer accept() {
        UniqueFd socket;
        run_until([&] {
            socket = UniqueFd(calls::accept4(listening.get(), SOCK_CLOEXEC));
            return static_cast<bool>(socket);
        });
        return Peer(*this, std::move(socket));
    }
    // The server has read the head of the request.
    Peer accept_request() {
        Peer peer = accept();
        request_head = peer.read_until("\r\n\r\n");
        return peer;
    }
    FetchResponse finish(Task<FetchResponse>& task) {
        run_until([&] { return task.done(); });
        return task.result();
    }
    // What a fetch makes of these bytes, behind which the server ends the connection or not.
    FetchResponse answered(std::string_view bytes, bool and_ends = true) {
        Task<FetchResponse> task = start(request());
        Peer peer = accept_request();
        try {
            peer.send(bytes);
            if (and_ends) peer.end_writing();
        } catch (const std::system_error&) {
            // The client may have seen enough, and have gone, before all of it was sent.
        }
        return finish(task);
    }
    FetchRequest request() const { return FetchRequest(url()); }

    UniqueFd listening = net::listen_on(net::Address::tcp("127.0.0.1", 0));
    net::Address address = net::Address::of_local_end(listening.get());
    std::string request_head;  // of the last accept_request
};

}  // namespace net_test
