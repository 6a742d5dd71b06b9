// What is said and shown: compression, arguments, JSON and templates.
#include <stepwise/tests/net/http/request_of.hpp>

#include <zlib.h>
#include <nlohmann/json.hpp>
#include <stepwise/net/http/arguments.hpp>
#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/http/content_decoder.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/json.hpp>
#include <stepwise/net/http/template.hpp>

using namespace stepwise::http;
using stepwise::http::test::request_of;

namespace {

std::string gunzip(const std::string& bytes, std::size_t size) {
    z_stream stream{};
    inflateInit2(&stream, 15 + 16);
    std::string out(size + 1, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(out.size() - stream.avail_out);
    inflateEnd(&stream);
    return out;
}

bool takes(const std::string& value) {
    return takes_gzip(request_of("GET", "/", "Accept-Encoding: " + value + "\r\n"));
}

Request gzip_please() {
    return request_of("GET", "/", "Accept-Encoding: gzip, br\r\n");
}

std::string rendered(std::string_view text, const nlohmann::json& data) {
    return Template("page.html", text).render(data);
}

std::string error_of(std::string_view text, const nlohmann::json& data = nlohmann::json::object()) {
    try {
        return "no error: " + rendered(text, data);
    } catch (const TemplateError& error) {
        return error.what();
    }
}

int status_of_json(const std::string& type, const std::string& body) {
    try {
        json_of(request_of("POST", "/", type.empty() ? "" : "Content-Type: " + type + "\r\n", body));
        return 200;
    } catch (const HttpError& error) {
        return error.status();
    }
}

}  // namespace

TEST_CASE("who takes gzip, by weights") {
    for (std::string value : {"gzip", "GZIP", "x-gzip", "br, gzip", "*", "gzip;q=0.5", "gzip; q=1.000", "gzip;q=0.001",
                              "identity;q=0, *;q=0.1", "*;q=0, gzip"}) {
        CAPTURE(value);
        CHECK(takes(value));
    }
    for (std::string value : {"", "br", "gzip;q=0", "gzip;q=0.000", "identity, gzip;q=0.5", "*;q=0", "gzip;q=2",
                              "gzip;q=x", "gzip;q=0.0001", "gzip;x=1", "*, gzip;q=0"}) {
        CAPTURE(value);
        CHECK_FALSE(takes(value));
    }
    CHECK_FALSE(takes_gzip(request_of("GET", "/")));
}

TEST_CASE("a text that is long enough is compressed, says so, and is the same behind it") {
    const std::string body(10'000, 'x');
    Response response = Response::text(body);
    response.headers.set("ETag", "\"a\"").set("Vary", "Cookie");
    compress(gzip_please(), response);
    CHECK(response.headers.find("Content-Encoding") == "gzip");
    CHECK(response.headers.find("Vary") == "Cookie, Accept-Encoding");
    CHECK(response.headers.find("ETag") == "W/\"a\"");
    CHECK(response.body.size() < 200);
    CHECK(gunzip(response.body, body.size()) == body);
}

TEST_CASE("a body of gzip in pieces can be decoded as far as it has come") {
    GzipStream packing;
    ContentDecoder decoder(ContentCoding::gzip);
    std::string arrived;
    for (const std::string& piece : {std::string("first"), std::string(100'000, 'x'), std::string("last")}) {
        const std::string packed = packing.add(piece);
        decoder.receive_data(packed);
        std::string decoded;
        while (decoded.size() < piece.size() && decoder.decode_more(decoded)) continue;
        CHECK(decoded == piece);
        arrived += packed;
    }
    CHECK(packing.add("") == "");
    arrived += packing.finish();
    CHECK(arrived.size() < 1000);
    CHECK(gunzip(arrived, 100'009) == "first" + std::string(100'000, 'x') + "last");
}

TEST_CASE("what would not gain, or must not change, is left as it is") {
    const std::string long_text(10'000, 'x');
    const auto untouched = [](Response response, const Request& request = gzip_please()) {
        const std::string body = response.body;
        compress(request, response);
        return response.body == body && response.headers.find("Content-Encoding").value_or("br") == "br";
    };
    CHECK(untouched(Response::text("short")));
    CHECK(untouched(Response(200, long_text, "image/png")));
    CHECK(untouched(Response(206, long_text, "text/plain")));
    CHECK(untouched(Response(200, long_text, "text/event-stream")));
    CHECK(untouched(Response::text(long_text), request_of("GET", "/")));
    Response coded = Response::text(long_text);
    coded.headers.set("Content-Encoding", "br");
    CHECK(untouched(coded));
    Response kept = Response::text(long_text);
    kept.headers.set("Cache-Control", "public, no-transform");
    CHECK(untouched(kept));
    Response unasked = Response::text(long_text);
    compress(request_of("GET", "/"), unasked);
    CHECK(unasked.headers.find("Vary") == "Accept-Encoding");
}

TEST_CASE("arguments are decoded, of the query first and then of a form; one that is missing is a 400") {
    const Request request =
        request_of("POST", "/?a=1&b=x%20y&tag=q", "Content-Type: application/x-www-form-urlencoded\r\n",
                   "a=2&c=%C3%A9+z&tag=f&tag=%zz&empty=");
    CHECK(get_argument(request, "a") == "1");
    CHECK(get_argument(request, "b") == "x y");
    CHECK(get_argument(request, "c") == "\xc3\xa9 z");
    CHECK(get_argument(request, "empty") == "");
    CHECK(get_argument(request, "none", "otherwise") == "otherwise");
    CHECK(get_arguments(request, "tag") == std::vector<std::string>{"q", "f"});
    CHECK(get_arguments(request, "a") == std::vector<std::string>{"1", "2"});
    CHECK_FALSE(find_argument(request, "none"));
    try {
        get_argument(request, "none");
        FAIL("it throws");
    } catch (const HttpError& error) {
        CHECK(error.status() == 400);
        CHECK(std::string(error.what()) == "the argument 'none' is missing");
    }
    const Request other = request_of("POST", "/", "Content-Type: text/plain\r\n", "a=2");
    CHECK_FALSE(find_argument(other, "a"));
}

TEST_CASE("JSON of a request, and of a response") {
    CHECK(json_of(request_of("POST", "/", "Content-Type: application/json; charset=utf-8\r\n", R"({"a":[1,2]})"))
              .at("a")
              .at(1) == 2);
    CHECK(status_of_json("application/json", "{}") == 200);
    CHECK(status_of_json("application/json", "{") == 400);
    CHECK(status_of_json("application/json", "") == 400);
    CHECK(status_of_json("application/json", "{} {}") == 400);
    CHECK(status_of_json("text/plain", "{}") == 415);
    CHECK(status_of_json("", "{}") == 415);
    const auto nested = [](int depth) {
        return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
    };
    CHECK(status_of_json("application/json", nested(json_depth_max)) == 200);
    CHECK(status_of_json("application/json", nested(json_depth_max + 2)) == 400);
    CHECK(status_of_json("application/json", nested(100'000)) == 400);
    Response response = json_response({{"id", 7}, {"text", "\xff"}}, 201);
    CHECK(response.status == 201);
    CHECK(response.body == "{\"id\":7,\"text\":\"\xef\xbf\xbd\"}");
}

TEST_CASE("a template fills in, and escapes unless it is told not to") {
    const nlohmann::json data = {{"name", "<b>\"Ada\" & 'Co'"}, {"n", 3}, {"user", {{"tags", {"x", "y"}}}}};
    CHECK(rendered("{{ name }}|{% raw name %}|{{n}}", data) ==
          "&lt;b&gt;&quot;Ada&quot; &amp; &#39;Co&#39;|<b>\"Ada\" & 'Co'|3");
    CHECK(rendered("{{ user.tags.1 }}{# not seen {{ }} #}{{ 'lit' }} { not } {x}", data) == "ylit { not } {x}");
    CHECK(rendered("{", data) == "{");
    CHECK(rendered("", data) == "");
}

TEST_CASE("a template asks and repeats") {
    const nlohmann::json data = {{"list", {"a", "b"}},
                                 {"none", nlohmann::json::array()},
                                 {"kind", "x"},
                                 {"zero", 0},
                                 {"rows", {{{"cells", {1, 2}}}, {{"cells", {3}}}}}};
    CHECK(rendered("{% for i in list %}[{{ i }}]{% end %}", data) == "[a][b]");
    CHECK(rendered("{% for r in rows %}{% for c in r.cells %}{{ c }},{% end %};{% end %}", data) == "1,2,;3,;");
    CHECK(rendered("{% if list %}yes{% else %}no{% end %}", data) == "yes");
    CHECK(rendered("{% if none %}yes{% elif zero %}zero{% elif kind == \"x\" %}x{% else %}no{% end %}", data) == "x");
    CHECK(rendered("{% if not missing %}no{% end %}{% if kind != 'x' %}y{% end %}", data) == "no");
}

TEST_CASE("a function of a template") {
    const TemplateFunctions functions = {
        {"static_url", [](std::string_view path) { return "/static/" + std::string(path) + "?v=<1>"; }}};
    const Template page("page.html", R"({{ static_url("a.css") }} {% raw static_url(file) %})", functions);
    CHECK(page.render({{"file", "b.js"}}) == "/static/a.css?v=&lt;1&gt; /static/b.js?v=<1>");
}

TEST_CASE("functions do not stand in each other, however many there are") {
    const TemplateFunctions functions = {{"f", [](std::string_view text) { return std::string(text); }}};
    for (const std::size_t depth : {std::size_t{2}, std::size_t{200'000}}) {
        std::string text = "{{ ";
        for (std::size_t count = 0; count < depth; ++count) text += "f(";
        text += "x" + std::string(depth, ')') + " }}";
        CHECK_THROWS_WITH_AS(Template("page.html", text, functions), "page.html:1: a function of a function",
                             TemplateError);
    }
}

TEST_CASE("what is no template says where, and what is not in the data too") {
    CHECK(error_of("a\nb {{ x") == "page.html:2: '}}' is missing");
    CHECK(error_of("{% if x %}\n") == "page.html:2: the block that begins in line 1 has no end");
    CHECK(error_of("\n{% end %}") == "page.html:2: 'end' without a block that it could belong to");
    CHECK(error_of("{% while x %}").find("page.html:1: 'while' is no tag") == 0);
    CHECK(error_of("{{ a b }}") == "page.html:1: 'a b' is no value");
    CHECK(error_of("{{ }}") == "page.html:1: '' is no value");
    CHECK(error_of("{{ f(x) }}") == "page.html:1: there is no function 'f'");
    CHECK(error_of("{% for x list %}{% end %}").find("page.html:1: 'for' is followed by") == 0);
    CHECK(error_of("\n\n{{ user.name }}") == "page.html:3: 'user.name' is not in the data");
    CHECK(error_of("{% for x in y %}{% end %}", {{"y", 7}}) == "page.html:1: 'y' is no list");
    std::string deep;
    for (std::size_t depth = 0; depth <= Template::depth_max + 1; ++depth) deep += "{% if x %}";
    CHECK(error_of(deep) == "page.html:1: more than 32 blocks in each other");
}
