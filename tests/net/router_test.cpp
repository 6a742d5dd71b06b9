#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/http/router.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace stepwise::http;

namespace {

// A handler that says which one it is, and its parameters.
auto named(std::string name) {
    return [name](const Request& request) {
        std::string text = name;
        for (std::string_view parameter : {"id", "name", "rest", "1", "2"}) {
            if (auto value = request.path_parameter(parameter)) {
                text += " " + std::string(parameter) + "=" + std::string(*value);
            }
        }
        return Response::text(text);
    };
}

// What the router makes of a request: the handler's text, or "404", or "405 " with the methods.
std::string route(const Router& router, const std::string& method, const std::string& target) {
    RequestParser parser;
    std::string bytes = method + " " + target + " HTTP/1.1\r\nHost: test\r\n\r\n";
    parser.receive_data(bytes);
    Event event = parser.next_event();
    REQUIRE(std::holds_alternative<StartOfMessage>(event));
    Request request;
    request.assign(*std::get<StartOfMessage>(event).head);
    Router::Match match = router.match(request);
    if (match.handler != nullptr) return std::get<PlainHandler>(*match.handler)(request).body;
    return match.allow.empty() ? "404" : "405 " + match.allow;
}

}  // namespace

TEST_CASE("an exact path wins over a pattern, whatever came first") {
    Router router;
    router.get("/users/{id}", named("pattern")).get("/users/me", named("exact")).get("/", named("root"));
    CHECK(route(router, "GET", "/users/me") == "exact");
    CHECK(route(router, "GET", "/users/you") == "pattern id=you");
    CHECK(route(router, "GET", "/") == "root");
    CHECK(route(router, "GET", "/users/me?id=3") == "exact");
}

TEST_CASE("a parameter is one whole segment that is not empty") {
    Router router;
    router.get("/users/{id}/posts/{name}", named("posts"));
    CHECK(route(router, "GET", "/users/7/posts/hello") == "posts id=7 name=hello");
    CHECK(route(router, "GET", "/users/7/posts/") == "404");
    CHECK(route(router, "GET", "/users//posts/x") == "404");
    CHECK(route(router, "GET", "/users/7/posts/hello/") == "404");
    CHECK(route(router, "GET", "/users/7/posts") == "404");
    CHECK(route(router, "GET", "/users/7/other/hello") == "404");
}

TEST_CASE("parameters are decoded, and an escaped slash separates nothing") {
    Router router;
    router.get("/files/{name}", named("file")).get("/files/a/b", named("exact")).get("/caf\xc3\xa9", named("caf"));
    CHECK(route(router, "GET", "/files/a%20b") == "file name=a b");
    CHECK(route(router, "GET", "/files/a%2Fb") == "file name=a/b");
    CHECK(route(router, "GET", "/files/a%2fb%2Fc") == "file name=a/b/c");
    CHECK(route(router, "GET", "/files%2Fa/b") == "404");
    CHECK(route(router, "GET", "/files/a/b") == "exact");
    CHECK(route(router, "GET", "/f%69les/a/%62") == "exact");
    CHECK(route(router, "GET", "/f%69les/%41%42") == "file name=AB");
    CHECK(route(router, "GET", "/caf%C3%A9") == "caf");
}

TEST_CASE("methods: GET answers HEAD, and 405 names what the path has") {
    Router router;
    router.get("/a", named("get")).post("/a", named("post")).post("/b", named("post b"));
    CHECK(route(router, "HEAD", "/a") == "get");
    CHECK(route(router, "HEAD", "/b") == "405 POST, OPTIONS");
    CHECK(route(router, "PUT", "/a") == "405 GET, HEAD, POST, OPTIONS");
    router.route("HEAD", "/a", named("its own"));
    CHECK(route(router, "HEAD", "/a") == "its own");
}

TEST_CASE("of several patterns the first counts that has the method") {
    Router router;
    router.get("/{id}", named("first")).post("/{name}", named("second")).get("/{rest}", named("never"));
    CHECK(route(router, "GET", "/x") == "first id=x");
    CHECK(route(router, "POST", "/x") == "second name=x");
    CHECK(route(router, "PUT", "/x") == "405 GET, HEAD, POST, OPTIONS");
}

TEST_CASE("the fallback has every path without a route, and no parameters of one that nearly matched") {
    Router router;
    router.get("/users/{id}/posts", named("posts")).fallback(named("fallback"));
    CHECK(route(router, "GET", "/users/7/none") == "fallback");
    CHECK(route(router, "BREW", "/") == "fallback");
    CHECK(route(router, "OPTIONS", "*") == "fallback");
    CHECK(route(router, "POST", "/users/7/posts") == "405 GET, HEAD, OPTIONS");
}

