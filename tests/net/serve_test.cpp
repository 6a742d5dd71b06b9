#include <stepwise/net/http/fetch.hpp>
#include <stepwise/net/http/serve.hpp>

#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

using namespace stepwise;

namespace {

net::ServerOptions threads(unsigned count) {
    net::ServerOptions options;
    options.threads = count;
    return options;
}

// Which threads were in a place.
struct Seen {
    void note() {
        std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
    }
    std::mutex mutex;
    std::set<std::thread::id> ids;
};

}  // namespace

TEST_CASE("every loop makes its own router and starts on its own thread, and a signal ends all with 0") {
    for (unsigned count : {1U, 3U}) {
        Seen made;
        Seen started;
        auto make_router = [&made] {
            made.note();
            return http::Router();
        };
        http::ServeOptions options;
        std::atomic<unsigned> starts = 0;
        options.on_start = [&](LoopGroup& loops, std::size_t index) {
            started.note();
            CHECK(index < loops.size());
            if (++starts == count) ::raise(SIGTERM);  // on whichever thread is the last
        };
        CHECK(http::serve(make_router, threads(count), options) == 0);
        CHECK(made.ids.size() == count);
        CHECK(made.ids == started.ids);
        CHECK(made.ids.count(std::this_thread::get_id()) == 1);
    }
}

TEST_CASE("loops that serve one program post to each other") {
    std::atomic<std::size_t> told_to = 9;
    auto make_router = [](LoopGroup& loops, std::size_t index) {
        CHECK(loops.size() == 2);
        CHECK(index < 2);
        return http::Router();
    };
    http::ServeOptions options;
    options.on_start = [&](LoopGroup& loops, std::size_t index) {
        if (index == 0) return;
        loops.post(0, [&told_to] {
            told_to = 0;
            ::raise(SIGINT);
        });
    };
    CHECK(http::serve(make_router, threads(2), options) == 0);
    CHECK(told_to == 0);
}

TEST_CASE("a server made by hand on a loop that runs for ever answers what serve() answers") {
    const auto routes = [] {
        http::Router router;
        router.get("/", [](const http::Request& request) {
            return http::Response::text("hello " + request.argument("name").value_or("you"));
        });
        return router;
    };
    const auto text_of = [](const http::FetchResponse& response) {
        std::string text = std::to_string(response.status) + " " + response.reason;
        for (const auto& field : response.headers) {
            if (field.name != "Date") text += "\n" + std::string(field.name) + ": " + std::string(field.value);
        }
        return text + "\n\n" + response.body;
    };
    std::string by_hand;
    std::string url;
    net::ServerOptions options;
    {
        EventLoop loop;
        http::Server server(loop, routes());
        const net::Address address = server.listen(net::Address::tcp("127.0.0.1", 0));
        url = "http://" + address.to_string() + "/?name=Ada";
        options.port = address.port();
        http::fetch(loop, url, [&](const http::FetchResponse& response) {
            by_hand = text_of(response);
            loop.stop();
        });
        loop.run_forever();
    }
    std::string by_serve;
    http::ServeOptions serving;
    serving.on_start = [&](LoopGroup&, std::size_t) {
        http::fetch(EventLoop::current(), url, [&](const http::FetchResponse& response) {
            by_serve = text_of(response);
            ::raise(SIGTERM);
        });
    };
    CHECK(http::serve(routes, options, serving) == 0);
    CHECK(by_hand.starts_with("200 OK\n"));
    CHECK(by_hand.ends_with("\n\nhello Ada"));
    CHECK(by_serve == by_hand);
}

TEST_CASE("one router is served by one loop only") {
    CHECK(http::serve(http::Router(), threads(2)) == 2);
}

TEST_CASE("what a loop cannot begin with ends them all") {
    SUBCASE("a mistake in the routes") {
        auto make_router = [](LoopGroup&, std::size_t index) {
            http::Router router;
            if (index == 1) router.get("no slash", [](const http::Request&) { return http::Response(204); });
            return router;
        };
        CHECK(http::serve(make_router, threads(3)) == 2);
    }
    SUBCASE("an error of the program's own is thrown to its main") {
        for (std::size_t which : {0, 2}) {
            auto make_router = [which](LoopGroup&, std::size_t index) {
                if (index == which) throw std::runtime_error("no database");
                return http::Router();
            };
            CHECK_THROWS_WITH(http::serve(make_router, threads(3)), "no database");
        }
    }
}
