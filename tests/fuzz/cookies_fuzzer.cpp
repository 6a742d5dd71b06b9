// What anybody may send as a Cookie field, as a signed cookie's text, or as a Set-Cookie field.
//
// Every cookie that comes out is part of what was given, and none holds a semicolon; a signature is good only for what
// was signed; a jar tells no other host.
#include <chrono>
#include <stepwise/net/http/base64url.hpp>
#include <stepwise/net/http/cookie_jar.hpp>
#include <stepwise/net/http/cookies.hpp>
#include <stepwise/net/http/signed_cookies.hpp>
#include <stepwise/tests/fuzz/support.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

void check_field(std::string_view field) {
    std::string_view rest = field;
    while (const auto cookie = http::take_cookie(rest)) {
        expect(lies_within(cookie->name, field) && lies_within(cookie->value, field), "a cookie is part of its field");
        expect(cookie->value.find(';') == std::string_view::npos, "a value ends at its semicolon", cookie->value);
        expect(cookie->name.find_first_of(";=") == std::string_view::npos, "a name ends at its sign", cookie->name);
    }
    expect(rest.empty(), "all of a field is looked at", rest);
}

void check_signed(std::string_view text) {
    const http::CookieSigner signer({"a key of some length"});
    const http::CookieSigner::Time now(std::chrono::seconds(1'000'000));
    expect(!signer.verify("user", text, std::chrono::hours(1), now), "nobody else can sign", text);
    const std::string ours = signer.sign("user", text, now);
    expect(signer.verify("user", ours, std::chrono::hours(1), now) == text, "what was signed comes back", text);
}

// As a server's Set-Cookie field.
void check_jar(std::string_view text) {
    std::string error;
    const auto url = net::Url::parse("http://a.example/x/y", error);
    const auto stranger = net::Url::parse("http://b.example/x/y", error);
    const http::CookieJar::Clock::time_point now(std::chrono::seconds(1'000'000));
    http::CookieJar jar;
    const bool taken = jar.take(*url, text, now);
    expect(jar.size() <= (taken ? 1U : 0U), "one field is one cookie at most", text);
    const std::string field = jar.field_for(*url, now);
    for (const char c : field) expect(static_cast<unsigned char>(c) >= 0x20, "a field is one line", field);
    expect(field.find(';') == std::string::npos, "one cookie is one pair", field);
    expect(jar.field_for(*stranger, now).empty(), "no other host is told", text);
}

void check_encoding(std::string_view text) {
    if (const auto bytes = http::from_base64url(text)) {
        expect_equal(http::to_base64url(*bytes), text, "every value has one form");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const LentBytes lent({reinterpret_cast<const char*>(data), size});
    check_field(lent.view());
    check_signed(lent.view());
    check_jar(lent.view());
    check_encoding(lent.view());
    return 0;
}
