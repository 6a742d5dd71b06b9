// A shelf of files in the browser: a page from a template, static files with versions, uploads that stream to the disk.
//
// The demo before it: 22_large_file. New: http::Template, http::StaticFiles, http::Xsrf, and a body that its handler
// reads as it comes (shelf.hpp).
// Run:    ./stepwise run 23 --port 8000    Then open http://127.0.0.1:8000/ [--uploads FOLDER] [--upload-max BYTES]
// Try:    edit public/files.css and load the page again: what is new in its address, and why may it be kept for a year?
//         curl -i --path-as-is http://127.0.0.1:8000/static/../files.cpp
//         curl -i -F file=@README.md http://127.0.0.1:8000/upload       Why 403, and what would help a stranger's page?
//         curl -i -r 0-9 http://127.0.0.1:8000/files/NAME               Ten bytes, of any file that you have put there.
// Prints: listening on http://127.0.0.1:8000
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <stepwise/demos/23_files/shelf.hpp>
#include <stepwise/net/http/serve.hpp>
#include <stepwise/net/http/static_files.hpp>
#include <stepwise/net/http/target.hpp>
#include <stepwise/net/http/template.hpp>
#include <stepwise/net/http/xsrf.hpp>
#include <stepwise/runtime/file.hpp>
#include <string>
#include <utility>

namespace http = stepwise::http;
namespace net = stepwise::net;
using nlohmann::json;
using shelf::Shelf;
using stepwise::Coro;
using stepwise::EventLoop;

namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;

const json words_of = {
    {"en",
     {{"language", "en"},
      {"other", "zh"},
      {"other_name", "中文"},
      {"title", "A shelf of files"},
      {"choose", "Choose files, or drop them here"},
      {"limit", "at most"},
      {"send", "Put on the shelf"},
      {"sending", "Sending"},
      {"too_large", "That is more than the server takes at once."},
      {"failed", "The server said no:"},
      {"lost", "The connection was lost. Nothing half of it is kept."},
      {"empty", "Nothing here yet."},
      {"name", "Name"},
      {"size", "Size"},
      {"temporary", "They are gone when the server ends; --uploads FOLDER keeps them."},
      {"how", "How this works"},
      {"how_page", "how.html"}}},
    {"zh",
     {{"language", "zh-CN"},
      {"other", "en"},
      {"other_name", "English"},
      {"title", "文件架"},
      {"choose", "选择文件，或者拖到这里"},
      {"limit", "一次最多"},
      {"send", "放上去"},
      {"sending", "正在发送"},
      {"too_large", "超过了服务器一次肯收的大小。"},
      {"failed", "服务器不收："},
      {"lost", "连接断了，没传完的一点也不留。"},
      {"empty", "还什么都没有。"},
      {"name", "名字"},
      {"size", "大小"},
      {"temporary", "服务器一停，这些文件就没了；用 --uploads 指定文件夹可以留住。"},
      {"how", "这是怎么做的"},
      {"how_page", "how.zh.html"}}},
};

std::string shown_size(std::uint64_t bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    if (bytes < mebibyte) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / mebibyte);
}

// What each loop has of its own.
class Site {
public:
    Site(const Shelf& shelf, const std::string& folder, std::uint64_t upload_bytes_max, bool is_secure)
        : shelf_(shelf),
          page_path_(folder + "/pages/home.html"),
          upload_bytes_max_(upload_bytes_max),
          static_files_(folder + "/public", "/static/"),
          uploads_(shelf.folder(), "/files/", {.index = ""}),
          xsrf_(EventLoop::current().entropy(), is_secure) {}

    static http::Router routes(const std::shared_ptr<Site>& site);

private:
    static http::Router static_routes(const std::shared_ptr<Site>& site);
    static http::Router upload_routes(const std::shared_ptr<Site>& site);
    Coro<http::Response> home(const http::Request& request);
    Coro<http::Response> upload(const http::Request& request, http::RequestBody& body);
    std::string render(const std::string& text, const json& data) const;
    json data_for(const http::Request& request, const std::vector<shelf::Entry>& entries) const;

    const Shelf& shelf_;
    std::string page_path_;
    std::uint64_t upload_bytes_max_;
    http::StaticFiles static_files_;
    http::StaticFiles uploads_;
    http::Xsrf xsrf_;
};

