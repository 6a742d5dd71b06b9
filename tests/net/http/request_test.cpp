// What a handler gets: views while it only looks, its own bytes when it wants to keep them.
#include <stepwise/tests/net/http/support.hpp>

#include <memory>
#include <stepwise/net/http/message.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

const std::string head_bytes =
    "PUT /rooms/red%20one?say=a+b%21&say=c HTTP/1.1\r\nHost: example.org\r\nX-Long: a value of some length\r\n\r\n";

void check_everything(const Request& request) {
    CHECK(request.method() == "PUT");
    CHECK(request.target() == "/rooms/red%20one?say=a+b%21&say=c");
    CHECK(request.raw_path() == "/rooms/red%20one");
    CHECK(request.path() == "/rooms/red one");
    CHECK(request.query() == "say=a+b%21&say=c");
    CHECK(request.argument("say") == "a b!");
    CHECK(request.argument("none") == std::nullopt);
    CHECK(request.host() == "example.org");
    CHECK(request.headers().size() == 2);
    CHECK(request.headers().get("x-long") == "a value of some length");
    CHECK(request.body() == "the body");
    CHECK(request.remote_ip() == "192.0.2.1");
    CHECK(request.path_parameter("room") == "red one");
    CHECK(request.path_parameter("raw") == "red%20one");
    CHECK(request.path_parameter("none") == std::nullopt);
}

// Fills `request` from bytes that are destroyed when this returns; `before_the_end` runs while they are good.
template <class Action>
void fill(Request& request, Action before_the_end) {
    std::string body = "the body";
    std::string ip = "192.0.2.1";
    std::string names = "room raw";
    with_head(head_bytes, [&](const RequestHead& head) {
        ShortLived block(head.block());
        RequestHead moved = head;
        moved.set_block(block.view().data());
        request.assign(moved);
        request.set_body(body);
        request.set_remote_ip(ip);
        request.add_path_parameter(std::string_view(names).substr(0, 4), request.path().substr(7));
        request.add_path_parameter(std::string_view(names).substr(5), request.raw_path().substr(7));
        before_the_end();
    });
    for (std::string* text : {&body, &ip, &names}) text->assign(text->size(), '\x01');
}

}  // namespace

TEST_CASE("a borrowed request views the bytes that came") {
    Request request;
    fill(request, [&] {
        check_everything(request);
        CHECK(!request.is_owned());
    });
}

TEST_CASE("an owned request outlives the parser and the bytes that it came in") {
    Request request;
    fill(request, [&] { request.own(); });
    CHECK(request.is_owned());
    check_everything(request);
    request.own();
    check_everything(request);
}

TEST_CASE("an owned request can be moved, and the one it was moved from is empty") {
    auto first = std::make_unique<Request>();
    fill(*first, [&] { first->own(); });
    Request second(std::move(*first));
    CHECK(first->method().empty());
    CHECK(first->path().empty());
    first.reset();
    check_everything(second);
    Request third;
    third = std::move(second);
    check_everything(third);
}

TEST_CASE("what is added to an owned request is borrowed until it is owned again") {
    Request request;
    fill(request, [&] { request.own(); });
    {
        std::string late = "late value";
        request.add_path_parameter("late", late);
        CHECK(!request.is_owned());
        request.own();
        late.assign(late.size(), '\x01');
    }
    check_everything(request);
    CHECK(request.path_parameter("late") == "late value");
}

TEST_CASE("a body that comes in pieces is the request's own") {
    Request request;
    fill(request, [&] {
        request.set_body({});
        request.own();
    });
    for (std::string piece : {"the", " ", "body"}) request.append_body(piece);
    CHECK(request.is_owned());
    check_everything(request);
    request.own();
    check_everything(request);
}

TEST_CASE("a borrowed piece of a body becomes the first of those that follow") {
    Request request;
    fill(request, [&] {
        request.set_body("the ");
        request.append_body("body");
        request.own();
    });
    check_everything(request);
}

TEST_CASE("nothing of a request is left in the next one") {
    Request request;
    fill(request, [&] { request.own(); });
    with_head("GET / HTTP/1.1\r\nHost: b\r\n\r\n", [&](const RequestHead& head) {
        request.assign(head);
        CHECK(request.path() == "/");
        CHECK(request.query().empty());
        CHECK(request.body().empty());
        CHECK(request.remote_ip().empty());
        CHECK(request.headers().size() == 1);
        CHECK(request.path_parameter("room") == std::nullopt);
        CHECK(!request.is_owned());
    });
    request.clear();
    CHECK(request.method().empty());
    CHECK(request.headers().empty());
    CHECK(request.path().empty());
}

TEST_CASE("the path of a target that is only an authority is a slash, also when owned") {
    Request request;
    with_head("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", [&](const RequestHead& head) {
        request.assign(head);
        request.own();
    });
    CHECK(request.path() == "/");
    CHECK(request.host() == "b");
}
