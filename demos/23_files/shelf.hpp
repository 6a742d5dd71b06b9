// The folder that visitors fill: a form with files goes to the disk piece by piece as it comes, and what is there is
// listed.
//
// A file that is under way has a name that begins with a dot, which nobody is served; it gets its own when it is whole,
// and never the name of another. If its client leaves, or a limit is reached, it is gone. What a client calls a file is
// only the last part of a path, and never hidden.
// A folder of its own ends with the Shelf; one that it was given stays. Any thread, as the disk is what it knows.
// Simplified: two uploads at once may both find the last room.
#pragma once

#include <cstdint>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/request_body.hpp>
#include <stepwise/runtime/coro.hpp>
#include <string>
#include <vector>

namespace shelf {

namespace http = stepwise::http;

struct Entry {
    std::string name;
    std::uint64_t bytes;
};

class Shelf {
public:
    static constexpr std::size_t files_max = 500;

    // Without a folder it makes one. Throws std::filesystem::filesystem_error.
    Shelf(std::string folder, std::uint64_t bytes_max);
    ~Shelf();
    Shelf(const Shelf&) = delete;
    Shelf& operator=(const Shelf&) = delete;

    const std::string& folder() const { return folder_; }
    bool is_temporary() const { return is_temporary_; }
    // By name. Blocks: call it on the executor.
    std::vector<Entry> entries() const;

    // Keeps every file of a multipart/form-data body. Throws what the client is to be told: 400, 413, 415, 507.
    stepwise::Coro<> take(const http::Request& request, http::RequestBody& body) const;

private:
    stepwise::Coro<std::uint64_t> free_bytes() const;

    std::string folder_;
    std::uint64_t bytes_max_;
    bool is_temporary_ = false;
};

}  // namespace shelf
