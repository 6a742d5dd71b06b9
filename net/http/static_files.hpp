// The files of a folder, served: with types, ranges, validators, and URLs that may be cached for ever.
//
//     http::StaticFiles files("public", "/static/");
//     router.get("/static/{path...}", files.handler());
//     std::string url = files.url("css/site.css");   // "/static/css/site.css?v=…", new when the file is
//
// What lies outside of the folder cannot be reached: no "..", and no symbolic link, wherever it leads. A path with a
// segment that begins with a dot is none. Files are opened in a thread; the kernel sends them, or one piece is in
// memory for each download (see ResponseWriter::write_file). Copies share one folder; handlers keep it. Any thread may
// use url().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stepwise/net/http/handler.hpp>
#include <string>
#include <string_view>

namespace stepwise::http {

struct StaticOptions {
    // What answers for a folder; empty: nothing does.
    std::string index = "index.html";
    // How long a file may be used without asking; 0: it is asked for each time, and 304 says that it is the same.
    // Those whose URL has the version that they have now may be kept for a year.
    int max_age_seconds = 0;
    // Texts of up to so many bytes go out as gzip to those who take it and ask for no range, with a tag of their own.
    // What was compressed is kept, some of it. 0: none.
    std::uint64_t gzip_bytes_max = 1024 * 1024;
};

class StaticFiles {
public:
    // Throws std::system_error if there is no such folder. `url_prefix`: below which path its files are served.
    explicit StaticFiles(std::string folder, std::string url_prefix = "/static/", StaticOptions options = {});

    // For a route that ends with "{path...}". A file's tag, packed or not, is made of its size and time, as its version
    // in URLs is: one that is overwritten in place with as many bytes and given its old time looks the same to caches.
    // Replace files by rename, and leave them their new time.
    WriterHandler handler() const;
    // With the version of the file; without one where there is no such file. One look at the file's inode.
    std::string url(std::string_view path) const;

private:
    struct Folder;
    static Coro<void> serve(std::shared_ptr<const Folder> folder, const Request& request, ResponseWriter& out);

    std::shared_ptr<const Folder> folder_;
};

// "text/html; charset=utf-8" for "page.html"; "application/octet-stream" for what is not known.
std::string_view content_type_of(std::string_view file_name);

}  // namespace stepwise::http
