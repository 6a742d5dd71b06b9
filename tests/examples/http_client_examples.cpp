// The examples in the headers of net/http/ that are a client's, between marks that name the header.
#include <stepwise/net/http/client.hpp>
#include <stepwise/net/http/content_decoder.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/tests/net/http_support.hpp>

using namespace net_test;

namespace {

struct HelloServer : Served {
    HelloServer() {
        http::Router router;
        router.get("/", [](const http::Request&) { return http::Response::text("hello"); });
        serve(std::move(router));
        url = "http://" + address.to_string() + "/";
    }
    std::string url;
};

Coro<std::unique_ptr<http::ClientConnection>> connection_to(net::Address address) {
    Coro<net::Stream> connecting = net::Stream::connect(address);
    net::Stream stream = co_await std::move(connecting);
    co_return std::make_unique<http::ClientConnection>(std::move(stream), http::ParserLimits());
}

}  // namespace

TEST_CASE("a client fetches, and reads what is large piece by piece") {
    HelloServer world;
    auto example = [](EventLoop& loop, std::string url) -> Coro<std::string> {
        std::string used;
        auto use = [&used](const std::string& text) { used += text; };
        auto log = [&used](const std::string& text) { used += text; };
        //[ net/http/client.hpp
        http::Client client(loop);
        http::FetchResponse page = co_await client.fetch(url);
        http::ResponseStream large = co_await client.open(url);
        std::string part;
        while (co_await large.read_some(part)) use(std::exchange(part, {}));
        if (large.error()) log(large.error()->message);  // it was lost in the middle
        //]
        co_return page.body + " " + used;
    };
    CHECK(world.run(example(world.loop(), world.url)) == "hello hello");
}

TEST_CASE("a jar keeps the cookies of a client") {
    //[ net/http/cookie_jar.hpp
    auto jar = std::make_shared<http::CookieJar>();
    http::Client::Options options;
    options.cookies = jar;
    //]
    CHECK(jar->size() == 0);
}

TEST_CASE("proxies are those of the environment") {
    std::string error;
    net::Url url = *net::Url::parse("ws://localhost/", error);
    //[ net/http/proxies.hpp
    http::Proxies proxies = http::Proxies::from_environment();
    std::optional<net::Url> proxy = proxies.proxy_for(url);
    //]
    CHECK((!proxy || proxy->scheme() == "http"));
}

TEST_CASE("a pool hands out connections, and takes them back") {
    HelloServer world;
    auto example = [](EventLoop& loop, net::Address address) -> Coro<bool> {
        auto pool = std::make_shared<http::ConnectionPool>(loop, http::ConnectionPool::Options());
        http::ConnectionPool::Key key{"hello", nullptr};
        auto connect = [&address]() { return connection_to(address); };
        //[ net/http/connection_pool.hpp
        Coro<http::ConnectionPool::Lease> taking = http::ConnectionPool::take(pool, key);
        http::ConnectionPool::Lease lease = co_await std::move(taking);
        if (lease.connection == nullptr) lease.connection = co_await connect();  // none rests
        lease.give_back();
        //]
        co_return pool->idle_count() == 1;
    };
    CHECK(world.run(example(world.loop(), world.address)));
}

TEST_CASE("a coded body is decoded piece by piece") {
    std::string bytes(
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00", 25);
    std::string out;
    auto check_size = [](const std::string& text) { REQUIRE(text.size() < 1000); };
    //[ net/http/content_decoder.hpp
    http::ContentDecoder decoder(http::ContentCoding::gzip);
    decoder.receive_data(bytes);
    while (decoder.decode_more(out)) check_size(out);
    decoder.receive_end();
    //]
    CHECK(decoder.error() == nullptr);
    CHECK(out == "hello");
}
