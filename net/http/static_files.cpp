#include <stepwise/net/http/static_files.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <stepwise/net/http/beneath.hpp>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/compress.hpp>
#include <stepwise/net/http/conditional.hpp>
#include <stepwise/net/http/ranges.hpp>
#include <stepwise/net/http/response_writer.hpp>
#include <stepwise/net/http/target.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/runtime/entropy.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/to_thread.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

namespace stepwise::http {

namespace {

constexpr std::uint64_t packed_bytes_max = 1U << 30;  // at once, and in memory: zlib counts in 32 bits

struct TypeOfExtension {
    std::string_view extension;
    std::string_view type;
};
constexpr std::array<TypeOfExtension, 36> types = {{
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"webmanifest", "application/manifest+json"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"ogv", "video/ogg"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"flac", "audio/flac"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"wasm", "application/wasm"},
    {"pdf", "application/pdf"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"tar", "application/x-tar"},
}};

std::string version_of(const struct stat& status) {
    return fmt::format("{:x}-{:x}{:08x}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

std::string date_of(std::time_t time) {
    char text[29];
    format_http_date(time, text);
    return std::string(text, sizeof text);
}

// One that names a file, or a folder, in the words of the file system. Nothing for what is never served.
std::optional<std::string> file_path(const Request& request, std::string_view path, std::string_view index) {
    if (!is_safe_path(request.raw_path())) return std::nullopt;
    std::string wanted(path);
    if (wanted.empty() || wanted.back() == '/') {
        if (index.empty()) return std::nullopt;
        wanted += index;
    }
    if (wanted.front() == '.' || wanted.front() == '/' || wanted.find("/.") != std::string::npos ||
        wanted.find("//") != std::string::npos || wanted.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    return wanted;
}

std::string random_boundary() {
    Entropy& entropy = EventLoop::current().entropy();
    return fmt::format("{:08x}{:08x}{:08x}", entropy(), entropy(), entropy());
}

// 200, 206 or 416, of a file that is there and wanted.
Coro<void> write_file(const Request& request, ResponseWriter& out, File& file, std::uint64_t size, bool in_parts) {
    Response& head = out.head();
    std::optional<ByteRanges> ranges;
    const std::optional<std::string_view> field = request.headers().find("range");
    if (field && in_parts) ranges = parse_ranges(*field, size);
    if (ranges && ranges->empty()) {
        head = Response::error(416);
        head.headers.set("Content-Range", content_range_unsatisfied(size));
        co_return;
    }
    std::optional<MultipartRanges> parts;
    std::uint64_t length = size;
    if (ranges) {
        head.status = 206;
        length = ranges->front().size();
        if (ranges->size() == 1) {
            head.headers.set("Content-Range", content_range(ranges->front(), size));
        } else {
            const std::string type(head.headers.find("Content-Type").value_or(""));
            parts.emplace(*ranges, type, size, random_boundary());
            head.headers.set("Content-Type", parts->content_type());
            length = parts->body_bytes();
        }
    }
    out.set_content_length(length);
    co_await out.write(std::string_view());
    if (!out.wants_body() || length == 0) co_return;
    if (!ranges) {
        co_await out.write_file(file, 0, size);
        co_return;
    }
    for (std::size_t index = 0; index < ranges->size(); ++index) {
        if (parts) {
            const std::string part_head = parts->part_head(index);
            co_await out.write(part_head);
        }
        const ByteRange range = (*ranges)[index];
        co_await out.write_file(file, range.first, range.size());
    }
    if (!parts) co_return;
    const std::string end = parts->end();
    co_await out.write(end);
}

using Packed = std::shared_ptr<const std::string>;  // nullptr: it would not gain by it

// Unlike the version that URLs and tags have, also another file with the same size and time, as a copy may have them.
std::string identity_of(const struct stat& status) {
    return fmt::format("{}-{:x}-{:x}-{:x}.{:x}", version_of(status), status.st_dev, status.st_ino,
                       status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

// What was compressed, by path and identity; and what is being compressed, which is done once and a few at a time. Any
// thread.
class PackedFiles {
public:
    std::optional<Packed> find(const std::string& path, const std::string& identity) const {
        const std::lock_guard lock(mutex_);
        const auto found = files_.find(path);
        if (found == files_.end() || found->second.identity != identity) return std::nullopt;
        return found->second.packed;
    }
    void put(const std::string& path, const std::string& identity, Packed packed) {
        const std::lock_guard lock(mutex_);
        if (const auto known = files_.find(path); known != files_.end()) forget(known);
        bytes_ += bytes_of(packed);
        while (!files_.empty() && (files_.size() >= files_max || bytes_ > bytes_max)) forget(files_.begin());
        files_.emplace(path, File{identity, std::move(packed)});
    }

    // True: the caller packs it, and says so with end(). False: somebody does, or enough are being packed.
    bool begin(const std::string& path) {
        const std::lock_guard lock(mutex_);
        return being_packed_.size() < at_once_max && being_packed_.insert(path).second;
    }
    void end(const std::string& path) noexcept {
        const std::lock_guard lock(mutex_);
        being_packed_.erase(path);
    }

private:
    struct File {
        std::string identity;
        Packed packed;
    };
    using Files = std::unordered_map<std::string, File>;

    static std::size_t bytes_of(const Packed& packed) noexcept { return packed == nullptr ? 0 : packed->size(); }
    void forget(Files::iterator file) noexcept {
        bytes_ -= bytes_of(file->second.packed);
        files_.erase(file);
    }

    static constexpr std::size_t files_max = 4096;
    static constexpr std::size_t bytes_max = 16 * 1024 * 1024;
    static constexpr std::size_t at_once_max = 4;

    mutable std::mutex mutex_;
    Files files_;
    std::unordered_set<std::string> being_packed_;
    std::size_t bytes_ = 0;
};

Packed pack(const std::string& bytes) {
    std::string packed = gzip(bytes);
    return packed.size() < bytes.size() ? std::make_shared<const std::string>(std::move(packed)) : nullptr;
}

// nullptr: it goes out as it is.
Coro<Packed> packed_of(PackedFiles& files, const std::string& path, const std::string& identity, File& file,
                       std::uint64_t size) {
    if (const std::optional<Packed> known = files.find(path, identity)) co_return *known;
    if (!files.begin(path)) co_return nullptr;
    struct End {
        PackedFiles& files;
        const std::string& path;
        ~End() { files.end(path); }
    } end{files, path};
    std::string bytes(static_cast<std::size_t>(size), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
        const std::size_t count = co_await file.read_at(done, std::span(bytes).subspan(done));
        if (count == 0) co_return nullptr;  // it has become shorter
        done += count;
    }
    Future<Packed> packing = to_thread(pack, std::move(bytes));
    Packed packed = co_await std::move(packing);
    files.put(path, identity, packed);
    co_return packed;
}

}  // namespace

struct StaticFiles::Folder {
    std::string path;
    std::string url_prefix;
    StaticOptions options;
    FolderRoot root;
    std::unique_ptr<PackedFiles> packed = std::make_unique<PackedFiles>();
};

StaticFiles::StaticFiles(std::string folder, std::string url_prefix, StaticOptions options) {
    FolderRoot root(folder);
    folder_ = std::make_shared<const Folder>(
        Folder{std::move(folder), std::move(url_prefix), std::move(options), std::move(root)});
}

WriterHandler StaticFiles::handler() const {
    return [folder = folder_](const Request& request, ResponseWriter& out) { return serve(folder, request, out); };
}

std::string StaticFiles::url(std::string_view path) const {
    std::string url = folder_->url_prefix + percent_encode_path(path);
    const std::string file(path);
    const std::optional<struct stat> status = folder_->root.status(file);
    if (status && S_ISREG(status->st_mode)) url += "?v=" + version_of(*status);
    return url;
}

Coro<void> StaticFiles::serve(std::shared_ptr<const Folder> folder, const Request& request, ResponseWriter& out) {
    out.head() = Response::error(404);
    const std::string_view asked = request.path_parameter("path").value_or("");
    const std::optional<std::string> path = file_path(request, asked, folder->options.index);
    if (!path) co_return;
    Future<OpenedBeneath> opening =
        to_thread(open_beneath, std::shared_ptr<const FolderRoot>(folder, &folder->root), *path);
    OpenedBeneath opened = co_await std::move(opening);
    if (opened.is_folder && !asked.ends_with('/') && !folder->options.index.empty()) {
        out.head() = Response(308);
        std::string target(request.raw_path());
        target += '/';
        if (!request.query().empty()) target += '?' + std::string(request.query());
        // A path that begins with two slashes would name another host.
        out.head().headers.set("Location", "/" + target.substr(std::min(target.find_first_not_of('/'), target.size())));
        co_return;
    }
    if (!opened.fd) co_return;
    File file(std::move(opened.fd), *path);
    const struct stat& status = opened.status;
    const std::string version = version_of(status);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const std::string_view type = content_type_of(*path);
    const std::uint64_t gzip_bytes_max = std::min(folder->options.gzip_bytes_max, packed_bytes_max);
    const bool is_text = size >= compressed_bytes_min && size <= gzip_bytes_max && is_compressible(type);
    Packed packed;
    if (is_text && takes_gzip(request) && !request.headers().find("range")) {
        const std::string identity = identity_of(status);
        Coro<Packed> packing = packed_of(*folder->packed, *path, identity, file, size);
        packed = co_await std::move(packing);
    }
    const std::string etag = '"' + version + (packed != nullptr ? "-gzip\"" : "\"");
    const std::string modified = date_of(status.st_mtim.tv_sec);
    const bool is_versioned = request.argument("v") == version;
    const int age = is_versioned ? 31'536'000 : folder->options.max_age_seconds;

    Response head(200);
    head.headers.set("ETag", etag).set("Last-Modified", modified);
    if (is_text) head.headers.set("Vary", "Accept-Encoding");
    // A part of what is packed would be no part of what somebody else has.
    if (packed != nullptr) {
        head.headers.set("Content-Encoding", "gzip");
    } else {
        head.headers.set("Accept-Ranges", "bytes");
    }
    head.headers.set("Content-Type", type).set("X-Content-Type-Options", "nosniff");
    head.headers.set("Cache-Control", age == 0       ? std::string("no-cache")
                                      : is_versioned ? fmt::format("public, max-age={}, immutable", age)
                                                     : fmt::format("public, max-age={}", age));
    const Validators validators{etag, status.st_mtim.tv_sec};
    const Precondition precondition = check_preconditions(request, validators);
    if (precondition == Precondition::failed) head = Response::error(412);
    if (precondition == Precondition::not_modified) head.status = 304;
    out.head() = std::move(head);
    if (precondition != Precondition::go_on) co_return;
    if (packed != nullptr) {
        out.set_content_length(packed->size());
        co_await out.write(*packed);
        co_return;
    }
    const bool in_parts = request.method() == "GET" && range_applies(request, validators);
    Coro<void> writing = write_file(request, out, file, size, in_parts);
    co_await std::move(writing);
}

std::string_view content_type_of(std::string_view file_name) {
    const std::size_t dot = file_name.rfind('.');
    std::string extension(dot == std::string_view::npos ? std::string_view() : file_name.substr(dot + 1));
    std::transform(extension.begin(), extension.end(), extension.begin(), to_lower);
    for (const TypeOfExtension& known : types) {
        if (known.extension == extension) return known.type;
    }
    return "application/octet-stream";
}

}  // namespace stepwise::http
