// fetch against our own server: what goes out, what comes back, and the callback form.
#include <stepwise/tests/net/fetch_support.hpp>

#include <stepwise/runtime/gather.hpp>

#include <doctest/doctest.h>

#include <stdlib.h>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;

namespace {

std::string lines_of(const Request& request) {
    std::string lines = std::string(request.method()) + " " + std::string(request.target()) + "\n";
    for (const http::HeaderField field : request.headers()) {
        lines += std::string(field.name) + ": " + std::string(field.value) + "\n";
    }
    return lines + "\n" + std::string(request.body());
}

struct Scene : Served {
    Scene() : gate(*this) {
        Router router;
        router.get("/", [](const Request&) {
            Response response = Response::text("hello");
            response.headers.add("X-One", "1").add("x-one", "2");
            return response;
        });
        router.fallback([](const Request&) { return Response::error(404, "not here"); });
        router.get("/lines", lines_of_request);
        router.post("/lines", lines_of_request);
        router.route("PURGE", "/lines", lines_of_request);
        router.get("/moved", [](const Request&) {
            Response response(302);
            response.headers.add("Location", "/");
            return response;
        });
        router.get("/empty", [](const Request&) { return Response(204); });
        router.get("/large", [](const Request&) { return Response::text(pattern(large_bytes)); });
        router.post("/size",
                    [](const Request& request) { return Response::text(std::to_string(request.body().size())); });
        router.get("/slow/{name}", [this](const Request& request) { return answer_after(gate, request); });
        http::ServerOptions options;
        options.parser.body_bytes_max = 2 * large_bytes;
        serve(std::move(router), options);
    }

    static Response lines_of_request(const Request& request) { return Response::text(lines_of(request)); }

    std::string url(std::string_view path = "/") const { return url_of(address, path); }
    FetchResponse fetched(FetchRequest request) { return run(fetch(std::move(request))); }
    std::string host() const { return address.to_string(); }

    static constexpr std::size_t large_bytes = 5 * 1024 * 1024;
    Gate gate;
};

std::string url_of(const SilentPort& silent) {
    return "http://127.0.0.1:" + std::to_string(silent.number) + "/path";
}

Coro<std::string> both(std::string first, std::string second) {
    Coro<FetchResponse> one = fetch(first);
    Coro<FetchResponse> two = fetch(second);
    auto [left, right] = co_await gather(std::move(one), std::move(two));
    co_return left.body + " | " + right.body;
}

Coro<int> status_of(std::string url) {
    FetchResponse response = co_await fetch(url.c_str());
    co_return response.status;
}

}  // namespace

TEST_CASE("a URL is enough, and the response owns all that came") {
    std::optional<Scene> scene(std::in_place);
    const std::string url = scene->url();
    FetchResponse response = scene->fetched(url);
    const FetchResponse copy = response;
    scene.reset();
    const FetchResponse moved = std::move(response);
    for (const FetchResponse& kept : {std::cref(moved), std::cref(copy)}) {
        CHECK(kept.ok());
        CHECK_FALSE(kept.error);
        CHECK(kept.status == 200);
        CHECK(kept.reason == "OK");
        CHECK(kept.body == "hello");
        CHECK(kept.url == url);
        CHECK(kept.headers.get("content-type") == "text/plain; charset=utf-8");
        CHECK(kept.headers.get("x-one") == "1");
        CHECK(kept.headers.count("X-One") == 2);
        CHECK_NOTHROW(kept.throw_if_failed());
    }
}

TEST_CASE("a request's method, target, fields and body reach the server") {
    Scene scene;
    FetchRequest request(scene.url("/lines?a=b%20c#fragment"));
    request.method = "POST";
    request.headers.add("X-One", "1").add("Content-Type", "text/x-test");
    request.body = "four things";
    CHECK(scene.fetched(std::move(request)).body ==
          "POST /lines?a=b%20c\nHost: " + scene.host() +
              "\nX-One: 1\nContent-Type: text/x-test\nAccept-Encoding: "
              "gzip, deflate\nContent-Length: 11\nConnection: close\n\nfour things");
    CHECK(scene.fetched(scene.url("/lines")).body ==
          "GET /lines\nHost: " + scene.host() + "\nAccept-Encoding: gzip, deflate\nConnection: close\n\n");
    FetchRequest other(scene.url("/lines"));
    other.method = "PURGE";
    other.headers.add("Host", "virtual.example");
    CHECK(scene.fetched(std::move(other)).body ==
          "PURGE /lines\nHost: virtual.example\nAccept-Encoding: gzip, deflate\nConnection: close\n\n");
}

