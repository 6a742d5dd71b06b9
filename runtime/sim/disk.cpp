#include <stepwise/runtime/sim/disk.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stepwise::sim {

namespace {

// open and read may be interrupted; a regular file that the disk holds gives no other surprise.
template <class Call>
auto uninterrupted(Call call) noexcept {
    for (;;) {
        auto result = call();
        if (result >= 0 || errno != EINTR) return result;
    }
}

}  // namespace

std::shared_ptr<FileBytes> Disk::make(std::string bytes) {
    return std::make_shared<FileBytes>(FileBytes{std::move(bytes), ++made_});
}

std::optional<int> Disk::copy_from_real_disk(const std::string& path) {
    UniqueFd fd(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
    if (!fd) return -errno;
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return -errno;
    if (!S_ISREG(status.st_mode)) return std::nullopt;
    std::string bytes;
    std::string block(64 * 1024, '\0');
    for (;;) {
        ssize_t count = uninterrupted([&] { return ::read(fd.get(), block.data(), block.size()); });
        if (count < 0) return -errno;
        if (count == 0) break;
        bytes.append(block.data(), static_cast<std::size_t>(count));
    }
    files_[path] = make(std::move(bytes));
    return 0;
}

std::shared_ptr<OpenFile> Disk::open(const std::string& path, int flags, int& result) {
    auto found = files_.find(path);
    if (found == files_.end()) {
        std::optional<int> copied = copy_from_real_disk(path);
        result = copied.value_or(0);
        bool may_make = result == -ENOENT && (flags & O_CREAT) != 0;
        if (!copied || (result != 0 && !may_make)) return nullptr;
        found = files_.try_emplace(path, nullptr).first;
    }
    result = -ENOENT;
    bool exists = found->second != nullptr;
    if (!exists && (flags & O_CREAT) == 0) return nullptr;
    result = -EEXIST;
    if (exists && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return nullptr;
    if (!exists) found->second = make({});
    if ((flags & O_TRUNC) != 0 && (flags & O_ACCMODE) != O_RDONLY) found->second->bytes.clear();
    result = 0;
    return std::make_shared<OpenFile>(OpenFile{found->second, flags, 0});
}

int Disk::unlink(const std::string& path) {
    auto found = files_.find(path);
    if (found == files_.end() || found->second == nullptr) return -ENOENT;
    found->second = nullptr;
    return 0;
}

std::uint64_t Disk::used_bytes() const noexcept {
    std::uint64_t used = 0;
    for (const auto& [path, file] : files_) used += file == nullptr ? 0 : file->bytes.size();
    return used;
}

int Disk::read(OpenFile& open, std::span<char> to, std::int64_t offset) {
    if ((open.flags & O_ACCMODE) == O_WRONLY) return -EBADF;
    if (faults_.strikes(Fault::disk_error)) return -EIO;
    std::uint64_t from = offset < 0 ? open.position : static_cast<std::uint64_t>(offset);
    const std::string& bytes = open.file->bytes;
    if (from >= bytes.size()) return 0;
    std::size_t count = std::min<std::size_t>(to.size(), bytes.size() - from);
    if (count > 1 && faults_.strikes(Fault::short_read)) count = 1 + faults_.below(Fault::short_read, count - 1);
    std::memcpy(to.data(), bytes.data() + from, count);
    if (offset < 0) open.position += count;
    return static_cast<int>(count);
}

int Disk::write(OpenFile& open, std::span<const char> from, std::int64_t offset) {
    if ((open.flags & O_ACCMODE) == O_RDONLY) return -EBADF;
    if (faults_.strikes(Fault::disk_error)) return -EIO;
    std::string& bytes = open.file->bytes;
    std::uint64_t at = offset < 0 ? open.position : static_cast<std::uint64_t>(offset);
    if ((open.flags & O_APPEND) != 0) at = bytes.size();
    std::uint64_t used = used_bytes();
    std::uint64_t room = options_.disk_bytes_max - std::min(options_.disk_bytes_max, used);
    std::uint64_t inside = bytes.size() - std::min<std::uint64_t>(bytes.size(), at);
    std::size_t count = std::min<std::uint64_t>(from.size(), inside + room);
    if (count == 0 && !from.empty()) return -ENOSPC;
    if (count > 1 && faults_.strikes(Fault::short_write)) count = 1 + faults_.below(Fault::short_write, count - 1);
    if (bytes.size() < at + count) bytes.resize(at + count);
    std::memcpy(bytes.data() + at, from.data(), count);
    if (offset < 0) open.position = at + count;
    return static_cast<int>(count);
}

off_t Disk::seek(OpenFile& open, off_t offset, int whence) noexcept {
    off_t base = whence == SEEK_SET   ? 0
                 : whence == SEEK_CUR ? static_cast<off_t>(open.position)
                                      : static_cast<off_t>(open.file->bytes.size());
    if (base + offset < 0) return -EINVAL;
    open.position = static_cast<std::uint64_t>(base + offset);
    return base + offset;
}

void Disk::status(const OpenFile& open, struct stat& status) const noexcept {
    status = {};
    status.st_mode = S_IFREG | 0644;
    status.st_nlink = 1;
    status.st_ino = open.file->number;
    status.st_size = static_cast<off_t>(open.file->bytes.size());
    status.st_blksize = 4096;
    status.st_blocks = (status.st_size + 511) / 512;
}

void Disk::put(const std::string& path, std::string bytes) {
    files_[path] = make(std::move(bytes));
}

std::optional<std::string> Disk::get(const std::string& path) const {
    auto found = files_.find(path);
    if (found == files_.end() || found->second == nullptr) return std::nullopt;
    return found->second->bytes;
}

}  // namespace stepwise::sim
