// Cookies: what is read of a request, what is written into a response, and what is signed. RFC 6265.
#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <stepwise/net/http/base64url.hpp>
#include <stepwise/net/http/cookies.hpp>
#include <stepwise/net/http/signed_cookies.hpp>
#include <string>
#include <vector>

using namespace stepwise::http;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

std::vector<std::string> pairs(std::string_view field) {
    std::vector<std::string> all;
    while (const auto cookie = take_cookie(field))
        all.push_back(std::string(cookie->name) + "|" + std::string(cookie->value));
    return all;
}

using Pairs = std::vector<std::string>;

const std::string this_year(16, 'k');
const std::string last_year(32, 'l');
constexpr CookieSigner::Time noon{1'000'000s};

}  // namespace

TEST_CASE("cookies are read in order, with spaces and one pair of quotes taken off") {
    CHECK(pairs("a=1; b=2;c=3") == Pairs{"a|1", "b|2", "c|3"});
    CHECK(pairs("a=1=2; b=\"x y\"; c=\"; d=\"\"") == Pairs{"a|1=2", "b|x y", "c|\"", "d|"});
    CHECK(pairs(" a = 1 ;\tb=2 ") == Pairs{"a|1", "b|2"});
}

TEST_CASE("pieces that are no cookies are passed over, and hide none that follow") {
    CHECK(pairs("").empty());
    CHECK(pairs(";;; ;").empty());
    CHECK(pairs("noequals; =novalue; a=1; ; b=") == Pairs{"a|1", "b|"});
}

TEST_CASE("a cookie is found in any Cookie field, the first of its name, by its exact name") {
    const std::string block = "Cookiea=1; b=2cOOKIEc=3; b=4X-Otherd=5";
    HeaderFields headers;
    headers.set_block(block.data());
    headers.add({0, 6, 6, 8});
    headers.add({14, 6, 20, 8});
    headers.add({28, 7, 35, 3});
    CHECK(find_cookie(headers, "a") == "1");
    CHECK(find_cookie(headers, "b") == "2");
    CHECK(find_cookie(headers, "c") == "3");
    CHECK(find_cookie(headers, "C") == std::nullopt);
    CHECK(find_cookie(headers, "d") == std::nullopt);
}

TEST_CASE("without more said a cookie is for the site, hidden from scripts, kept from other sites, for this session") {
    CHECK(Cookie("seen", "yes").field_value() == "seen=yes; Path=/; HttpOnly; SameSite=Lax");
}