TEST_CASE("a response of 404 is a response, and no error") {
    Scene scene;
    const FetchResponse response = scene.fetched(scene.url("/nowhere"));
    CHECK_FALSE(response.error);
    CHECK_FALSE(response.ok());
    CHECK(response.status == 404);
    CHECK(response.reason == "Not Found");
    CHECK(response.body == "not here\n");
    CHECK_THROWS_WITH_AS(response.throw_if_failed(), (scene.url("/nowhere") + ": 404 Not Found").c_str(),
                         http::FetchFailedError);
}

TEST_CASE("a redirect is followed, or with redirects_max = 0 it is a response like others") {
    Scene scene;
    const FetchResponse followed = scene.fetched(scene.url("/moved"));
    CHECK(followed.ok());
    CHECK(followed.url == scene.url("/"));
    FetchRequest request(scene.url("/moved"));
    request.redirects_max = 0;
    const FetchResponse response = scene.fetched(std::move(request));
    CHECK(response.status == 302);
    CHECK(response.headers.get("location") == "/");
    CHECK_FALSE(response.error);
    CHECK_FALSE(response.ok());
}

TEST_CASE("responses without a body end at once") {
    Scene scene;
    CHECK(scene.fetched(scene.url("/empty")).status == 204);
    FetchRequest head(scene.url("/large"));
    head.method = "HEAD";
    const FetchResponse response = scene.fetched(std::move(head));
    CHECK(response.status == 200);
    CHECK(response.headers.get("content-length") == std::to_string(Scene::large_bytes));
    CHECK(response.body.empty());
}

TEST_CASE("large bodies go and come whole") {
    Scene scene;
    CHECK(scene.fetched(scene.url("/large")).body == pattern(Scene::large_bytes));
    FetchRequest request(scene.url("/size"));
    request.method = "POST";
    request.body = pattern(Scene::large_bytes);
    CHECK(scene.fetched(std::move(request)).body == std::to_string(Scene::large_bytes));
}

TEST_CASE("a fetch's connection ends with it") {
    Scene scene;
    CHECK(scene.fetched(scene.url()).ok());
    CHECK(scene.fetched(scene.url()).headers.has_token("connection", "close"));
    scene.run_until([&] { return scene.server->connection_count() == 0; });
}

TEST_CASE("a host is found by its name") {
    Scene scene;
    const std::string url = "http://localhost:" + std::to_string(scene.address.port()) + "/lines";
    const FetchResponse response = scene.fetched(url);
    CHECK(response.url == url);
    CHECK(response.body.find("Host: localhost:" + std::to_string(scene.address.port())) != std::string::npos);
}

TEST_CASE("fetches run side by side, and gather keeps their order") {
    Scene scene;
    Task<std::string> task = scene.loop().create_task(both(scene.url("/slow/one"), scene.url("/slow/two")));
    scene.run_until([&] { return scene.gate.arrived == 2; });
    scene.gate.open();
    scene.run_until([&] { return task.done(); });
    CHECK(task.result() == "after /slow/one by 127.0.0.1 | after /slow/two by 127.0.0.1");
}

TEST_CASE("a fetch can be awaited where it is written") {
    Scene scene;
    CHECK(scene.run(status_of(scene.url())) == 200);
}

// ---- errors

TEST_CASE("a refused connection is an error that names the URL and the address") {
    Scene scene;
    const SilentPort silent;
    const std::string url = url_of(silent);
    const FetchResponse response = scene.fetched(url);
    REQUIRE(response.error);
    CHECK(response.error->kind == Kind::connect);
    CHECK(response.error->message.starts_with("GET " + url + ": cannot connect to 127.0.0.1:"));
    CHECK(response.error->message.ends_with("Connection refused"));
    CHECK(response.status == 0);
    CHECK(response.url == url);
    CHECK_FALSE(response.ok());
    CHECK_THROWS_WITH_AS(response.throw_if_failed(), response.error->message.c_str(), http::FetchFailedError);
}

TEST_CASE("a host that has no address is an error that names it") {
    Scene scene;
    const std::string name = std::string(60, 'a') + "..invalid";  // answered without asking the network
    const FetchResponse bad = scene.fetched("http://" + name + "/");
    CHECK(text_of(bad).find("a part of the host is empty") != std::string::npos);
    std::string long_label = "http://" + std::string(63, 'a');
    while (long_label.size() < 250) long_label += ".a";
    const FetchResponse response = scene.fetched(long_label + "-");  // no DNS name may end so
    REQUIRE(response.error);
    CHECK(response.error->kind == Kind::resolve);
    CHECK(response.error->message.find("cannot look up the host '") != std::string::npos);
}

