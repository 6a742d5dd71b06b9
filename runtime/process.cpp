#include <stepwise/runtime/process.hpp>

#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>
#include <stepwise/runtime/task_group.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace stepwise {

namespace {

struct Ends {
    UniqueFd ours;
    UniqueFd theirs;
};

void make_non_blocking(const UniqueFd& fd) {
    if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) throw_system_error(errno, "fcntl(O_NONBLOCK)");
}

UniqueFd open_null() {
    UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) throw_system_error(errno, "open(/dev/null)");
    return null;
}

Ends make_input(Stdio kind) {
    if (kind == Stdio::inherit) return {};
    if (kind == Stdio::null) return {UniqueFd(), open_null()};
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw_system_error(errno, "socketpair");
    Ends made{UniqueFd(ends[0]), UniqueFd(ends[1])};
    make_non_blocking(made.ours);
    return made;
}

Ends make_output(Stdio kind) {
    if (kind == Stdio::inherit) return {};
    if (kind == Stdio::null) return {UniqueFd(), open_null()};
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_system_error(errno, "pipe2");
    Ends made{UniqueFd(ends[0]), UniqueFd(ends[1])};
    make_non_blocking(made.ours);
    return made;
}

constexpr ProcessEnd not_known{-1, 0};

int checked(const UniqueFd& pipe) {
    if (!pipe) throw std::logic_error("Process: there is no such pipe, or it was closed");
    return pipe.get();
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
    all.push_back(nullptr);
    return all;
}

// What the child does between fork and exec.
class SpawnPlan {
public:
    SpawnPlan() {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawnattr_init(&attributes_);
        // Our threads block no signals for good, and what we handle exec resets; what we ignore it would not.
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    void use(const UniqueFd& theirs, int number) {
        if (theirs) check(::posix_spawn_file_actions_adddup2(&actions_, theirs.get(), number));
    }
    void change_folder(const std::string& folder) {
        if (!folder.empty()) check(::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str()));
    }
    pid_t spawn(const ProcessOptions& options) {
        std::vector<char*> arguments = pointers(options.arguments);
        std::vector<char*> environment;
        if (options.environment) environment = pointers(*options.environment);
        pid_t pid = 0;
        int error = ::posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(),
                                   options.environment ? environment.data() : environ);
        if (error != 0) throw_system_error(error, "cannot run " + options.arguments[0]);
        return pid;
    }

private:
    static void check(int error) {
        if (error != 0) throw_system_error(error, "posix_spawn");
    }

    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

// By number: the library's functions lack the name that C++ needs to call them.
// None: with SIGCHLD ignored the child may be gone already, and its number another's.
UniqueFd open_pid_file(pid_t pid) {
    UniqueFd file(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!file && errno != ESRCH) {
        int error = errno;
        ::kill(pid, SIGKILL);
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
        throw_system_error(error, "pidfd_open");
    }
    return file;
}

// To the process itself, never to another that has its number by now: pidfd_send_signal(2).
bool send(const UniqueFd& pid_file, int number) noexcept {
    return ::syscall(SYS_pidfd_send_signal, pid_file.get(), number, nullptr, 0) == 0;
}

}  // namespace

Process::Process(pid_t pid, UniqueFd pid_file, UniqueFd input, UniqueFd output, UniqueFd errors) noexcept
    : pid_(pid),
      pid_file_(std::move(pid_file)),
      input_(std::move(input)),
      output_(std::move(output)),
      errors_(std::move(errors)) {
    if (!pid_file_) end_ = not_known;
}

Process Process::start(const ProcessOptions& options) {
    if (options.arguments.empty() || options.arguments[0].empty()) {
        throw std::invalid_argument("Process::start: there is no program to run");
    }
    if (detail::simulated_calls != nullptr) throw_not_simulated("Process::start", "another program has its own time");
    Ends input = make_input(options.input);
    Ends output = make_output(options.output);
    Ends errors = make_output(options.errors);
    SpawnPlan plan;
    plan.use(input.theirs, STDIN_FILENO);
    plan.use(output.theirs, STDOUT_FILENO);
    plan.use(errors.theirs, STDERR_FILENO);
    plan.change_folder(options.folder);
    pid_t pid = plan.spawn(options);
    return Process(pid, open_pid_file(pid), std::move(input.ours), std::move(output.ours), std::move(errors.ours));
}

