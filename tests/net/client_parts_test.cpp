// What a client is made of and needs no network for: cookies it keeps, proxies it goes through.
#include <stepwise/net/http/cookie_jar.hpp>
#include <stepwise/net/http/proxies.hpp>

#include <doctest/doctest.h>

#include <stdlib.h>

#include <stdexcept>

namespace {

using namespace std::chrono_literals;
using namespace stepwise;
using http::CookieJar;
using http::Proxies;
using Clock = CookieJar::Clock;

net::Url url(std::string_view text) {
    std::string error;
    const std::optional<net::Url> parsed = net::Url::parse(text, error);
    INFO(error);
    REQUIRE(parsed);
    return *parsed;
}

const Clock::time_point now = Clock::time_point(1'700'000'000s);

// What comes back to `to` of one cookie that `from` has set.
std::string sent(std::string_view from, std::string_view set_cookie, std::string_view to) {
    CookieJar jar;
    jar.take(url(from), set_cookie, now);
    return jar.field_for(url(to), now);
}

std::string through(const Proxies& proxies, std::string_view to) {
    const std::optional<net::Url> proxy = proxies.proxy_for(url(to));
    return proxy ? proxy->to_string() : "";
}

}  // namespace

TEST_CASE("a cookie goes back to its own host, or with a Domain to those below it") {
    CHECK(sent("http://a.example/", "k=v", "http://a.example/x?y") == "k=v");
    CHECK(sent("http://a.example/", "k=v", "http://b.a.example/") == "");
    CHECK(sent("http://a.example/", "k=v", "http://example/") == "");
    CHECK(sent("http://a.example/", "k=v", "http://a.example:81/") == "k=v");
    CHECK(sent("http://b.a.example/", "k=v; Domain=a.example", "http://c.a.example/") == "k=v");
    CHECK(sent("http://b.a.example/", "k=v; domain=.A.Example", "http://a.example/") == "k=v");
    CHECK(sent("http://b.a.example/", "k=v; Domain=a.example", "http://nota.example/") == "");
    CHECK(sent("http://b.a.example/", "k=v; Domain=", "http://b.a.example/") == "k=v");
}

TEST_CASE("a cookie for a host that is not its sender's, or for a whole top level, is not kept") {
    CHECK(sent("http://a.example/", "k=v; Domain=b.example", "http://b.example/") == "");
    CHECK(sent("http://a.example/", "k=v; Domain=b.a.example", "http://b.a.example/") == "");
    CHECK(sent("http://a.example/", "k=v; Domain=example", "http://b.example/") == "");
    CHECK(sent("http://1.2.3.4/", "k=v; Domain=3.4", "http://9.9.3.4/") == "");
    CHECK(sent("http://1.2.3.4/", "k=v; Domain=1.2.3.4", "http://1.2.3.4/") == "k=v");
    CHECK(sent("http://localhost/", "k=v; Domain=localhost", "http://localhost/") == "k=v");
}

TEST_CASE("a cookie goes to paths below its own, which without more said is the folder of the page that set it") {
    CHECK(sent("http://a/x/y", "k=v", "http://a/x/z") == "k=v");
    CHECK(sent("http://a/x/y", "k=v", "http://a/x") == "k=v");
    CHECK(sent("http://a/x/y", "k=v", "http://a/xx") == "");
    CHECK(sent("http://a/x/y", "k=v", "http://a/") == "");
    CHECK(sent("http://a/x/y", "k=v; Path=/", "http://a/") == "k=v");
    CHECK(sent("http://a/x/y", "k=v; Path=/x/", "http://a/x/y/z") == "k=v");
    CHECK(sent("http://a/x/y", "k=v; Path=/x/", "http://a/x") == "");
    CHECK(sent("http://a/x/y", "k=v; Path=relative", "http://a/x/z") == "k=v");
}

TEST_CASE("Secure is neither set nor sent in plain text, and names keep their promises") {
    CHECK(sent("https://a/", "k=v; Secure", "https://a/") == "k=v");
    CHECK(sent("https://a/", "k=v; Secure", "http://a/") == "");
    CHECK(sent("http://a/", "k=v; Secure", "https://a/") == "");
    CHECK(sent("https://a/", "k=v", "http://a/") == "k=v");
    CHECK(sent("https://a/", "__Secure-k=v", "https://a/") == "");
    CHECK(sent("https://a/", "__Secure-k=v; Secure", "https://a/") == "__Secure-k=v");
    CHECK(sent("https://a/", "__Host-k=v; Secure; Path=/", "https://a/") == "__Host-k=v");
    CHECK(sent("https://a/x/", "__Host-k=v; Secure", "https://a/x/") == "");
    CHECK(sent("https://b.a.b/", "__Host-k=v; Secure; Path=/; Domain=a.b", "https://b.a.b/") == "");
    CHECK(sent("https://a/", "__secure-k=v", "https://a/") == "");
    CHECK(sent("https://a/x/", "__HOST-k=v; Secure", "https://a/x/") == "");
}

TEST_CASE("what was set through TLS is not replaced in plain text") {
    CookieJar jar;
    CHECK(jar.take(url("https://x.a.b/"), "k=secret; Secure; Path=/in; Domain=a.b", now));
    for (const char* text : {"k=other; Path=/in", "k=other; Path=/in/side", "k=other; Path=/in; Domain=a.b"}) {
        CAPTURE(text);
        CHECK_FALSE(jar.take(url("http://x.a.b/"), text, now));
    }
    CHECK_FALSE(jar.take(url("http://a.b/"), "k=; Max-Age=0; Path=/in", now));
    CHECK(jar.field_for(url("https://x.a.b/in"), now) == "k=secret");
    CHECK(jar.take(url("http://x.a.b/"), "k=other; Path=/", now));
    CHECK(jar.take(url("http://x.a.b/"), "l=other; Path=/in", now));
    CHECK(jar.take(url("http://c.b/"), "k=other; Path=/in", now));
    CHECK(jar.take(url("https://x.a.b/"), "k=new; Path=/in; Domain=a.b", now));
    CHECK(jar.field_for(url("https://x.a.b/in"), now) == "k=new; l=other; k=other");
}

TEST_CASE("what is no cookie is not kept, and what is one is kept as it is") {
    for (const char* text : {"", "k", "=v", ";k=v", "k\x01=v", "k=v\x7f"}) {
        CAPTURE(text);
        CHECK(sent("http://a/", text, "http://a/") == "");
    }
    CHECK(sent("http://a/", "k=" + std::string(5000, 'v'), "http://a/") == "");
    CHECK(sent("http://a/", "k=", "http://a/") == "k=");
    CHECK(sent("http://a/", " k = \"v w\" ; x", "http://a/") == "k=\"v w\"");
    CHECK(sent("http://a/", "k=a=b", "http://a/") == "k=a=b");
}

TEST_CASE("a cookie ends when it says so; Max-Age counts more than Expires, and none lasts longer than 400 days") {
    CookieJar jar;
    const net::Url a = url("http://a/");
    CHECK(jar.take(a, "one=1; Max-Age=10; Expires=Wed, 01 Jan 2020 00:00:00 GMT", now));
    CHECK(jar.take(a, "two=2; Expires=Tue, 14 Nov 2023 22:13:40 GMT", now));  // 20 s from now
    CHECK(jar.take(a, "three=3; Max-Age=99999999999999999999", now));
    CHECK(jar.take(a, "four=4; Max-Age=soon", now));
    CHECK(jar.field_for(a, now + 9s) == "one=1; two=2; three=3; four=4");
    CHECK(jar.field_for(a, now + 10s) == "two=2; three=3; four=4");
    CHECK(jar.field_for(a, now + 20s) == "three=3; four=4");
    CHECK(jar.field_for(a, now + std::chrono::hours(401 * 24)) == "four=4");
    CHECK(jar.take(a, "four=; Max-Age=0", now));
    CHECK(jar.size() == 0);
}

TEST_CASE("the same cookie again takes its place, and the jar is bounded") {
    CookieJar jar;
    const net::Url a = url("http://a/");
    jar.take(a, "k=1", now);
    jar.take(a, "other=x", now);
    jar.take(a, "k=2", now);
    CHECK(jar.field_for(a, now) == "k=2; other=x");
    CookieJar full;
    for (int index = 0; index < 1500; ++index) {
        full.take(a, "k" + std::to_string(index) + "=v", now + std::chrono::seconds(index));
    }
    CHECK(full.size() == CookieJar::cookies_max);
    CHECK(full.field_for(a, now + 1500s).find("k0=") == std::string::npos);
    CHECK(full.field_for(a, now + 1500s).find("k1499=v") != std::string::npos);
}

TEST_CASE("dates are read as leniently as RFC 6265 §5.1.1 asks") {
    const auto expected = Clock::time_point(784111777s);
    for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                             "Sun Nov  6 08:49:37 1994", "6 november 94 8:49:37"}) {
        CAPTURE(text);
        CHECK(http::parse_cookie_date(text) == expected);
    }
    for (const char* text : {"", "never", "06 Nov 1994", "08:49:37 1994", "32 Nov 1994 08:49:37",
                             "06 Nov 1994 24:00:00", "30 Feb 1994 08:49:37", "06 Nov 1500 08:49:37"}) {
        CAPTURE(text);
        CHECK_FALSE(http::parse_cookie_date(text));
    }
    CHECK(http::parse_cookie_date("01 Jan 69 00:00:00") ==
          Clock::time_point(std::chrono::sys_days(std::chrono::year(2069) / 1 / 1)));
}

