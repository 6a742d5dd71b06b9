// A server's files, its log, and what it believes of where requests come from and who sends them.
#include <stepwise/tests/net/http_support.hpp>

#include <fcntl.h>
#include <stepwise/net/http/access_log.hpp>
#include <stepwise/net/http/beneath.hpp>
#include <stepwise/net/http/error_page.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/static_files.hpp>
#include <stepwise/net/http/trusted_proxies.hpp>
#include <stepwise/net/http/xsrf.hpp>
#include <stepwise/tests/left_out.hpp>
#include <stepwise/tests/net/http/request_of.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace net_test;
using http::Request;
using http::Response;
using http::Router;
using http::test::request_of;

namespace {

void put(const std::string& path, std::string_view bytes) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
    REQUIRE(file);
    REQUIRE(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

// A folder that is gone with the test.
struct Folder {
    Folder() {
        char name[] = "/tmp/stepwise_pages_XXXXXX";
        path = ::mkdtemp(name);
        ::mkdir((path + "/public").c_str(), 0755);
        ::mkdir((path + "/public/sub").c_str(), 0755);
        ::mkdir((path + "/public/empty").c_str(), 0755);
        put(path + "/secret.txt", "secret");
        put(path + "/public/a.txt", "0123456789");
        put(path + "/public/.hidden", "hidden");
        put(path + "/public/large.bin", large);
        put(path + "/public/none.txt", "");
        put(path + "/public/with space.html", "<p>");
        put(path + "/public/sub/index.html", "<h1>");
        REQUIRE(::symlink("../secret.txt", (path + "/public/link.txt").c_str()) == 0);
        REQUIRE(::symlink("..", (path + "/public/up").c_str()) == 0);
        REQUIRE(::symlink("a.txt", (path + "/public/inner.txt").c_str()) == 0);
        REQUIRE(::mkfifo((path + "/public/pipe").c_str(), 0644) == 0);
    }
    ~Folder() {
        for (std::string name : {"a.txt", ".hidden", "large.bin", "none.txt", "with space.html", "sub/index.html",
                                 "link.txt", "up", "inner.txt", "pipe"}) {
            ::unlink((path + "/public/" + name).c_str());
        }
        for (std::string name : {"/public/sub", "/public/empty", "/public"}) ::rmdir((path + name).c_str());
        ::unlink((path + "/secret.txt").c_str());
        ::rmdir(path.c_str());
    }

    std::string path;
    std::string large = pattern(300'000);
};

struct Scene : Served {
    Scene() : files(folder.path + "/public", "/static/") {
        Router router;
        router.get("/static/{path...}", files.handler());
        serve(std::move(router));
    }
    Answer ask(std::string_view target, std::string_view fields = {}) {
        Peer client = connect();
        client.send(get(target, fields));
        return read_answer(client);
    }

    Folder folder;
    http::StaticFiles files;
};

std::string value_of(const Answer& answer, std::string_view name) {
    const std::string line = "\r\n" + std::string(name) + ": ";
    const std::size_t begin = answer.head.find(line);
    if (begin == std::string::npos) return {};
    const std::size_t from = begin + line.size();
    return answer.head.substr(from, answer.head.find("\r\n", from) - from);
}

Coro<> stream(const Request&, http::ResponseWriter& out) {
    co_await out.write("12345678");
}

}  // namespace

TEST_CASE("files are served with their type, length and validators, small, large and empty") {
    Scene scene;
    Answer answer = scene.ask("/static/a.txt");
    CHECK(answer.status == 200);
    CHECK(answer.body == "0123456789");
    CHECK(answer.has("Content-Type: text/plain; charset=utf-8\r\n"));
    CHECK(answer.has("X-Content-Type-Options: nosniff\r\n"));
    CHECK(answer.has("Accept-Ranges: bytes\r\n"));
    CHECK(answer.has("Cache-Control: no-cache\r\n"));
    CHECK(scene.ask("/static/large.bin").body == scene.folder.large);
    answer = scene.ask("/static/none.txt");
    CHECK(answer.status == 200);
    CHECK(answer.has("Content-Length: 0\r\n"));
    CHECK(scene.ask("/static/with%20space.html").body == "<p>");
    CHECK(scene.ask("/static/sub/").body == "<h1>");
    answer = scene.ask("/static/sub?x=1");
    CHECK(answer.status == 308);
    CHECK(answer.has("Location: /static/sub/?x=1\r\n"));
    Peer client = scene.connect();
    client.send("HEAD /static/a.txt HTTP/1.1\r\nHost: test\r\n\r\n" + get("/static/a.txt"));
    CHECK(read_answer(client, true).has("Content-Length: 10\r\n"));
    CHECK(read_answer(client).body == "0123456789");
}

TEST_CASE("nothing outside of the folder is reached, by no path and by no link") {
    Scene scene;
    for (std::string target :
         {"/static/../secret.txt", "/static/..%2fsecret.txt", "/static/%2e%2e/secret.txt",
          "/static/sub/../../secret.txt", "/static/link.txt", "/static/up/secret.txt", "/static/inner.txt",
          "/static//etc/passwd", "/static/%2fetc/passwd", "/static/.hidden", "/static/sub/.", "/static/a.txt/",
          "/static/a.txt/b", "/static/..\\secret.txt", "/static/pipe", "/static/none", "/static/empty/", "/static/",
          "/static/sub//index.html"}) {
        CAPTURE(target);
        CHECK(scene.ask(target).status == 404);
    }
    http::FolderRoot root(scene.folder.path + "/public");
    for (std::string path : {"../secret.txt", "sub/../../secret.txt", "/etc/passwd", "", "./a.txt"}) {
        CAPTURE(path);
        CHECK_FALSE(root.open(path).fd);
    }
    CHECK_THROWS_AS(http::StaticFiles("/no/such/folder"), std::system_error);
}

TEST_CASE("what the client has already, and parts of it") {
    Scene scene;
    const std::string etag = value_of(scene.ask("/static/a.txt"), "ETag");
    REQUIRE_FALSE(etag.empty());
    Answer answer = scene.ask("/static/a.txt", "If-None-Match: " + etag + "\r\n");
    CHECK(answer.status == 304);
    CHECK(value_of(answer, "ETag") == etag);
    CHECK(scene.ask("/static/a.txt", "If-Match: \"other\"\r\n").status == 412);
    answer = scene.ask("/static/a.txt", "Range: bytes=2-4\r\n");
    CHECK(answer.status == 206);
    CHECK(answer.body == "234");
    CHECK(answer.has("Content-Range: bytes 2-4/10\r\n"));
    CHECK(scene.ask("/static/large.bin", "Range: bytes=-100000\r\n").body == scene.folder.large.substr(200'000));
    answer = scene.ask("/static/a.txt", "Range: bytes=10-\r\n");
    CHECK(answer.status == 416);
    CHECK(answer.has("Content-Range: bytes */10\r\n"));
    CHECK(scene.ask("/static/a.txt", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n").status == 200);
    answer = scene.ask("/static/a.txt", "Range: bytes=0-1,5-6\r\n");
    CHECK(answer.status == 206);
    CHECK(answer.body.find("Content-Range: bytes 5-6/10\r\n\r\n56\r\n--") != std::string::npos);
    CHECK(answer.body.ends_with("--\r\n"));
}

TEST_CASE("a URL with the version of a file may be kept, until the file is another") {
    Scene scene;
    const std::string url = scene.files.url("a.txt");
    REQUIRE(url.starts_with("/static/a.txt?v="));
    CHECK(scene.ask(url).has("Cache-Control: public, max-age=31536000, immutable\r\n"));
    CHECK(scene.files.url("none at all.txt") == "/static/none%20at%20all.txt");
    CHECK(scene.files.url("../secret.txt") == "/static/../secret.txt");
    put(scene.folder.path + "/public/a.txt", "changed: it is longer now");
    CHECK(scene.ask(url).has("Cache-Control: no-cache\r\n"));
    CHECK(scene.files.url("a.txt") != url);
}

TEST_CASE("a file that becomes shorter while it is sent breaks the connection off") {
    if (is_left_out_on_simulator("its disk has a copy of each file")) return;
    Scene scene;
    put(scene.folder.path + "/public/large.bin", std::string(20'000'000, 'x'));
    Peer client = scene.connect(64 * 1024);
    client.send(get("/static/large.bin"));
    client.read_until("\r\n\r\n");
    REQUIRE(::truncate((scene.folder.path + "/public/large.bin").c_str(), 1000) == 0);
    CHECK(client.read_to_end().size() < 20'000'000);
    CHECK(scene.lost.size() == 1);
}

TEST_CASE("the log has a line for each answer, which no client can forge") {
    Served served;
    std::vector<std::string> lines;
    http::ServerOptions options;
    options.on_answered = [&](const http::Answered& answered) {
        const std::string line = http::access_line(answered);
        const std::size_t begin = line.find('"');
        lines.push_back(line.substr(0, 10) + line.substr(begin, line.rfind(' ') - begin));
    };
    Router router;
    router.get("/", [](const Request&) { return Response::text("hello"); });
    router.get("/stream", stream);
    served.serve(std::move(router), options);
    Peer client = served.connect();
    client.send(get("/?q=1", "User-Agent: \"x\" \\\xff\r\nReferer: http://a/\r\n") + get("/stream") +
                "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n" + get("/none") + "BAD\r\n\r\n");
    client.read_to_end();
    const std::vector<std::string> expected = {
        R"(127.0.0.1 "GET /?q=1 HTTP/1.1" 200 5 "http://a/" "\x22x\x22 \x5c\xff")",
        R"(127.0.0.1 "GET /stream HTTP/1.1" 200 8 "-" "-")",
        R"(127.0.0.1 "HEAD / HTTP/1.1" 200 0 "-" "-")",
        R"(127.0.0.1 "GET /none HTTP/1.1" 404 10 "-" "-")",
    };
    REQUIRE(lines.size() == 5);
    CHECK(std::vector(lines.begin(), lines.end() - 1) == expected);
    CHECK(lines[4].starts_with(R"(127.0.0.1 "-" 400 )"));
}

TEST_CASE("lines are gathered and written to the file, also those that the end finds") {
    if (is_left_out_on_simulator("the file is read by the test")) return;
    const std::string path = "/tmp/stepwise_access_" + std::to_string(::getpid());
    ::unlink(path.c_str());
    const auto lines_in_file = [&] {
        std::string text(1'000'000, '\0');
        UniqueFd file(::open(path.c_str(), O_RDONLY));
        text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(file.get(), text.data(), text.size()))));
        return std::count(text.begin(), text.end(), '\n');
    };
    World world;
    std::optional<http::AccessLog> log;
    world.loop().call_soon([&] { log.emplace(path); });
    world.turns(2);
    const Request request = request_of("GET", "/x");
    const http::Answered answered{request, 200, 5, std::chrono::system_clock::time_point(1s), 1500us};
    CHECK(http::access_line(answered) ==
          "- - - [01/Jan/1970:00:00:01 +0000] \"GET /x HTTP/1.1\" 200 5 \"-\" \"-\" 0.001500");
    world.loop().call_soon([&] {
        for (int count = 0; count < 3; ++count) (*log)(answered);
    });
    world.turns(2);
    CHECK(lines_in_file() == 0);
    world.pass(2s);
    world.run_until([&] { return lines_in_file() == 3; });
    world.settle();
    world.loop().call_soon([&] { (*log)(answered); });
    world.turns(2);
    log.reset();
    CHECK(lines_in_file() == 4);
    ::unlink(path.c_str());
}

TEST_CASE("a forwarded address counts as far as our own proxies have said it") {
    const http::TrustedProxies proxies({"10.0.0.0/8", "2001:db8::/32", "192.0.2.7"});
    const auto client = [&](std::string_view peer, const std::string& fields) {
        return std::string(proxies.client_of(request_of("GET", "/", fields), peer));
    };
    CHECK(client("10.1.2.3", "X-Forwarded-For: 203.0.113.9\r\n") == "203.0.113.9");
    CHECK(client("203.0.113.1", "X-Forwarded-For: 203.0.113.9\r\n") == "203.0.113.1");
    CHECK(client("10.1.2.3", "") == "10.1.2.3");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.9.9.9\r\n") == "203.0.113.9");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7\r\n") == "203.0.113.9");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 203.0.113.9, nonsense\r\n") == "10.1.2.3");
    CHECK(client("10.1.2.3", "X-Forwarded-For: 10.4.4.4, 10.5.5.5\r\n") == "10.4.4.4");
    CHECK(client("2001:db8::1", "X-Forwarded-For: [2001:db9::2]:443\r\n") == "2001:db9::2");
    CHECK(client("::ffff:10.0.0.1", "X-Forwarded-For: 203.0.113.9:8080\r\n") == "203.0.113.9");
    CHECK(client("", "X-Forwarded-For: 203.0.113.9\r\n") == "");
    CHECK(proxies.trusts("10.255.0.1"));
    CHECK_FALSE(proxies.trusts("11.0.0.1"));
    for (std::string text : {"", "10.0.0.0/33", "10.0.0/8", "x", "10.0.0.0/", "::/129", "10.0.0.0/8x"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(http::TrustedProxies({text}), std::invalid_argument);
    }
}

TEST_CASE("the server says whose address it is") {
    Served served;
    http::ServerOptions options;
    options.trusted_proxies = http::TrustedProxies({"127.0.0.0/8"});
    Router router;
    router.get("/", [](const Request& request) { return Response::text(std::string(request.remote_ip())); });
    served.serve(std::move(router), options);
    Peer client = served.connect();
    client.send(get("/", "X-Forwarded-For: 203.0.113.9\r\n"));
    CHECK(read_answer(client).body == "203.0.113.9");
}

TEST_CASE("an HttpError is its status and its sentence, and no failure") {
    Served served;
    Router router;
    router.get("/", [](const Request&) -> Response { throw http::HttpError(403, "not for you"); });
    served.serve(std::move(router));
    Peer client = served.connect();
    client.send(get("/"));
    Answer answer = read_answer(client);
    CHECK(answer.status == 403);
    CHECK(answer.body == "not for you\n");
    CHECK(served.lost.empty());
}

TEST_CASE("in debug mode an error page says what was thrown") {
    const auto error = std::make_exception_ptr(std::runtime_error("the <cause>"));
    CHECK(http::error_page(error, "the handler of GET /", false).body == "Internal Server Error\n");
    const std::string body = http::error_page(error, "the handler of GET /", true).body;
    CHECK(body.find("the handler of GET / has thrown:\n  std::runtime_error: the <cause>\n") != std::string::npos);
}

TEST_CASE("a form is taken with the token of its cookie only, which looks different each time") {
    World world;
    http::Xsrf xsrf(world.loop().entropy());
    Response page;
    const std::string token = xsrf.token(request_of("GET", "/"), page);
    const std::string set_cookie(page.headers.find("Set-Cookie").value_or(""));
    REQUIRE(set_cookie.starts_with("_xsrf="));
    const std::string cookie = "Cookie: " + set_cookie.substr(0, set_cookie.find(';')) + "\r\n";
    const std::string form = cookie + "Content-Type: application/x-www-form-urlencoded\r\n";
    Response again;
    const std::string other = xsrf.token(request_of("GET", "/", cookie), again);
    CHECK(other != token);
    CHECK_FALSE(again.headers.contains("Set-Cookie"));
    for (const std::string& good : {token, other}) {
        CHECK_FALSE(xsrf.check(request_of("POST", "/", form, "_xsrf=" + good)));
        CHECK_FALSE(xsrf.check(request_of("DELETE", "/", cookie + "X-XSRF-Token: " + good + "\r\n")));
    }
    CHECK_FALSE(xsrf.check(request_of("GET", "/")));
    const auto status = [&](const std::string& fields, const std::string& body) {
        const std::optional<Response> refusal = xsrf.check(request_of("POST", "/", fields, body));
        return refusal ? refusal->status : 200;
    };
    std::string wrong = token;
    wrong[0] = wrong[0] == 'A' ? 'B' : 'A';
    CHECK(status(form, "_xsrf=" + wrong) == 403);
    CHECK(status(form, "") == 403);
    CHECK(status(form, "_xsrf=" + set_cookie.substr(6, set_cookie.find(';') - 6)) == 403);
    CHECK(status("Content-Type: application/x-www-form-urlencoded\r\n", "_xsrf=" + token) == 403);
    CHECK(status("Cookie: _xsrf=\r\n", "") == 403);
    CHECK(xsrf.form_field(request_of("GET", "/", cookie), again)
              .starts_with("<input type=\"hidden\" name=\"_xsrf\" value=\""));
}
