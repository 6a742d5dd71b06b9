// What the machine, or a mistake, does to a program: no descriptors, no room on the disk, a full pool, signals without
// end. Each costs the call that it hits an error, and the loop nothing.
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/file_watch.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/process.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <latch>
#include <system_error>
#include <thread>

namespace {

using namespace runtime_test;

// The limit of a resource, for as long as this lives.
class Limit {
public:
    Limit(__rlimit_resource_t resource, rlim_t most) : resource_(resource) {
        REQUIRE(::getrlimit(resource, &before_) == 0);
        rlimit now{most, before_.rlim_max};
        REQUIRE(::setrlimit(resource, &now) == 0);
    }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
    ~Limit() { ::setrlimit(resource_, &before_); }

private:
    __rlimit_resource_t resource_;
    rlimit before_{};
};

// Room for so many descriptors more.
class DescriptorsLeft {
public:
    explicit DescriptorsLeft(int count) : limit_(RLIMIT_NOFILE, lowest_free() + static_cast<rlim_t>(count)) {}

private:
    // What is open above it does not count: the limit is on the number.
    static rlim_t lowest_free() {
        UniqueFd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        return static_cast<rlim_t>(probe.get());
    }
    Limit limit_;
};

std::ptrdiff_t open_descriptors() {
    std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

bool no_child_is_left() {
    return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

template <class Function>
int error_of(Function function) {
    try {
        function();
        return 0;
    } catch (const std::system_error& error) {
        return error.code().value();
    }
}

class TemporaryFile {
public:
    TemporaryFile() { UniqueFd made(::mkstemp(path_)); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() { ::unlink(path_); }
    std::string path() const { return path_; }

private:
    char path_[32] = "/tmp/stepwise-faults-XXXXXX";
};

struct Bodies {
    static Coro<> open_null() { File file = co_await File::open("/dev/null"); }
    static Coro<> accept_one(int socket) { UniqueFd accepted = co_await io::accept(socket); }
    static Coro<int> read_byte(std::string path) {
        File file = co_await File::open(path);
        char byte = 0;
        std::span<char> one(&byte, 1);
        std::size_t count = co_await file.read_some(one);
        co_return count == 1 ? byte : -1;
    }
};

}  // namespace

// ---- no descriptors left

TEST_CASE("without descriptors a child cannot be started: which call failed is told, and nothing is left behind") {
    World world;
    std::ptrdiff_t before = open_descriptors();
    bool started = false;
    // Each of the calls meets the limit in one of the rounds: three pipes, and the child's own descriptor.
    for (int left = 0; !started; ++left) {
        CAPTURE(left);
        REQUIRE(left < 20);
        int error = 0;
        {
            DescriptorsLeft limit(left);
            error = error_of([&] {
                Process process = Process::start({"true"});
                started = true;
            });
        }
        if (!started) CHECK(error == EMFILE);
        CHECK(open_descriptors() == before);
        CHECK(no_child_is_left());
    }
    ProcessOutput output = world.run(run_process({"echo", "again"}));
    CHECK(output.output == "again\n");
}

TEST_CASE("without descriptors opening, accepting and watching fail by name, and work again when there are some") {
    World world;
    UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(listening.get(), 8) == 0);
    REQUIRE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    static_cast<void>(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length));
    {
        DescriptorsLeft none(0);
        CHECK_THROWS_WITH_AS(world.run(Bodies::open_null()), "open(/dev/null): Too many open files", std::system_error);
        CHECK_THROWS_WITH_AS(world.run(Bodies::accept_one(listening.get())), "accept: Too many open files",
                             std::system_error);
        CHECK_THROWS_WITH_AS(FileWatch(), "inotify_init1: Too many open files", std::system_error);
        CHECK_THROWS_AS(EventLoop(), std::system_error);
    }
    world.run(Bodies::open_null());
    // The connection was not lost: it waits to be accepted.
    world.run(Bodies::accept_one(listening.get()));
    FileWatch watch;
    world.loop.reactor().forget(listening.get());
}

// ---- no room on the disk

TEST_CASE("a full disk is ENOSPC that names the file") {
    struct Writes {
        static Coro<> body() {
            File file = co_await File::open("/dev/full", O_WRONLY);
            co_await file.write_all("12345");
        }
    };
    World world;
    CHECK_THROWS_WITH_AS(world.run(Writes::body()), "write(/dev/full): No space left on device", std::system_error);
    world.run(Bodies::open_null());
}

TEST_CASE("a write that finds room for a part writes the part, and the rest is an error") {
    struct Writes {
        static Coro<> body(std::string path) {
            File file = co_await File::open(path, O_WRONLY);
            co_await file.write_all("0123456789");
            co_await file.write_all("abcdefghij");
        }
    };
    World world;
    TemporaryFile file;
    ::signal(SIGXFSZ, SIG_IGN);
    {
        Limit limit(RLIMIT_FSIZE, 15);
        CHECK_THROWS_WITH_AS(world.run(Writes::body(file.path())),
                             ("write(" + file.path() + "): File too large").c_str(), std::system_error);
    }
    ::signal(SIGXFSZ, SIG_DFL);
    CHECK(world.run(read_file(file.path())) == "0123456789abcde");
}

// ---- a full pool

TEST_CASE("a file operation that finds the pool full is LimitError at its await, and can be made again") {
    EventLoop::Options options;
    options.thread_pool.threads_max = 1;
    options.thread_pool.queued_jobs_max = 1;
    World world(options);
    std::latch begun(1);
    std::latch may_end(1);
    Future<> running = world.loop.run_in_executor([&] {
        begun.count_down();
        may_end.wait();
    });
    begun.wait();
    Future<int> waiting = world.loop.run_in_executor([] { return 1; });
    CHECK_THROWS_AS(world.run(Bodies::read_byte("/dev/zero")), LimitError);
    CHECK_THROWS_AS(world.run(read_file("/dev/null")), LimitError);
    may_end.count_down();
    CHECK(world.loop.run_until_complete(waiting) == 1);
    CHECK(world.run(Bodies::read_byte("/dev/zero")) == 0);
    CHECK(world.loop.task_count() == 0);
}

// ---- children that never end

TEST_CASE("a child that never ends, and hears no SIGTERM, is ended by a timeout or by kill, and reaped") {
    struct Children {
        static Coro<ProcessOutput> within() {
            ProcessOptions deaf(std::vector<std::string>{"sh", "-c", "trap '' TERM; while :; do read line; done"});
            co_return co_await timeout(1h, run_process(deaf));
        }
        static Coro<ProcessEnd> kills() {
            Process process = Process::start({"sh", "-c", "trap '' TERM; echo deaf; while :; do read line; done"});
            std::string line(100, '\0');
            co_await process.read_output(line);
            CHECK(process.terminate());
            try {
                co_await timeout(1s, process.wait());
                FAIL("it ignores SIGTERM");
            } catch (const TimeoutError&) {
            }
            CHECK(process.kill());
            co_return co_await process.wait();
        }
    };
    World world;
    std::ptrdiff_t before = open_descriptors();
    Task<ProcessOutput> too_long = world.loop.create_task(Children::within());
    world.turns(10);
    world.clock.advance(1h);
    CHECK_THROWS_AS(world.loop.run_until_complete(std::move(too_long)), TimeoutError);
    Task<ProcessEnd> killed = world.loop.create_task(Children::kills());
    while (!killed.done()) {
        world.loop.run_once(false);
        world.clock.advance(1ms);
    }
    CHECK(killed.result() == ProcessEnd{0, SIGKILL});
    CHECK(no_child_is_left());
    CHECK(open_descriptors() == before);
}

// ---- signals

TEST_CASE("10,000 signals while tasks run: the handler runs, the last one is not lost, and everybody gets his turn") {
    constexpr int storm = 10'000;
    World world;
    struct Turns {
        static Coro<> take(const bool& over, long& turns) {
            while (!over) {
                co_await sleep(0s);
                ++turns;
            }
        }
    };
    bool over = false;
    long turns = 0;
    for (int count = 0; count < 10; ++count) static_cast<void>(world.loop.create_task(Turns::take(over, turns)));
    std::atomic<int> sent = 0;
    int calls = 0;
    int seen = 0;
    world.loop.add_signal_handler(SIGUSR1, [&] {
        ++calls;
        seen = sent;
    });
    pthread_t self = ::pthread_self();
    std::thread sender([&] {
        for (int number = 1; number <= storm; ++number) {
            sent = number;
            ::pthread_kill(self, SIGUSR1);
        }
    });
    // What was sent before a signal is seen by the call for that signal: also for the last one.
    while (seen < storm) world.loop.run_once();
    sender.join();
    over = true;
    world.turns(3);
    CHECK(calls >= 1);
    CHECK(calls <= storm);
    CHECK(turns > 0);
    CHECK(world.loop.task_count() == 0);
    CHECK(world.lost.empty());
}