TEST_CASE("a proxy is a URL or host and port, of http") {
    Proxies proxies;
    proxies.for_http("proxy.example:3128").for_https("http://other.example");
    CHECK(through(proxies, "http://a/") == "http://proxy.example:3128/");
    CHECK(through(proxies, "ws://a/") == "http://proxy.example:3128/");
    CHECK(through(proxies, "https://a/") == "http://other.example/");
    CHECK(through(proxies.for_http(""), "http://a/") == "");
    CHECK_THROWS_AS(proxies.for_http("socks5://a"), std::invalid_argument);
    CHECK_THROWS_WITH(proxies.for_http("https://a"), "a proxy cannot be used: https://a/ is not an http URL");
}

TEST_CASE("a proxy's user and password are for the proxy alone") {
    Proxies proxies;
    const auto authorization = [&](std::string_view proxy) {
        proxies.for_http(proxy);
        return std::string(proxies.authorization_for(url("http://a/")));
    };
    CHECK(authorization("http://Aladdin:open%20sesame@p:1") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(through(proxies, "http://a/") == "http://p:1/");
    CHECK(authorization("user@p:1") == "Basic dXNlcjo=");
    CHECK(authorization("http://a:b@c@p:1") == "Basic YTpiQGM=");
    CHECK(authorization("http://%ff%fe%bf:@p") == "Basic //6/Og==");
    CHECK(authorization("http://p:1/") == "");
    CHECK(authorization("") == "");
    CHECK_THROWS_WITH(proxies.for_http("http://a:%zz@p"),
                      "a proxy cannot be used: its user or password has a bad escape");
    // Without the escape it would be the host "user" and its port.
    for (std::string_view proxy : {"http://user:1234/et@p:1", "http://user:s3cr#et@p:1", "user:s3cr?et@p:1"}) {
        CHECK_THROWS_WITH(proxies.for_http(proxy),
                          "a proxy cannot be used: '/', '?' and '#' in its user or password are to be written as %2F, "
                          "%3F and %23");
    }
    try {
        proxies.for_http("http://user:secret@not a host");
        FAIL("it is no URL");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("secret") == std::string::npos);
    }
}

