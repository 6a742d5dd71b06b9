// A large file is read four ways, while a ticker that wants to run every 5 ms tells who held up the loop.
//
// The demo before it: 21_databases. New: a file has no readiness to wait for, epoll refuses it. So a thread reads it,
// or, with io_uring, the kernel does and says when it has: File is both.
// Run:    ./stepwise run 22 [--mebibytes 256] [--lang zh|en]      STEPWISE_REACTOR=epoll ./stepwise run 22
// Try:    --mebibytes 1000. Run it twice with --keep-cached: which part of the wait was the disk?
//         Count the lines in pieces of 64 MiB. Who is late then, though every read is awaited?
// Prints:                           time  most late     median
//         read(), on the loop      310 ms   306.1 ms     0.1 ms  the ticker stood still
//         read(), in a thread      305 ms     0.9 ms     0.1 ms  the ticker ticked on
//         File, piece by piece     330 ms     1.1 ms     0.1 ms  the ticker ticked on
//         read_file, as a whole    420 ms     1.4 ms     0.1 ms  the ticker ticked on
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stepwise/net/options.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace net = stepwise::net;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::File;
using stepwise::Future;
using stepwise::Task;
using stepwise::UniqueFd;

constexpr std::size_t piece_bytes = 256 * 1024;
constexpr auto tick_time = 5ms;
constexpr int line_bytes = 64;
constexpr std::size_t mebibytes_max = 4096;
constexpr std::size_t file_bytes_max = mebibytes_max * 1024 * 1024;

net::DemoOptions options;
bool keep_cached = false;

using Lines = std::ptrdiff_t;

Lines lines_of(std::string_view piece) {
    return std::count(piece.begin(), piece.end(), '\n');
}

Lines lines_of_text(std::string text) {
    return lines_of(text);
}

// ---- The lines of a file are counted, four ways

Lines count_lines(std::string path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) stepwise::throw_system_error(errno, "open(" + path + ")");
    std::vector<char> piece(piece_bytes);
    Lines lines = 0;
    while (true) {
        const ssize_t count = ::read(file.get(), piece.data(), piece.size());
        if (count < 0) stepwise::throw_system_error(errno, "read(" + path + ")");
        if (count == 0) return lines;
        lines += lines_of({piece.data(), static_cast<std::size_t>(count)});
    }
}

//[ ways
Coro<Lines> on_the_loop(std::string path) {
    co_return count_lines(path);
}

Coro<Lines> in_a_thread(std::string path) {
    Future<Lines> counting = stepwise::to_thread(count_lines, path);
    co_return co_await counting;
}

Coro<Lines> in_pieces(std::string path) {
    File file = co_await File::open(path);
    std::vector<char> piece(piece_bytes);
    Lines lines = 0;
    while (const std::size_t count = co_await file.read_some(piece)) lines += lines_of({piece.data(), count});
    co_return lines;
}

// Reading is awaited, but so much text keeps whoever looks at it busy: that is work for a thread, as letting go of it
// is.
Coro<Lines> as_a_whole(std::string path) {
    std::string text = co_await stepwise::read_file(path, file_bytes_max);
    Future<Lines> counting = stepwise::to_thread(lines_of_text, std::move(text));
    co_return co_await counting;
}
//]

// ---- The ticker, as in 21_databases

struct Lateness {
    std::vector<double> ms;

    double most() const { return *std::max_element(ms.begin(), ms.end()); }
    double median() {
        const auto middle = ms.begin() + static_cast<std::ptrdiff_t>(ms.size() / 2);
        std::nth_element(ms.begin(), middle, ms.end());
        return *middle;
    }
};

// A task of its own owns what it uses: cancelled, it may still be a step from its end when its starter has ended.
Coro<> tick(std::shared_ptr<Lateness> late) {
    EventLoop& loop = EventLoop::current();
    stepwise::TimePoint due = loop.time();
    while (true) {
        due = std::max(due + tick_time, loop.time());
        co_await stepwise::sleep(due - loop.time());
        late->ms.push_back(std::chrono::duration<double, std::milli>(loop.time() - due).count());
    }
}

