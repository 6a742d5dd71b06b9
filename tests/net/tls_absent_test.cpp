// A build without TLS: everything that needs it says so, and nothing goes out plain instead.
#include <stepwise/tests/net/fetch_support.hpp>

#include <stepwise/net/tls/context.hpp>
#include <stepwise/ws/client.hpp>

#include <doctest/doctest.h>

using namespace net_test;

namespace {

const std::string missing = "this Stepwise was built without TLS: install libssl-dev, and build it again";

}  // namespace

TEST_CASE("contexts cannot be made") {
    CHECK_THROWS_WITH_AS(static_cast<void>(tls::Context::for_client()), missing.c_str(), std::runtime_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(tls::Context::for_server({})), missing.c_str(), std::runtime_error);
}

TEST_CASE("an https URL is an error, and the server hears nothing") {
    Scripted scene;
    Task<FetchResponse> fetching = scene.start("https://127.0.0.1:" + std::to_string(scene.address.port()) + "/");
    const FetchResponse response = scene.finish(fetching);
    REQUIRE(response.error);
    CHECK(response.error->kind == Kind::tls);
    CHECK(response.error->message.ends_with(missing));
    CHECK(scene.accept().read_to_end() == "");
}

TEST_CASE("a wss URL is an error, too") {
    Scripted scene;
    const std::string url = "wss://127.0.0.1:" + std::to_string(scene.address.port()) + "/";
    CHECK_THROWS_WITH_AS(scene.run(ws::connect(url)), missing.c_str(), std::runtime_error);
}