TEST_CASE("no proxy for whom no_proxy names") {
    Proxies proxies;
    proxies.for_http("p").but_not_for("one.example, .two.example *.three.example,four:81,[::1],10.0.0.1");
    for (const char* to :
         {"http://one.example/", "http://a.one.example/", "http://a.two.example/", "http://two.example/",
          "http://b.three.example/", "http://four:81/", "http://10.0.0.1/", "http://[::1]/"}) {
        CAPTURE(to);
        CHECK(through(proxies, to) == "");
    }
    for (const char* to : {"http://notone.example/", "http://four/", "http://example/", "http://10.0.0.10/"}) {
        CAPTURE(to);
        CHECK(through(proxies, to) == "http://p/");
    }
    CHECK(through(Proxies().for_http("p").but_not_for("*"), "http://a/") == "");
}

TEST_CASE("the environment is read as others read it, but for what a request could have set") {
    for (const char* name :
         {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "HTTP_PROXY"}) {
        ::unsetenv(name);
    }
    CHECK(through(Proxies::from_environment(), "http://a/") == "");
    ::setenv("HTTP_PROXY", "http://evil/", 1);
    CHECK(through(Proxies::from_environment(), "http://a/") == "");
    ::setenv("all_proxy", "http://all:1/", 1);
    CHECK(through(Proxies::from_environment(), "http://a/") == "http://all:1/");
    CHECK(through(Proxies::from_environment(), "https://a/") == "http://all:1/");
    ::setenv("http_proxy", "http://plain:2/", 1);
    ::setenv("HTTPS_PROXY", "secure:3", 1);
    ::setenv("NO_PROXY", "b", 1);
    CHECK(through(Proxies::from_environment(), "http://a/") == "http://plain:2/");
    CHECK(through(Proxies::from_environment(), "https://a/") == "http://secure:3/");
    CHECK(through(Proxies::from_environment(), "http://b/") == "");
    ::setenv("http_proxy", "not a url", 1);
    CHECK_THROWS_AS(Proxies::from_environment(), std::invalid_argument);
    for (const char* name : {"HTTP_PROXY", "all_proxy", "http_proxy", "HTTPS_PROXY", "NO_PROXY"}) ::unsetenv(name);
}