// ---- A file, not in memory if that can be had

struct TemporaryFile {
    explicit TemporaryFile(std::size_t mebibytes) {
        path = (fs::temp_directory_path() / "stepwise-large-XXXXXX").string();
        const UniqueFd file(::mkstemp(path.data()));
        if (!file) stepwise::throw_system_error(errno, "mkstemp(" + path + ")");
        const std::string line = std::string(line_bytes - 1, '.') + '\n';
        std::string piece;
        while (piece.size() < 1024 * 1024) piece += line;
        for (std::size_t written = 0; written < mebibytes; ++written) {
            if (::write(file.get(), piece.data(), piece.size()) != static_cast<ssize_t>(piece.size())) {
                const int error = errno;
                ::unlink(path.c_str());
                stepwise::throw_system_error(error, "write(" + path + ")");
            }
        }
        ::fdatasync(file.get());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() { ::unlink(path.c_str()); }

    // Only what is on the disk can be dropped; in a tmpfs there is nothing but memory.
    void drop_from_memory() const {
        const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (file) ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    }

    std::string path;
};

// ---- One way, and the line that tells of it

struct Name {
    const char* zh;
    const char* en;

    const char* text() const { return options.language == net::Language::chinese ? zh : en; }
};

struct Way {
    Name name;
    Coro<Lines> (*count)(std::string path);
};

const Way ways[] = {
    {{"read()，在循环上", "read(), on the loop"}, on_the_loop},
    {{"read()，在线程里", "read(), in a thread"}, in_a_thread},
    {{"File，一块一块地等", "File, piece by piece"}, in_pieces},
    {{"read_file，整个地等", "read_file, as a whole"}, as_a_whole},
};

Coro<> measure(const Way& way, const TemporaryFile& file, Lines expected) {
    EventLoop& loop = EventLoop::current();
    if (!keep_cached) file.drop_from_memory();
    const auto late = std::make_shared<Lateness>();
    Task<> ticking = loop.create_task(tick(late));
    co_await stepwise::sleep(2 * tick_time);
    const stepwise::TimePoint begin = loop.time();
    const Lines lines = co_await way.count(file.path);
    const double total_ms = std::chrono::duration<double, std::milli>(loop.time() - begin).count();
    co_await stepwise::sleep(2 * tick_time);  // the tick that was held up comes now
    ticking.cancel();
    if (lines != expected) throw std::runtime_error(fmt::format("{} lines instead of {}", lines, expected));
    const Name stood{"节拍停住了", "the ticker stood still"};
    const Name ticked{"节拍照走", "the ticker ticked on"};
    fmt::print("{:<22} {:5.0f} ms {:7.1f} ms {:7.1f} ms  {}\n", way.name.text(), total_ms, late->most(), late->median(),
               (late->most() > 0.8 * total_ms ? stood : ticked).text());
    std::fflush(stdout);
}

Coro<> compare(std::size_t mebibytes) {
    const TemporaryFile file(mebibytes);
    const Lines lines = static_cast<Lines>(mebibytes * 1024 * 1024 / line_bytes);
    const Name columns[] = {{"用时", "time"}, {"最迟", "most late"}, {"中位", "median"}};
    fmt::print("{:<22} {:>8} {:>10} {:>10}\n", "", columns[0].text(), columns[1].text(), columns[2].text());
    for (const Way& way : ways) co_await measure(way, file, lines);
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t mebibytes = 256;
    net::Options program("A large file, read on the loop, in a thread, and awaited; and what that does to a timer.");
    program.add_demo_options(options);
    program.add_option("--mebibytes", mebibytes, 1, mebibytes_max, "How large the file is");
    program.add_flag("--keep-cached", keep_cached, "Leave the file in memory between the reads");
    program.parse(argc, argv);

    try {
        stepwise::run(compare(mebibytes));
    } catch (const std::exception& error) {
        fmt::print(stderr, "large_file: {}\n", error.what());
        return 1;
    }
}
