// Files below one folder, and no others: each part of a path is opened in the one before it, and none of them may be a
// symbolic link, so that nothing that is changed meanwhile leads out of the folder.
//
//     http::FolderRoot root("public");
//     std::optional<struct stat> status = root.status("css/site.css");
//
// What openat2(2) does with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, also where a sandbox does not allow that. Each
// call may wait for a disk. Thread-safe.
#pragma once

#include <sys/stat.h>
#include <memory>
#include <optional>
#include <stepwise/runtime/unique_fd.hpp>
#include <string>

namespace stepwise::http {

struct OpenedBeneath {
    UniqueFd fd;  // of a regular file, for reading; else none
    bool is_folder = false;
    struct stat status {};
};

class FolderRoot {
public:
    // Throws std::system_error.
    explicit FolderRoot(std::string path);

    // `path` has no empty, "." or ".." part. What is not there, no file, or behind a link gives nothing.
    OpenedBeneath open(const std::string& path) const;
    std::optional<struct stat> status(const std::string& path) const;

private:
    std::string path_;
    UniqueFd folder_;
};

// For to_thread.
OpenedBeneath open_beneath(std::shared_ptr<const FolderRoot> root, std::string path);

}  // namespace stepwise::http
