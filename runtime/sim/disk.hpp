// The simulated disk: files in memory, by their paths as they are given. There are no folders to make.
//
// A path that was not seen before is looked up on the real disk once, and its bytes are copied; nothing is ever written
// there. What is full, short or broken the options and the faults decide. Results are those of the system calls, minus
// an errno. One thread.
#pragma once

#include <stepwise/runtime/sim/faults.hpp>

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace stepwise::sim {

struct FileBytes {
    std::string bytes;
    std::uint64_t number = 0;
};

// What descriptors of one open() share.
struct OpenFile {
    std::shared_ptr<FileBytes> file;
    int flags = 0;
    std::uint64_t position = 0;
};

class Disk {
public:
    Disk(const Options& options, Faults& faults) noexcept : options_(options), faults_(faults) {}

    // nullptr: minus an errno in `result`, or 0 for what is no regular file of the real disk.
    std::shared_ptr<OpenFile> open(const std::string& path, int flags, int& result);
    int unlink(const std::string& path);
    // `offset` negative: at the position, which moves on.
    int read(OpenFile& open, std::span<char> to, std::int64_t offset);
    int write(OpenFile& open, std::span<const char> from, std::int64_t offset);
    off_t seek(OpenFile& open, off_t offset, int whence) noexcept;
    void status(const OpenFile& open, struct stat& status) const noexcept;

    // For tests: what stands there, without a fault and in no time.
    void put(const std::string& path, std::string bytes);
    std::optional<std::string> get(const std::string& path) const;

private:
    std::shared_ptr<FileBytes> make(std::string bytes);
    // Nothing: it is no regular file.
    std::optional<int> copy_from_real_disk(const std::string& path);
    std::uint64_t used_bytes() const noexcept;

    const Options& options_;
    Faults& faults_;
    // Empty: it was removed.
    std::map<std::string, std::shared_ptr<FileBytes>> files_;
    std::uint64_t made_ = 0;
};

}  // namespace stepwise::sim