TEST_CASE("every attribute is written as RFC 6265 writes it") {
    Cookie cookie("id", "7");
    cookie.lasts(24h).path("/shop").domain("example.org").secure().open_to_scripts().same_site(SameSite::none);
    CHECK(cookie.field_value() == "id=7; Path=/shop; Domain=example.org; Max-Age=86400; Secure; SameSite=None");
    CHECK(Cookie("a", "").lasts(-5s).same_site(SameSite::strict).field_value() ==
          "a=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
}

TEST_CASE("a name, a value or an attribute that a browser would read as something else is refused") {
    for (const std::string& name : {""s, "a b"s, "a=b"s, "a;b"s, "ä"s, "a\0"s})
        CHECK_THROWS_AS(Cookie(name, "1"), std::invalid_argument);
    for (const std::string& value : {"a b"s, "a;b"s, "a,b"s, "\"a\""s, "a\\b"s, "ä"s, "a\r\nSet-Cookie: b=1"s, "\0"s}) {
        CAPTURE(value);
        CHECK_THROWS_AS(Cookie("a", value), std::invalid_argument);
    }
    CHECK_THROWS_AS(Cookie("a", std::string(cookie_bytes_max, 'x')), std::invalid_argument);
    CHECK_NOTHROW(Cookie("a", std::string(cookie_bytes_max - 1, 'x')));
    Cookie cookie("a", "1");
    for (const char* path : {"", "shop", "/a;b", "/a\r\n"}) CHECK_THROWS_AS(cookie.path(path), std::invalid_argument);
    for (const char* domain : {"", ".example.org", "a b", "a;b", "-a"})
        CHECK_THROWS_AS(cookie.domain(domain), std::invalid_argument);
}

TEST_CASE("what a browser would silently refuse throws here") {
    CHECK_THROWS_AS(Cookie("a", "1").same_site(SameSite::none).field_value(), std::invalid_argument);
    CHECK_THROWS_AS(Cookie("__Secure-a", "1").field_value(), std::invalid_argument);
    CHECK_THROWS_AS(Cookie("__host-a", "1").field_value(), std::invalid_argument);
    CHECK_THROWS_AS(Cookie("__Host-a", "1").secure().path("/b").field_value(), std::invalid_argument);
    CHECK_THROWS_AS(Cookie("__Host-a", "1").secure().domain("example.org").field_value(), std::invalid_argument);
    CHECK_NOTHROW(Cookie("__Host-a", "1").secure().field_value());
}

TEST_CASE("a cookie is set and taken back by one header field each") {
    Headers headers;
    set_cookie(headers, Cookie("a", "1"));
    set_cookie(headers, Cookie("b", "2"));
    clear_cookie(headers, "__Secure-c", "/d", "example.org");
    CHECK(headers.size() == 3);
    CHECK((headers.end() - 1)->second ==
          "__Secure-c=; Path=/d; Domain=example.org; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
}

TEST_CASE("base64url: the examples of RFC 4648, and nothing but what it makes") {
    const std::vector<std::pair<std::string, std::string>> examples = {
        {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xfb\xff", "-_8"}, {"\0"s, "AA"}};
    for (const auto& [bytes, text] : examples) {
        CHECK(to_base64url(bytes) == text);
        CHECK(from_base64url(text) == bytes);
    }
    for (const char* text : {"Z", "Zg==", "Zh", "Zm9", "Zm9v+", "Z g", "Zm9vY"}) {
        CAPTURE(text);
        CHECK(from_base64url(text) == std::nullopt);
    }
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
        CHECK(from_base64url(to_base64url(all)) == all);
    }
}

TEST_CASE("what was signed comes back, whatever its bytes, for as long as it may be old") {
    const CookieSigner signer({this_year});
    for (const std::string& value : {""s, "ada"s, "a.b|c; d"s, "\0\xff"s, std::string(2000, 'x')}) {
        const std::string text = signer.sign("user", value, noon);
        CHECK(signer.verify("user", text, 1h, noon) == value);
        CHECK(signer.verify("user", text, 1h, noon + 1h) == value);
        CHECK(signer.verify("user", text, 1h, noon + 1h + 1s) == std::nullopt);
        CHECK(signer.verify("user", text, 1h, noon - CookieSigner::clock_difference_max) == value);
        CHECK(signer.verify("user", text, 1h, noon - CookieSigner::clock_difference_max - 1s) == std::nullopt);
        CHECK_NOTHROW(Cookie("user", text));
    }
}

TEST_CASE("one flipped bit anywhere is nothing, and so is every cut") {
    const CookieSigner signer({this_year});
    const std::string text = signer.sign("user", "ada", noon);
    for (std::size_t at = 0; at < text.size(); ++at) {
        CAPTURE(at);
        for (int bit = 0; bit < 8; ++bit) {
            std::string changed = text;
            changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
            CHECK(signer.verify("user", changed, 1h, noon) == std::nullopt);
        }
        CHECK(signer.verify("user", text.substr(0, at), 1h, noon) == std::nullopt);
        CHECK(signer.verify("user", text.substr(at + 1), 1h, noon) == std::nullopt);
    }
}

TEST_CASE("a signature is good for its own name only") {
    const CookieSigner signer({this_year});
    CHECK(signer.verify("admin", signer.sign("user", "ada", noon), 1h, noon) == std::nullopt);
    CHECK(signer.verify("use", signer.sign("user", "ada", noon), 1h, noon) == std::nullopt);
}

TEST_CASE("a new key in front signs, and what the old one has signed stays good until it is taken out") {
    const CookieSigner before({last_year});
    const CookieSigner between({this_year, last_year});
    const CookieSigner after({this_year});
    const std::string old_text = before.sign("user", "ada", noon);
    CHECK(between.verify("user", old_text, 1h, noon) == "ada");
    CHECK(after.verify("user", old_text, 1h, noon) == std::nullopt);
    CHECK(after.verify("user", between.sign("user", "ada", noon), 1h, noon) == "ada");
}

TEST_CASE("a key that could be guessed is refused") {
    CHECK_THROWS_AS(CookieSigner({}), std::invalid_argument);
    CHECK_THROWS_AS(CookieSigner({this_year, "secret"}), std::invalid_argument);
}

TEST_CASE("a text that was never signed is nothing") {
    const CookieSigner signer({this_year});
    for (const char* text : {"", ".", "..", "...", "1.2.3.4", "1.1000000..", "ada"}) {
        CHECK(signer.verify("user", text, 1h, noon) == std::nullopt);
    }
}
