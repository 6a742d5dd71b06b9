#include <stepwise/runtime/file_watch.hpp>

#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>

#include <fmt/format.h>
#include <limits.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace stepwise {

namespace {

// One event with the longest name must fit (inotify(7)).
constexpr std::size_t read_bytes = 16 * (sizeof(inotify_event) + NAME_MAX + 1);

}  // namespace

FileWatch::FileWatch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (!fd_) throw_system_error(errno, "inotify_init1");
    if (detail::simulated_calls != nullptr) throw_not_simulated("FileWatch", "it watches the real disk");
}

void FileWatch::add(const std::string& path, std::uint32_t mask) {
    Watched watched{path};
    int watch = ::inotify_add_watch(fd_.get(), path.c_str(), mask);
    if (watch < 0) throw_system_error(errno, fmt::format("inotify_add_watch({})", path));
    watched_[watch] = std::move(watched);
}

bool FileWatch::remove(const std::string& path) {
    auto found = std::find_if(watched_.begin(), watched_.end(),
                              [&](const auto& known) { return known.second.path == path && !known.second.removed; });
    if (found == watched_.end()) return false;
    // Behind the changes that wait in the kernel comes an IN_IGNORED then: until that the number has its path.
    ::inotify_rm_watch(fd_.get(), found->first);
    found->second.removed = true;
    return true;
}

Coro<FileChange> FileWatch::next() {
    io::Known known(fd_.get());
    std::vector<char> buffer(waiting_.empty() ? read_bytes : 0);
    while (waiting_.empty()) {
        std::size_t size = co_await io::read(fd_.get(), buffer);
        parse(buffer.data(), size);
    }
    FileChange change = std::move(waiting_.front());
    waiting_.pop_front();
    co_return change;
}

void FileWatch::parse(const char* bytes, std::size_t size) {
    for (std::size_t at = 0; at + sizeof(inotify_event) <= size;) {
        inotify_event event;
        std::memcpy(&event, bytes + at, sizeof(event));
        // The name is padded with zeros.
        std::string name = event.len == 0 ? std::string() : std::string(bytes + at + sizeof(event));
        at += sizeof(event) + event.len;
        auto known = watched_.find(event.wd);
        if (known != watched_.end()) {
            bool is_last = (event.mask & IN_IGNORED) != 0;
            if (!is_last || !known->second.removed) {
                waiting_.push_back({known->second.path, std::move(name), event.mask});
            }
            if (is_last) watched_.erase(known);
        } else if ((event.mask & IN_Q_OVERFLOW) != 0) {
            waiting_.push_back({"", "", event.mask});
        }
    }
}

}  // namespace stepwise
