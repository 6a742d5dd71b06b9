#include <stepwise/runtime/trace/sink.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

namespace stepwise::trace {

void Sink::fail(const char* path, const char* why) noexcept {
    failed_ = true;
    std::fprintf(stderr, "stepwise: the trace to %s ends: %s; the program runs on\n", path, why);
}

namespace {

constexpr std::size_t window_bytes = std::size_t{1} << 20;

// 0, or an errno. A limit for the size of files (RLIMIT_FSIZE) is looked at before the kernel does, whose answer is a
// signal that ends the program (SIGXFSZ, setrlimit(2)).
int make_room(int fd, std::size_t offset) noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < offset + window_bytes) return EFBIG;
    return ::posix_fallocate(fd, static_cast<off_t>(offset), window_bytes);
}

class FileSink final : public Sink {
public:
    FileSink(const char* path, UniqueFd fd) : path_(path), fd_(std::move(fd)) {}
    ~FileSink() override { unmap(); }

    bool begin(const Header& header) noexcept {
        if (!map_next()) return false;
        std::memcpy(static_cast<void*>(mapped_), &header, sizeof header);
        begin_ = sizeof header;
        return true;
    }

    std::span<Record> next_window(std::size_t filled) noexcept override {
        if (mapped_ == nullptr) return {};
        if (filled > 0) {
            unmap();
            offset_ += window_bytes;
            begin_ = 0;
            if (!map_next()) return {};
        }
        return {reinterpret_cast<Record*>(mapped_ + begin_), (window_bytes - begin_) / sizeof(Record)};
    }
    void finish(std::size_t filled) noexcept override {
        if (mapped_ == nullptr) return;
        unmap();
        cut(static_cast<off_t>(offset_ + begin_ + filled * sizeof(Record)));
    }
    void forget() noexcept override {
        unmap();
        fd_.reset();
    }

private:
    // The blocks are there before the window is used: a full disk is an error here, and SIGBUS nowhere.
    bool map_next() noexcept {
        if (int error = make_room(fd_.get(), offset_); error != 0) {
            cut(static_cast<off_t>(offset_));
            fail(path_.c_str(), std::strerror(error));
            return false;
        }
        void* memory =
            ::mmap(nullptr, window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), static_cast<off_t>(offset_));
        if (memory == MAP_FAILED) {
            fail(path_.c_str(), std::strerror(errno));
            return false;
        }
        mapped_ = static_cast<char*>(memory);
        return true;
    }
    void unmap() noexcept {
        if (mapped_ != nullptr) ::munmap(mapped_, window_bytes);
        mapped_ = nullptr;
    }
    // Behind its last record a file may also stay as it is: a reader stops at the first empty one.
    void cut(off_t bytes) noexcept { static_cast<void>(!::ftruncate(fd_.get(), bytes)); }

    std::string path_;
    UniqueFd fd_;
    std::size_t offset_ = 0;
    std::size_t begin_ = 0;
    char* mapped_ = nullptr;
};

}  // namespace

std::unique_ptr<Sink> open_file(const char* path, const Header& header) noexcept {
    auto refuse = [path](const char* why) {
        std::fprintf(stderr, "stepwise: no trace: %s: %s; the program runs without it\n", path, why);
        return nullptr;
    };
    try {
        UniqueFd fd(::open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644));
        struct stat status {};
        if (!fd || ::fstat(fd.get(), &status) != 0) return refuse(std::strerror(errno));
        if (!S_ISREG(status.st_mode)) return refuse("not a regular file");
        // A program that this one has started inherits STEPWISE_TRACE.
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return refuse("another process writes its trace there");
        if (::ftruncate(fd.get(), 0) != 0) return refuse(std::strerror(errno));
        auto sink = std::make_unique<FileSink>(path, std::move(fd));
        if (!sink->begin(header)) return nullptr;
        return sink;
    } catch (const std::bad_alloc&) {
        return refuse("out of memory");
    }
}

}  // namespace stepwise::trace