Process::~Process() {
    if (pid_ == 0 || end_) return;
    send(pid_file_, SIGKILL);
    reap(0);
}

// False: it still runs.
bool Process::reap(int options) {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | options) != 0) {
        if (errno == EINTR) continue;
        // Somebody else has taken it, as with SIGCHLD ignored: how it ended is not known.
        end_ = not_known;
        return true;
    }
    if (info.si_pid == 0) return false;
    bool exited = info.si_code == CLD_EXITED;
    end_ = ProcessEnd{exited ? info.si_status : 0, exited ? 0 : info.si_status};
    return true;
}

Coro<ProcessEnd> Process::wait() {
    if (end_) co_return *end_;
    io::Known pid_file(checked(pid_file_));
    while (!end_ && !reap(WNOHANG)) co_await io::poll(pid_file.fd(), POLLIN);
    co_return *end_;
}

bool Process::send_signal(int number) {
    if (end_ || reap(WNOHANG)) return false;
    if (send(pid_file_, number)) return true;
    if (errno == ESRCH) return false;  // it ended just now, and somebody else has reaped it
    throw_system_error(errno, fmt::format("pidfd_send_signal({}, {})", pid_, number));
}

Coro<void> Process::write_all(std::string_view bytes) {
    io::Known input(checked(input_));
    try {
        while (!bytes.empty()) {
            std::size_t written = co_await io::send(input.fd(), bytes);
            bytes.remove_prefix(written);
        }
    } catch (const std::system_error& error) {
        // One that ends meanwhile, and has not read all, is told of by another name.
        throw_system_error(error.code().value() == ECONNRESET ? EPIPE : error.code().value(), "send");
    }
}

Coro<std::size_t> Process::read(const UniqueFd& pipe, std::span<char> buffer) {
    io::Known known(checked(pipe));
    co_return co_await io::read(known.fd(), buffer);
}

namespace {

// What run_process is about, in its frame, which outlives the group.
struct Run {
    Process process;
    std::string input;
    std::size_t bytes_max;
    ProcessOutput result;
};

Coro<void> feed(Run& run) {
    try {
        co_await run.process.write_all(run.input);
    } catch (const std::system_error& error) {
        if (error.code().value() != EPIPE) throw;  // else: it had enough
    }
    run.process.close_input();
}

void append(Run& run, std::string& text, std::string_view more) {
    if (text.size() + more.size() > run.bytes_max) {
        throw LimitError(fmt::format("run_process: more than {} bytes of output (bytes_max)", run.bytes_max));
    }
    text += more;
}

constexpr std::size_t read_bytes = 16 * 1024;

Coro<void> collect_output(Run& run) {
    std::vector<char> buffer(read_bytes);
    while (std::size_t count = co_await run.process.read_output(buffer)) {
        append(run, run.result.output, {buffer.data(), count});
    }
}

Coro<void> collect_errors(Run& run) {
    std::vector<char> buffer(read_bytes);
    while (std::size_t count = co_await run.process.read_errors(buffer)) {
        append(run, run.result.errors, {buffer.data(), count});
    }
}

Coro<void> communicate(TaskGroup& group, Run& run) {
    group.start_soon(feed(run));
    group.start_soon(collect_output(run));
    group.start_soon(collect_errors(run));
    run.result.end = co_await run.process.wait();
}

}  // namespace

Coro<ProcessOutput> run_process(ProcessOptions options, std::string input, std::size_t bytes_max) {
    options.input = options.output = options.errors = Stdio::pipe;
    Run run{Process::start(options), std::move(input), bytes_max, {}};
    co_await task_group(communicate, std::ref(run));
    co_return std::move(run.result);
}

}  // namespace stepwise
