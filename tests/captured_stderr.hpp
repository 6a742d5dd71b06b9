// What the program writes to stderr while this lives, in memory instead.
#pragma once

#include <stepwise/runtime/unique_fd.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <string>

class CapturedStderr {
public:
    CapturedStderr() : file_(::memfd_create("stderr", MFD_CLOEXEC)), before_(::dup(2)) { ::dup2(file_.get(), 2); }
    CapturedStderr(const CapturedStderr&) = delete;
    CapturedStderr& operator=(const CapturedStderr&) = delete;
    ~CapturedStderr() { ::dup2(before_.get(), 2); }

    // Its first 10,000 bytes.
    std::string text() const {
        std::string bytes(10'000, '\0');
        const ssize_t count = ::pread(file_.get(), bytes.data(), bytes.size(), 0);
        bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return bytes;
    }

private:
    stepwise::UniqueFd file_;
    stepwise::UniqueFd before_;
};
