// What a simulation may be told before it begins. Everything that is left open here follows from the seed.
//
// In the environment: STEPWISE_SEED=7, and STEPWISE_SIM=latency=1ms..20ms,bytes_per_second=1000000,reset=0.01 with the
// names below. A fault strikes by chance, a number from 0 to 1, or by rule: reset=#3 is the third time that it could.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace stepwise::sim {

// What can go wrong, by chance or by rule. In the environment and in reports by its name.
enum class Fault : std::uint8_t {
    split,           // a piece of what was sent travels on its own
    delay,           // a piece is late, by a hundred times the latency at most
    short_read,      // a read gives less than there is
    short_write,     // a write takes less than it could
    reset,           // the connection breaks while a piece travels
    cut,             // the cable is pulled: from this piece on nothing arrives, and nobody is told
    stall,           // the program behind a socket does not read for a while
    refuse,          // nobody accepts the connection: ECONNREFUSED
    accept_error,    // accept fails for want of memory: ENOBUFS
    no_descriptors,  // accept fails for want of descriptors: EMFILE
    no_buffers,      // a send fails for want of memory: ENOBUFS
    disk_error,      // a read or a write of a file fails: EIO
    half_close,      // one direction ends while bytes are on their way: the other stays
    partition,       // the way between two ends is cut for a while, and heals: what was sent meanwhile is late
    slow_reader,     // the program behind a socket reads little by little for a while
};
inline constexpr std::size_t fault_kinds = 15;

std::string_view name_of(Fault fault) noexcept;

struct Span {
    std::chrono::nanoseconds low{};
    std::chrono::nanoseconds high{};
};

// How latencies lie between the low and the high end of their span.
enum class LatencyShape : std::uint8_t {
    near_low,   // most are near the low end
    uniform,    // each is as likely
    long_tail,  // near the low end, but one of a hundred is beyond the high one, by a hundred times at most
};

// A rule: the fault strikes at this occasion, counted from 1.
struct Strike {
    Fault fault;
    std::uint64_t occasion;
};

struct Options {
    std::uint64_t seed = 1;
    // One way, for each piece. Nothing said: 20 to 80 µs; but no time at all on a loop whose
    // clock is the caller's own, as on the kernel's loopback.
    std::optional<Span> latency;
    LatencyShape latency_shape = LatencyShape::near_low;
    // Of one connection and direction; 0: no limit.
    std::uint64_t bytes_per_second = 0;
    std::size_t send_buffer_bytes = 256 * 1024;
    std::size_t receive_buffer_bytes = 256 * 1024;
    // How long a job of the executor, a read or a write of a file takes.
    Span job_time{std::chrono::microseconds(50), std::chrono::milliseconds(2)};
    Span disk_time{std::chrono::microseconds(20), std::chrono::microseconds(200)};
    std::uint64_t disk_bytes_max = std::uint64_t{1} << 40;
    // A sender gives up, ETIMEDOUT, when nothing of its bytes arrives for so long (tcp_retries2: ip(7)).
    std::chrono::nanoseconds retransmission_max = std::chrono::seconds(924);
    // The longest that a stall keeps a program from reading, or a slow reader is slow; that a partition lasts.
    std::chrono::nanoseconds stall_max = std::chrono::seconds(30);
    std::chrono::nanoseconds partition_max = std::chrono::seconds(60);
    // By Fault.
    std::array<double, fault_kinds> chances{};
    std::vector<Strike> strikes;
    // Only the first so many of the faults that chance would bring, and of those not the ones named: how a failure is
    // brought down to the faults that it needs.
    std::uint64_t faults_max = UINT64_MAX;
    std::vector<std::uint64_t> faults_left_out;

    double& chance(Fault fault) noexcept { return chances[static_cast<std::size_t>(fault)]; }
    double chance(Fault fault) const noexcept { return chances[static_cast<std::size_t>(fault)]; }
};

// `options` with what STEPWISE_SEED and STEPWISE_SIM say. Throws std::invalid_argument, naming what it cannot read.
Options with_environment(Options options);
// The same for a text as in STEPWISE_SIM.
void apply(Options& options, std::string_view settings);
// "20us", "1ms", "2s". Throws as these do.
std::chrono::nanoseconds duration_of(std::string_view text);

}  // namespace stepwise::sim
