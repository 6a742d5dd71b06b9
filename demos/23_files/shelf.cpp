#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <stepwise/demos/23_files/shelf.hpp>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/net/http/multipart.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <system_error>
#include <utility>

namespace shelf {

namespace {

namespace fs = std::filesystem;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::File;

constexpr std::size_t name_bytes_max = 200;  // a number may still be put into it
constexpr int same_names_max = 1000;

// "photo (2).jpg" for the second photo.jpg.
std::string numbered(const std::string& name, int number) {
    if (number == 1) return name;
    const fs::path path(name);
    return fmt::format("{} ({}){}", path.stem().string(), number, path.extension().string());
}

std::string safe_name(std::string_view asked) {
    std::string name = http::base_name_of(asked, name_bytes_max);
    if (name.empty()) return "unnamed";
    if (name.front() == '.') name.front() = '_';
    return name;
}

// A second name for the same bytes: link(2) never takes one that is there, nor goes where a symbolic link leads.
void name_for_good(std::string temporary, std::string folder, std::string name) {
    for (int number = 1; number <= same_names_max; ++number) {
        const std::string path = folder + "/" + numbered(name, number);
        if (::link(temporary.c_str(), path.c_str()) == 0) return;
        if (errno != EEXIST) stepwise::throw_system_error(errno, "link(" + path + ")");
    }
    throw http::HttpError(507, "there are too many files of this name");
}

// A file under way. Its end, which may come at any await, takes the name that it had until now.
class Incoming {
public:
    Incoming(File file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}
    Incoming(const Incoming&) = delete;
    Incoming& operator=(const Incoming&) = delete;
    ~Incoming() { ::unlink(file_.path().c_str()); }

    Coro<> write(std::string_view bytes) { return file_.write_all(bytes); }
    Coro<> keep(std::string folder) {
        stepwise::Future<void> named = stepwise::to_thread(name_for_good, file_.path(), std::move(folder), name_);
        co_await named;
    }

private:
    File file_;
    std::string name_;
};

// What is done with one event of a form. `file` is the one that is under way.
struct Form {
    std::string folder;
    std::uint64_t free_bytes;
    std::unique_ptr<Incoming> file;

    Coro<> begin(http::StartOfPart part) {
        // A browser sends a nameless file for a field that was left empty.
        if (!part.filename || part.filename->empty()) co_return;
        const std::string path =
            fmt::format("{}/.{:08x}{:08x}", folder, EventLoop::current().entropy()(), EventLoop::current().entropy()());
        File opened = co_await File::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
        file = std::make_unique<Incoming>(std::move(opened), safe_name(*part.filename));
    }
    Coro<> add(std::string_view bytes) {
        if (file == nullptr) co_return;
        if (bytes.size() > free_bytes) throw http::HttpError(507, "the shelf is full");
        free_bytes -= bytes.size();
        co_await file->write(bytes);
    }
    Coro<> end() {
        const std::unique_ptr<Incoming> whole = std::move(file);
        if (whole != nullptr) co_await whole->keep(folder);
    }
};

[[noreturn]] void refuse(const stepwise::net::ProtocolError& mistake) {
    throw http::HttpError(mistake.code, mistake.message);
}

// Until the parser needs more.
Coro<> take_events(http::MultipartParser& parser, Form& form) {
    for (;;) {
        http::MultipartEvent event = parser.next_event();
        if (std::holds_alternative<http::NeedMore>(event) || std::holds_alternative<http::EndOfForm>(event)) co_return;
        if (const auto* mistake = std::get_if<stepwise::net::ProtocolError>(&event)) refuse(*mistake);
        if (auto* part = std::get_if<http::StartOfPart>(&event)) co_await form.begin(std::move(*part));
        if (const auto* data = std::get_if<http::PartData>(&event)) co_await form.add(data->bytes);
        if (std::holds_alternative<http::EndOfPart>(event)) co_await form.end();
    }
}

}  // namespace

Shelf::Shelf(std::string folder, std::uint64_t bytes_max) : folder_(std::move(folder)), bytes_max_(bytes_max) {
    if (!folder_.empty()) {
        fs::create_directories(folder_);
        return;
    }
    std::string name = (fs::temp_directory_path() / "stepwise-files-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) stepwise::throw_system_error(errno, "mkdtemp(" + name + ")");
    folder_ = std::move(name);
    is_temporary_ = true;
}

Shelf::~Shelf() {
    std::error_code ignored;
    if (is_temporary_) fs::remove_all(folder_, ignored);
}

std::vector<Entry> Shelf::entries() const {
    std::vector<Entry> found;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
        std::string name = entry.path().filename().string();
        if (name.front() == '.' || !fs::is_regular_file(entry.symlink_status(error))) continue;
        const std::uintmax_t bytes = entry.file_size(error);
        if (!error) found.push_back({std::move(name), bytes});
    }
    std::sort(found.begin(), found.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return found;
}

Coro<std::uint64_t> Shelf::free_bytes() const {
    const auto look = [this] { return entries(); };
    const std::vector<Entry> found = co_await EventLoop::current().run_in_executor(look);
    if (found.size() >= files_max) throw http::HttpError(507, "there are too many files on the shelf");
    std::uint64_t used = 0;
    for (const Entry& entry : found) used += entry.bytes;
    co_return bytes_max_ - std::min(used, bytes_max_);
}

Coro<> Shelf::take(const http::Request& request, http::RequestBody& body) const {
    const std::optional<std::string> boundary = http::multipart_boundary(request.headers().get("Content-Type"));
    if (!boundary) throw http::HttpError(415, "files come as multipart/form-data");
    http::MultipartParser parser(*boundary);
    const std::uint64_t room = co_await free_bytes();
    Form form{folder_, room, nullptr};
    for (std::string_view piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) {
        parser.receive_data(piece);
        co_await take_events(parser, form);
    }
    const std::optional<stepwise::net::ProtocolError> cut = parser.receive_eof();
    if (cut) refuse(*cut);
}

}  // namespace shelf