TEST_CASE("what is no path, and what is there twice, is refused when it is added") {
    Router router;
    router.get("/a", named("a")).get("/{id}", named("id"));
    CHECK_THROWS_AS(router.get("a", named("x")), std::invalid_argument);
    CHECK_THROWS_AS(router.get("", named("x")), std::invalid_argument);
    CHECK_THROWS_AS(router.get("/a", named("x")), std::invalid_argument);
    CHECK_THROWS_AS(router.get("/{id}", named("x")), std::invalid_argument);
    CHECK_THROWS_AS(router.get("/user{id}", named("x")), std::invalid_argument);
    CHECK_THROWS_AS(router.get("/{}", named("x")), std::invalid_argument);
    CHECK_THROWS_AS(router.get("/{id", named("x")), std::invalid_argument);
}

TEST_CASE("a last parameter with dots takes all that is left, slashes too") {
    Router router;
    router.get("/files/{rest...}", named("file")).get("/files/a", named("exact"));
    CHECK(route(router, "GET", "/files/a") == "exact");
    CHECK(route(router, "GET", "/files/b/c%20d/e") == "file rest=b/c d/e");
    CHECK(route(router, "GET", "/files/") == "file rest=");
    CHECK(route(router, "GET", "/files") == "404");
    CHECK_THROWS_AS(router.get("/{rest...}/more", named("x")), std::invalid_argument);
    CHECK_THROWS_AS(router.get("/{...}", named("x")), std::invalid_argument);
}

TEST_CASE("an expression matches whole paths, behind exact ones and patterns") {
    Router router;
    router.route_matching("GET", R"(/items/(\d+)(?:/(\w+))?)", named("item")).get("/items/7", named("exact"));
    router.get("/items/{id}/all", named("pattern"));
    CHECK(route(router, "GET", "/items/8") == "item 1=8");
    CHECK(route(router, "GET", "/items/8/name") == "item 1=8 2=name");
    CHECK(route(router, "GET", "/items/8/all") == "pattern id=8");
    CHECK(route(router, "GET", "/items/7") == "exact");
    CHECK(route(router, "GET", "/items/%38") == "item 1=8");
    CHECK(route(router, "GET", "/more/items/8") == "404");
    CHECK(route(router, "GET", "/items/8/") == "404");
    CHECK(route(router, "GET", "/items/8%2Fname") == "404");
    CHECK(route(router, "POST", "/items/8") == "405 GET, HEAD, OPTIONS");
    CHECK_THROWS_AS(router.route_matching("GET", "/(", named("x")), std::invalid_argument);
}

TEST_CASE("no path makes an expression run for long, or deep") {
    Router router;
    router.route_matching("GET", "/(a+)+x", named("never")).route_matching("GET", "/(.|b)*", named("any"));
    CHECK(route(router, "GET", "/" + std::string(1000, 'a')).starts_with("any"));
    CHECK(route(router, "GET", "/" + std::string(Router::matched_path_bytes_max, 'a')) == "404");
}

TEST_CASE("a mounted router serves below its prefix, its fallback too") {
    Router users;
    users.get("/", named("list")).get("/{id}", named("one")).post("/{id}", named("change"));
    users.route_matching("GET", "/by-(\\d+)/x", named("by")).fallback(named("no user"));
    Router api;
    api.mount("/users", std::move(users)).get("/health", named("health"));
    Router router;
    router.mount("/api", std::move(api)).get("/", named("root"));
    CHECK(route(router, "GET", "/") == "root");
    CHECK(route(router, "GET", "/api/health") == "health");
    CHECK(route(router, "GET", "/api/users/") == "list");
    CHECK(route(router, "GET", "/api/users/7") == "one id=7");
    CHECK(route(router, "DELETE", "/api/users/7") == "405 GET, HEAD, POST, OPTIONS");
    CHECK(route(router, "GET", "/api/users/by-5/x") == "by 1=5");
    CHECK(route(router, "GET", "/api/users/7/none") == "no user");
    CHECK(route(router, "GET", "/api/users") == "no user");
    CHECK(route(router, "GET", "/api/usersandmore") == "404");
    CHECK(route(router, "GET", "/users/7") == "404");
    for (std::string prefix : {"", "/", "api", "/api/"}) {
        CAPTURE(prefix);
        CHECK_THROWS_AS(router.mount(prefix, Router()), std::invalid_argument);
    }
    Router again;
    again.get("/health", named("x"));
    CHECK_THROWS_AS(router.mount("/api", std::move(again)), std::invalid_argument);
}

TEST_CASE("a prefix may have parameters of its own") {
    Router posts;
    posts.get("/posts/{name}", named("post"));
    Router router;
    router.mount("/users/{id}", std::move(posts));
    CHECK(route(router, "GET", "/users/7/posts/hello") == "post id=7 name=hello");
    Router with_expression;
    with_expression.route_matching("GET", "/x", named("x"));
    CHECK_THROWS_AS(router.mount("/users/{id}", std::move(with_expression)), std::invalid_argument);
}

TEST_CASE("OPTIONS of the whole server names what any path has") {
    Router router;
    router.get("/a", named("a")).post("/{id}", named("b"));
    CHECK(route(router, "OPTIONS", "*") == "405 GET, HEAD, POST, OPTIONS");
    CHECK(route(router, "OPTIONS", "/a") == "405 GET, HEAD, OPTIONS");
    CHECK(route(router, "OPTIONS", "/none/at/all") == "404");
}
