// What a request costs in memory, once the first ones have been served: nothing, unless its handler takes its time.
#include <stepwise/tests/allocations.hpp>
#include <stepwise/tests/net/http_support.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdio>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;

#if COUNTS_ALLOCATIONS

namespace {

Coro<Response> coroutine(const Request&) {
    co_return Response::text("coroutine");
}

// What `count` requests and their answers allocate, the client's own doing not counted.
long allocated_by(Served& served, Peer& client, std::string_view request, int count) {
    std::array<char, 4096> answer;
    long allocated = 0;
    for (int number = 0; number < count; ++number) {
        REQUIRE(client.try_send(request) == request.size());
        ssize_t size = 0;
        for (int turn = 0; turn < 1000 && size <= 0; ++turn) {
            const long before = allocations;
            served.turns(1);
            allocated += allocations - before;
            size = calls::recv(client.fd(), answer.data(), answer.size());
        }
        REQUIRE(std::string_view(answer.data(), static_cast<std::size_t>(size)).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    return allocated;
}

}  // namespace

TEST_CASE("a request on a connection that lives allocates nothing") {
    Served served;
    std::uint64_t told = 0;
    http::ServerOptions options;
    options.on_answered = [&told](const http::Answered& answered) { told += answered.body_bytes; };
    Router router;
    router.get("/", [](const Request&) { return Response::text("Hello, World!"); });
    router.get("/items/{id}", [](const Request&) { return Response::text("item"); });
    router.get("/coroutine", coroutine);
    router.before([](const Request&) -> std::optional<Response> { return std::nullopt; });
    served.serve(std::move(router), options);
    Peer client = served.connect_accepted();
    for (const std::string& request : {get("/"), get("/items/7?a=b", "Accept: */*\r\n"), get("/coroutine")}) {
        CAPTURE(request);
        allocated_by(served, client, request, 20);
        CHECK(allocated_by(served, client, request, 100) == 0);
    }
    CHECK(told == 120 * (13 + 4 + 9));
}

#else

TEST_CASE("a request on a connection that lives allocates nothing") {
    std::puts("SKIPPED no allocation once warm: a sanitizer counts memory itself, and the frame pool is off");
}

#endif