// Simplified: read and compiled for every request, so that an edit shows when the page is loaded again.
Coro<http::Response> Site::home(const http::Request& request) {
    const auto look = [this] { return shelf_.entries(); };
    const std::vector<shelf::Entry> entries = co_await EventLoop::current().run_in_executor(look);
    const std::string text = co_await stepwise::read_file(page_path_);
    http::Response response;
    json data = data_for(request, entries);
    // The body is not read before it is known who sends it, so the token of a form with files is in its address.
    data["upload"] = fmt::format("/upload?{}={}", http::Xsrf::argument_name, xsrf_.token(request, response));
    response.body = render(text, data);
    response.content_type = "text/html; charset=utf-8";
    response.headers.set("Cache-Control", "no-store").set("Vary", "Accept-Language");
    co_return response;
}

std::string Site::render(const std::string& text, const json& data) const {
    const auto static_url = [this](std::string_view path) { return static_files_.url(path); };
    const http::Template page("home.html", text, {{"static_url", static_url}});
    return page.render(data);
}

json Site::data_for(const http::Request& request, const std::vector<shelf::Entry>& entries) const {
    const std::string asked =
        request.argument("lang").value_or(std::string(request.headers().get("Accept-Language").substr(0, 2)));
    json files = json::array();
    for (const shelf::Entry& entry : entries) {
        files.push_back({{"name", entry.name}, {"url", uploads_.url(entry.name)}, {"size", shown_size(entry.bytes)}});
    }
    return {{"words", words_of.at(asked == "zh" ? "zh" : "en")},
            {"files", std::move(files)},
            {"limit_bytes", upload_bytes_max_},
            {"limit", shown_size(upload_bytes_max_)},
            {"temporary", shelf_.is_temporary()}};
}

Coro<http::Response> Site::upload(const http::Request& request, http::RequestBody& body) {
    co_await shelf_.take(request, body);
    http::Response response(303);
    response.headers.set("Location", "/");
    co_return response;
}

// A page among the static files makes the cookie, too: its forms will want it. So nobody may keep it for others.
http::Router Site::static_routes(const std::shared_ptr<Site>& site) {
    http::Router router;
    router.after([site](const http::Request& request, http::Response& response) {
        const bool is_page = response.headers.find("Content-Type").value_or("").starts_with("text/html");
        if (!is_page) return;
        site->xsrf_.token(request, response);
        response.headers.set("Cache-Control", "private, no-cache");
    });
    router.get("/{path...}", site->static_files_.handler());
    return router;
}

// Whatever a stranger has put on the shelf is shown, but runs nothing and asks for nothing.
http::Router Site::upload_routes(const std::shared_ptr<Site>& site) {
    http::Router router;
    router.after([](const http::Request&, http::Response& response) {
        response.headers.set("Content-Security-Policy",
                             "sandbox; default-src 'none'; media-src 'self'; img-src 'self'");
    });
    router.get("/{path...}", site->uploads_.handler());
    return router;
}

http::Router Site::routes(const std::shared_ptr<Site>& site) {
    http::Router router;
    router.before([site](const http::Request& request) { return site->xsrf_.check(request); });
    router.after([](const http::Request&, http::Response& response) {
        if (response.headers.contains("Content-Security-Policy")) return;
        response.headers.set("Content-Security-Policy",
                             "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'");
    });
    router.get("/", [site](const http::Request& request) { return site->home(request); });
    router.post("/upload",
                [site](const http::Request& request, http::RequestBody& body) { return site->upload(request, body); });
    router.mount("/static", static_routes(site)).mount("/files", upload_routes(site));
    return router;
}

}  // namespace

int main(int argc, char** argv) {
    net::ServerOptions options;
    std::string uploads;
    std::string folder = STEPWISE_FILES_FOLDER;
    std::uint64_t upload_bytes_max = 64 * mebibyte;
    std::uint64_t shelf_bytes_max = 512 * mebibyte;
    net::Options("A shelf of files in the browser.")
        .add_server_options(options)
        .add_option("--folder", folder, "Where pages/ and public/ are")
        .add_option("--uploads", uploads, "Where uploads are kept; without it a folder that ends with the program")
        .add_option("--upload-max", upload_bytes_max, 1, 1024 * 1024 * mebibyte, "Bytes of one upload")
        .add_option("--shelf-max", shelf_bytes_max, 1, 1024 * 1024 * mebibyte, "Bytes of all uploads together")
        .parse(argc, argv);
    http::ServeOptions serving;
    serving.server.streamed_body_bytes_max = upload_bytes_max;
    try {
        const Shelf shelf(uploads, shelf_bytes_max);
        const bool is_secure = !options.tls_cert.empty();
        const auto routes = [&] {
            return Site::routes(std::make_shared<Site>(shelf, folder, upload_bytes_max, is_secure));
        };
        return http::serve(routes, options, serving);
    } catch (const std::exception& error) {
        fmt::print(stderr, "files: {}\n", error.what());
        return 2;
    }
}
