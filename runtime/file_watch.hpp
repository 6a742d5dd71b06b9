// FileWatch: what happens to files and folders, as it happens: inotify(7).
//
//     FileWatch watch;
//     watch.add("config.ini", IN_CLOSE_WRITE | IN_MOVED_TO);
//     for (;;) {
//         FileChange change = co_await watch.next();
//     }
//
// Watches files and folders on this machine, not below a folder's folders. Editors often write anew and rename: to see
// that, watch the folder. Changes wait in the kernel up to its limit (max_queued_events); beyond it one with
// IN_Q_OVERFLOW says that some are lost. Owns its descriptor. One task at a time. The loop's thread.
#pragma once

#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <sys/inotify.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace stepwise {

struct FileChange {
    std::string path;        // as it was added; empty with IN_Q_OVERFLOW
    std::string name;        // within that folder; empty where the path itself is meant
    std::uint32_t mask = 0;  // IN_MODIFY, IN_CREATE … of inotify(7)
};

class FileWatch {
public:
    // Throws std::system_error: EMFILE when this user has too many.
    FileWatch();

    // Adding a path again replaces what is watched for. Throws std::system_error naming the path.
    void add(const std::string& path, std::uint32_t mask);
    // False if it was not watched. Changes that came before are still given.
    bool remove(const std::string& path);

    // Cancel-safe: a cancelled next has taken no change.
    Coro<FileChange> next();

private:
    struct Watched {
        std::string path;
        bool removed = false;  // the kernel may still have changes of it, and an IN_IGNORED at their end
    };

    void parse(const char* bytes, std::size_t size);

    UniqueFd fd_;
    std::map<int, Watched> watched_;
    std::deque<FileChange> waiting_;
};

}  // namespace stepwise