TEST_CASE("what cannot be sent is refused before anything is") {
    Scene scene;
    const auto refusal = [&scene](FetchRequest request) {
        const FetchResponse response = scene.fetched(std::move(request));
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::invalid_request);
        CHECK(response.error->message.find('\n') == std::string::npos);
        return response.error->message;
    };
    CHECK(refusal("http://a b/") == "'http://a b/' is not a URL: a space at offset 8");
    CHECK(refusal("") == "'' is not a URL: it does not begin with http://, https://, ws:// or wss://");
    CHECK(refusal("wss://a/") == "wss://a/: only http and https URLs can be fetched, not wss");
    CHECK(refusal("ws://a/") == "ws://a/: only http and https URLs can be fetched, not ws");
    FetchRequest method(scene.url());
    method.method = "GET / HTTP/1.1\r\n\r\nGET";
    CHECK(refusal(method) == scene.url() + ": the method of a request is not a token");
    FetchRequest connect(scene.url());
    connect.method = "CONNECT";
    CHECK(refusal(connect) == scene.url() + ": the target of a request is invalid for CONNECT");
    FetchRequest host(scene.url());
    host.headers.add("Host", "a b");
    CHECK(refusal(host) == scene.url() + ": the host of a request is not a valid host and port");
    CHECK(scene.server->connection_count() == 0);
}

// ---- the callback form

TEST_CASE("the callback is called once, by the loop, with what a coroutine would get") {
    Scene scene;
    const SilentPort silent;
    const std::string refused = url_of(silent);
    for (const std::string& url : {scene.url(), scene.url("/nowhere"), refused, std::string("http://")}) {
        CAPTURE(url);
        const FetchResponse expected = scene.fetched(url);
        std::vector<FetchResponse> responses;
        fetch(scene.loop(), url, [&responses](FetchResponse response) { responses.push_back(std::move(response)); });
        CHECK(responses.empty());
        scene.run_until([&] { return !responses.empty(); });
        scene.settle();
        REQUIRE(responses.size() == 1);
        CHECK(responses[0].status == expected.status);
        CHECK(responses[0].body == expected.body);
        CHECK(responses[0].headers.size() == expected.headers.size());
        CHECK(text_of(responses[0]) == text_of(expected));
    }
}

TEST_CASE("a callback is called too when the program is cancelled, and may own what only moves") {
    Scene scene;
    std::vector<std::string> errors;
    auto owned = std::make_unique<int>(1);
    fetch(scene.loop(), scene.url("/slow/x"), [&errors, owned = std::move(owned)](FetchResponse response) {
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::cancelled);
        errors.push_back(response.error->message);
    });
    scene.run_until([&] { return scene.gate.arrived == 1; });
    CHECK(scene.loop().cancel_all_tasks());
    scene.settle();
    CHECK(errors == std::vector{"cancelled: " + scene.url("/slow/x")});
}

TEST_CASE("a callback is called too when the body_source throws, or the environment names no proxy") {
    Scene scene;
    std::vector<std::string> errors;
    auto keep = [&errors](const FetchResponse& response) {
        REQUIRE(response.error);
        CHECK(response.error->kind == Kind::invalid_request);
        errors.push_back(response.error->message);
    };
    FetchRequest request(scene.url("/lines"));
    request.method = "POST";
    request.body_source = []() -> Coro<std::optional<std::string>> {
        throw std::runtime_error("the disk is gone");
        co_return std::nullopt;
    };
    fetch(scene.loop(), std::move(request), keep);
    scene.run_until([&] { return errors.size() == 1; });
    CHECK(errors[0] == scene.url("/lines") + ": the body_source of the request: the disk is gone");
    ::setenv("http_proxy", "no proxy", 1);
    fetch(scene.loop(), scene.url(), keep);
    scene.run_until([&] { return errors.size() == 2; });
    ::unsetenv("http_proxy");
    CHECK(errors[1].starts_with("a proxy cannot be used: "));
}

TEST_CASE("what a callback throws goes to the loop's exception handler") {
    Scene scene;
    fetch(scene.loop(), scene.url(), [](const FetchResponse&) { throw std::runtime_error("trouble"); });
    scene.run_until([&] { return !scene.lost.empty(); });
    CHECK(scene.lost[0].find("trouble") != std::string::npos);
}

TEST_CASE("a loop that ends calls no callback, and leaves nothing behind") {
    bool called = false;
    Scene scene;
    fetch(scene.loop(), scene.url("/slow/x"), [&called](const FetchResponse&) { called = true; });
    scene.run_until([&] { return scene.gate.arrived == 1; });
    scene.server.reset();
    scene.end_loop();
    CHECK_FALSE(called);
}
