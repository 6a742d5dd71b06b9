// A server's files: what they are served with, in parts and whole, and to clients that leave, wait or read slowly.
#include <stepwise/tests/net/http_support.hpp>

#include <fcntl.h>
#include <stepwise/net/http/beneath.hpp>
#include <stepwise/net/http/content_decoder.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/static_files.hpp>
#include <stepwise/net/send_file.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/tests/left_out.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

using namespace net_test;
using http::Router;

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

    void make_huge() { put(folder.path + "/public/large.bin", std::string(huge_bytes, 'x')); }

    static constexpr std::size_t huge_bytes = 20'000'000;  // more than the kernel takes for a peer that does not read
    Folder folder;
    http::StaticFiles files;
};

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator begin("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator()));
}

// More than the file has, and what that ends with is swallowed.
Coro<void> promise_more(std::string path, http::ResponseWriter& out) {
    File file = co_await File::open(std::move(path));
    out.set_content_length(400'000);
    try {
        Coro<void> writing = out.write_file(file, 0, 400'000);
        co_await std::move(writing);
    } catch (const net::FileEndedError&) {
    }
}

std::string value_of(const Answer& answer, std::string_view name) {
    const std::string line = "\r\n" + std::string(name) + ": ";
    const std::size_t begin = answer.head.find(line);
    if (begin == std::string::npos) return {};
    const std::size_t from = begin + line.size();
    return answer.head.substr(from, answer.head.find("\r\n", from) - from);
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

TEST_CASE("a name that is exchanged for a link while it is asked for leads out of the folder at no time") {
    if (is_left_out_on_simulator("its threads do not run at once")) return;
    Scene scene;
    const std::string file = scene.folder.path + "/public/a.txt";
    const std::string link = scene.folder.path + "/public/link.txt";
    std::jthread other([&](const std::stop_token& over) {
        while (!over.stop_requested()) ::renameat2(AT_FDCWD, file.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
    });
    for (int found = 0, refused = 0; found < 20 || refused < 20;) {
        const Answer answer = scene.ask("/static/a.txt");
        ++(answer.status == 200 ? found : refused);
        CHECK((answer.status == 404 || answer.body == "0123456789"));
    }
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

TEST_CASE("a text goes out as gzip to those who take it, with a tag of its own") {
    Scene scene;
    const std::string text(50'000, 'a');
    put(scene.folder.path + "/public/a.txt", text);
    const std::string takes_gzip = "Accept-Encoding: gzip\r\n";
    const Answer plain = scene.ask("/static/a.txt");
    CHECK(plain.body == text);
    CHECK(plain.has("Vary: Accept-Encoding\r\n"));
    const std::string plain_tag = value_of(plain, "ETag");
    for (int time = 0; time < 2; ++time) {
        const Answer packed = scene.ask("/static/a.txt", takes_gzip);
        CHECK(packed.has("Content-Encoding: gzip\r\n"));
        CHECK(packed.has("Vary: Accept-Encoding\r\n"));
        CHECK_FALSE(packed.has("Accept-Ranges"));
        const std::string tag = value_of(packed, "ETag");
        CHECK(tag != plain_tag);
        CHECK(tag.starts_with('"'));
        http::ContentDecoder decoder(http::ContentCoding::gzip);
        decoder.receive_data(packed.body);
        std::string decoded;
        while (decoder.decode_more(decoded)) continue;
        CHECK(decoded == text);
        CHECK(scene.ask("/static/a.txt", takes_gzip + "If-None-Match: " + tag + "\r\n").status == 304);
        CHECK(scene.ask("/static/a.txt", takes_gzip + "If-None-Match: " + plain_tag + "\r\n").status == 200);
        // A part of what is packed now would be no part of what the client has.
        CHECK(scene.ask("/static/a.txt", takes_gzip + "Range: bytes=0-9\r\nIf-Range: " + tag + "\r\n").body == text);
        CHECK(scene.ask("/static/a.txt", takes_gzip + "Range: bytes=0-9\r\n").body == text.substr(0, 10));
    }
    Peer client = scene.connect();
    client.send("HEAD /static/a.txt HTTP/1.1\r\nHost: test\r\n" + takes_gzip + "\r\n" +
                get("/static/large.bin", takes_gzip));
    CHECK(value_of(read_answer(client, true), "Content-Encoding") == "gzip");
    CHECK(read_answer(client).body == scene.folder.large);
}

TEST_CASE("what was packed is forgotten with the version of its file, and only texts that gain by it are packed") {
    if (is_left_out_on_simulator("its disk has a copy of each file")) return;
    Scene scene;
    const std::string takes_gzip = "Accept-Encoding: gzip\r\n";
    put(scene.folder.path + "/public/a.txt", std::string(50'000, 'a'));
    CHECK(scene.ask("/static/a.txt", takes_gzip).has("Content-Encoding: gzip\r\n"));
    put(scene.folder.path + "/public/a.txt", std::string(40'000, 'b'));
    CHECK(scene.ask("/static/a.txt", takes_gzip).body.size() < 1000);
    const std::string before = scene.ask("/static/a.txt", takes_gzip).body;
    const auto written_at = std::filesystem::last_write_time(scene.folder.path + "/public/a.txt");
    put(scene.folder.path + "/public/a.txt", std::string(40'000, 'd'));
    std::filesystem::last_write_time(scene.folder.path + "/public/a.txt", written_at);
    CHECK((scene.ask("/static/a.txt", takes_gzip).body != before));  // of the same size and time
    put(scene.folder.path + "/public/a.txt", scene.folder.large);    // it would not get smaller
    CHECK((scene.ask("/static/a.txt", takes_gzip).body == scene.folder.large));
    put(scene.folder.path + "/public/a.txt", std::string(2'000'000, 'c'));
    CHECK(scene.ask("/static/a.txt", takes_gzip).body.size() == 2'000'000);
}

TEST_CASE("a file that becomes shorter while it is sent breaks the connection off") {
    if (is_left_out_on_simulator("its disk has a copy of each file")) return;
    Scene scene;
    scene.make_huge();
    Peer client = scene.connect(64 * 1024);
    client.send(get("/static/large.bin"));
    client.read_until("\r\n\r\n");
    REQUIRE(::truncate((scene.folder.path + "/public/large.bin").c_str(), 1000) == 0);
    CHECK(client.read_to_end().size() < Scene::huge_bytes);
    CHECK(scene.lost.size() == 1);
}

TEST_CASE("a file that ended early is no whole body, though its handler is content: nothing is answered behind it") {
    Scene scene;
    Router router;
    const std::string path = scene.folder.path + "/public/large.bin";
    router.get("/short", [&path](const http::Request&, http::ResponseWriter& out) { return promise_more(path, out); });
    router.get("/static/{path...}", scene.files.handler());
    scene.serve(std::move(router));
    Peer client = scene.connect();
    client.send(get("/short") + get("/static/a.txt"));
    const std::string received = client.read_to_end();
    CHECK(received.starts_with("HTTP/1.1 200 "));
    CHECK(received.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE("large files keep their place among the requests of a connection") {
    Scene scene;
    Peer client = scene.connect();
    const std::string& large = scene.folder.large;
    client.send(get("/static/large.bin") + get("/static/a.txt") +
                get("/static/large.bin", "Range: bytes=9-200008\r\n") +
                "HEAD /static/large.bin HTTP/1.1\r\nHost: test\r\n\r\n" +
                get("/static/large.bin", "Range: bytes=0-99999,150000-299999\r\n") + get("/static/a.txt"));
    CHECK(read_answer(client).body == large);
    CHECK(read_answer(client).body == "0123456789");
    CHECK(read_answer(client).body == large.substr(9, 200'000));
    CHECK(read_answer(client, true).has("Content-Length: 300000\r\n"));
    const std::string parts = read_answer(client).body;
    CHECK(parts.find("\r\n\r\n" + large.substr(0, 100'000) + "\r\n--") != std::string::npos);
    CHECK(parts.find("\r\n\r\n" + large.substr(150'000) + "\r\n--") != std::string::npos);
    CHECK(read_answer(client).body == "0123456789");
    CHECK(scene.lost.empty());
}

TEST_CASE("a client that has ended its side gets its file whole, and then the end") {
    Scene scene;
    Peer client = scene.connect(16 * 1024);
    client.send(get("/static/large.bin"));
    client.end_writing();
    CHECK(read_answer(client).body == scene.folder.large);
    CHECK(client.read_to_end() == "");
    scene.run_until([&] { return scene.server->connection_count() == 0; });
}

TEST_CASE("HTTP/1.0 clients get a file whole, and their connection ends behind it") {
    Scene scene;
    Peer client = scene.connect();
    client.send("GET /static/large.bin HTTP/1.0\r\n\r\n");
    CHECK(client.read_to_end().ends_with("\r\n\r\n" + scene.folder.large));
}

TEST_CASE("a client that leaves in the middle of a file is no failure, and leaves nothing open") {
    Scene scene;
    scene.make_huge();
    const std::size_t before = open_descriptors();
    {
        Peer client = scene.connect(16 * 1024);
        client.send(get("/static/large.bin"));
        client.read_until("\r\n\r\n");
        client.read(100'000);
        SUBCASE("with a reset") {
            client.reset();
        }
        SUBCASE("with an end that nobody reads behind") {
            client.close();
        }
        scene.run_until([&] { return scene.server->connection_count() == 0; });
        scene.settle();
    }
    CHECK(scene.lost.empty());
    CHECK(open_descriptors() == before);
}

TEST_CASE("who takes nothing of a file for write_timeout is cut off; who takes a little is not") {
    Scene scene;
    scene.make_huge();
    const std::size_t before = open_descriptors();
    {
        Peer idle = scene.connect(16 * 1024);
        Peer slow = scene.connect(16 * 1024);
        idle.send(get("/static/large.bin"));
        slow.send(get("/static/large.bin"));
        idle.read_until("\r\n\r\n");
        slow.read_until("\r\n\r\n");
        for (int minute = 0; minute < 3; ++minute) {
            slow.read(300'000);
            scene.settle();
            scene.pass(40s);
        }
        CHECK(scene.server->connection_count() == 1);
        scene.pass(62s);
        CHECK(scene.server->connection_count() == 0);
        scene.settle();
    }
    CHECK(scene.lost.empty());
    CHECK(open_descriptors() == before);
}

TEST_CASE("a shutdown waits for a file until its deadline, then cuts it off") {
    Scene scene;
    scene.make_huge();
    const std::size_t before = open_descriptors();
    Peer client = scene.connect(16 * 1024);
    client.send(get("/static/large.bin"));
    client.read_until("\r\n\r\n");
    Task<void> ending = scene.start_shutdown(5s);
    SUBCASE("it is read") {
        CHECK(client.read(Scene::huge_bytes).size() == Scene::huge_bytes);
        CHECK(client.read_to_end() == "");
    }
    SUBCASE("it is not") {
        scene.pass(6s);
    }
    scene.run_until([&] { return ending.done(); });
    scene.settle();
    CHECK(scene.server->connection_count() == 0);
    client.close();
    CHECK(open_descriptors() <= before);
}

TEST_CASE("the loop may end in the middle of a file") {
    Scene scene;
    scene.make_huge();
    Peer client = scene.connect(16 * 1024);
    client.send(get("/static/large.bin"));
    client.read_until("\r\n\r\n");
    scene.settle();
    scene.server.reset();
    scene.end_loop();
}
