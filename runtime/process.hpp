// Process: a child process, its input and outputs as pipes to await, and its end, without a zombie or a signal handler:
// pidfd_open(2).
//
//     ProcessOptions list{"ls", "-l"};                        // named: no braces beside a co_await
//     ProcessOutput output = co_await run_process(list);      // all at once, bounded
//     Process sort = Process::start({"sort"});                // or piece by piece
//
// A Process owns its child: at its end one that still runs is killed (SIGKILL) and reaped. The program is searched in
// PATH; no shell is between. One task at a time for each pipe, and for wait(). The loop's thread.
#pragma once

#include <stepwise/runtime/coro.hpp>
#include <stepwise/runtime/unique_fd.hpp>

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stepwise {

enum class Stdio : std::uint8_t { pipe, inherit, null };

struct ProcessOptions {
    // arguments[0] is the program.
    ProcessOptions(std::initializer_list<const char*> all) : arguments(all.begin(), all.end()) {}
    explicit ProcessOptions(std::vector<std::string> all) : arguments(std::move(all)) {}

    std::vector<std::string> arguments;
    // "NAME=value", all of them; nothing: this process's own.
    std::optional<std::vector<std::string>> environment;
    std::string folder;  // to run in; empty: this process's
    Stdio input = Stdio::pipe;
    Stdio output = Stdio::pipe;
    Stdio errors = Stdio::pipe;
};

// How it ended. An exit code of -1: not known, as somebody else has reaped it; with SIGCHLD ignored the kernel does.
struct ProcessEnd {
    int exit_code = 0;
    int signal = 0;  // that killed it; 0: it exited
    bool ok() const noexcept { return exit_code == 0 && signal == 0; }
    bool operator==(const ProcessEnd&) const = default;
};

class Process {
public:
    // Throws std::system_error naming the program: it is not there, may not be run, or there is no room for it;
    // std::invalid_argument without a program.
    static Process start(const ProcessOptions& options);
    Process(Process&& other) noexcept
        : pid_(std::exchange(other.pid_, 0)),
          pid_file_(std::move(other.pid_file_)),
          input_(std::move(other.input_)),
          output_(std::move(other.output_)),
          errors_(std::move(other.errors_)),
          end_(other.end_) {}
    Process& operator=(Process&&) = delete;
    ~Process();

    pid_t pid() const noexcept { return pid_; }

    // All of it to the child's input, which is a socket, as a pipe would end us by SIGPIPE; std::system_error with
    // EPIPE when the child reads no more. Cancel-safe in that nothing is left behind; a part has been written then.
    Coro<void> write_all(std::string_view bytes);
    // The child reads the end of its input.
    void close_input() noexcept { input_.reset(); }
    // At least one byte; 0 is the end of the output. Cancel-safe.
    Coro<std::size_t> read_output(std::span<char> buffer) { return read(output_, buffer); }
    Coro<std::size_t> read_errors(std::span<char> buffer) { return read(errors_, buffer); }

    // Waits for the end; at once when it is known. Cancel-safe, and cancels nothing but the wait.
    Coro<ProcessEnd> wait();
    std::optional<ProcessEnd> end() const noexcept { return end_; }
    // False if it has ended. Throws std::system_error, EINVAL for what is no signal.
    bool send_signal(int number);
    // Asks it to end, and ends it: SIGTERM, SIGKILL. wait() reaps it.
    bool terminate() { return send_signal(SIGTERM); }
    bool kill() { return send_signal(SIGKILL); }

private:
    Process(pid_t pid, UniqueFd pid_file, UniqueFd input, UniqueFd output, UniqueFd errors) noexcept;
    static Coro<std::size_t> read(const UniqueFd& pipe, std::span<char> buffer);
    bool reap(int options);

    pid_t pid_;  // 0: moved away
    UniqueFd pid_file_;
    UniqueFd input_;
    UniqueFd output_;
    UniqueFd errors_;
    std::optional<ProcessEnd> end_;
};

struct ProcessOutput {
    ProcessEnd end;
    std::string output;
    std::string errors;
};

inline constexpr std::size_t process_output_bytes_max_default = 16 * 1024 * 1024;

// Starts it, gives it `input`, waits for its end and for that of both outputs, which its own children may hold open
// longer. LimitError when one of them is longer than bytes_max. Cancel-safe: the child is killed and reaped then.
Coro<ProcessOutput> run_process(ProcessOptions options, std::string input = {},
                                std::size_t bytes_max = process_output_bytes_max_default);

}  // namespace stepwise
