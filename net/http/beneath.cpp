#include <stepwise/net/http/beneath.hpp>

#include <fcntl.h>
#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/errors.hpp>

#include <cerrno>
#include <string_view>

namespace stepwise::http {

namespace {

constexpr int folder_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// Without O_NONBLOCK a pipe that somebody has put there would be waited for.
constexpr int file_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

UniqueFd open_in(int folder, const std::string& name, int flags) {
    for (;;) {
        UniqueFd fd(::openat(folder, name.c_str(), flags));
        if (fd || errno != EINTR) return fd;
    }
}

bool is_part(std::string_view part) {
    return !part.empty() && part != "." && part != "..";
}

// nothing: some part of it is none, or leads elsewhere.
UniqueFd walk(int root, std::string_view path) {
    UniqueFd folder;
    for (;;) {
        const std::size_t slash = path.find('/');
        const std::string part(path.substr(0, slash));
        if (!is_part(part)) return {};
        const bool last = slash == std::string_view::npos;
        UniqueFd next = open_in(folder ? folder.get() : root, part, last ? file_flags : folder_flags);
        if (!next || last) return next;
        folder = std::move(next);
        path.remove_prefix(slash + 1);
    }
}

}  // namespace

FolderRoot::FolderRoot(std::string path)
    : path_(std::move(path)), folder_(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (!folder_) throw_system_error(errno, "open(" + path_ + ")");
}

OpenedBeneath FolderRoot::open(const std::string& path) const {
    OpenedBeneath opened;
    UniqueFd fd = walk(folder_.get(), path);
    if (!fd || ::fstat(fd.get(), &opened.status) != 0) return opened;
    opened.is_folder = S_ISDIR(opened.status.st_mode);
    if (!S_ISREG(opened.status.st_mode)) return opened;
    // A simulated disk has a copy of its own of what the real one has.
    if (detail::simulated_calls != nullptr) fd = UniqueFd(calls::open((path_ + '/' + path).c_str(), O_RDONLY, 0));
    opened.fd = std::move(fd);
    return opened;
}

std::optional<struct stat> FolderRoot::status(const std::string& path) const {
    OpenedBeneath opened;
    UniqueFd fd = walk(folder_.get(), path);
    if (!fd || ::fstat(fd.get(), &opened.status) != 0) return std::nullopt;
    return opened.status;
}

OpenedBeneath open_beneath(std::shared_ptr<const FolderRoot> root, std::string path) {
    return root->open(path);
}

}  // namespace stepwise::http
