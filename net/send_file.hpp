// A part of a file behind what was sent: by the kernel alone where it can (sendfile(2)), else read and written.
//
//     std::uint64_t size = co_await file.size();
//     co_await stream.send_file(file, 0, size);
//
// Streams have it as their own; `net::send_file` is for whoever has a Transport. Nobody else writes meanwhile. Never
// more than a block of the file is in our memory, and a peer that does not read holds it up. Cancel-safe in that no
// operation is left; how much was sent is not known then. Who overwrites a file in place changes what is on its way:
// replace it by rename. The loop's thread. Simplified: a disk slower than the kernel reads ahead holds up the loop.
#pragma once

#include <stepwise/net/transport.hpp>
#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/file.hpp>

#include <cstdint>
#include <functional>
#include <stdexcept>

namespace stepwise::net {

// The file ended before the part that was asked for: it was short, or became so. What was sent cannot be taken back:
// who has promised a length can only abort the connection.
class FileEndedError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Waits until the transport has nothing queued; throws if it is lost.
using AllIsSent = std::function<Coro<void>(Transport& transport)>;

// Whether send_file leaves it to the kernel, if the file's system lets it: else the connection is TLS, or simulated.
bool is_sent_by_kernel(const Transport& transport) noexcept;

// `length` bytes from `offset` on. Throws FileEndedError, std::system_error of the file (with its path) or of the
// connection.
Coro<void> send_file(Transport& transport, File& file, std::uint64_t offset, std::uint64_t length,
                     AllIsSent all_is_sent);

}  // namespace stepwise::net
