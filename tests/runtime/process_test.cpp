// Real children: small programs of the base system, which end by themselves or are ended here.
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/process.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/wait.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace {

using namespace stepwise;

ProcessOptions shell(std::string script) {
    return ProcessOptions(std::vector<std::string>{"sh", "-c", std::move(script)});
}

// Every child has been reaped.
bool no_child_is_left() {
    return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

Coro<std::string> first_line(Process& process) {
    std::string line;
    char byte = 0;
    while (co_await process.read_output(std::span(&byte, 1)) == 1 && byte != '\n') line += byte;
    co_return line;
}

}  // namespace

TEST_CASE("run_process gives what a program prints, and how it ends") {
    ProcessOutput echo = run(run_process({"echo", "two words", "$HOME"}));
    CHECK(echo.output == "two words $HOME\n");
    CHECK(echo.errors.empty());
    CHECK(echo.end.ok());
    ProcessOutput both = run(run_process(shell("echo out; echo err >&2; exit 3")));
    CHECK(both.output == "out\n");
    CHECK(both.errors == "err\n");
    CHECK(both.end == ProcessEnd{3, 0});
    CHECK(run(run_process(shell("kill -9 $$"))).end == ProcessEnd{0, 9});
    CHECK(no_child_is_left());
}

TEST_CASE("more than any pipe holds goes in and out without standing still") {
    std::string input(3 * 1024 * 1024, 'x');
    ProcessOutput cat = run(run_process({"cat"}, input));
    CHECK(cat.output == input);
    CHECK(run(run_process({"head", "-c", "5"}, input)).output == "xxxxx");
    CHECK(no_child_is_left());
}

TEST_CASE("a child that prints too much is stopped") {
    CHECK_THROWS_WITH_AS(run(run_process({"yes"}, {}, 10'000)),
                         "run_process: more than 10000 bytes of output (bytes_max)", LimitError);
    CHECK(no_child_is_left());
}

TEST_CASE("a program that cannot be run is told by its name") {
    try {
        run(run_process({"no-such-program-here"}));
        FAIL("it is not there");
    } catch (const std::system_error& error) {
        CHECK(error.code().value() == ENOENT);
        CHECK(std::string(error.what()) == "cannot run no-such-program-here: No such file or directory");
    }
    CHECK_THROWS_AS(run(run_process(ProcessOptions(std::vector<std::string>()))), std::invalid_argument);
    CHECK(no_child_is_left());
}

TEST_CASE("a child has the folder, the environment and the outputs that it is given") {
    ProcessOptions options = shell("pwd; echo $NAME; echo to nobody >&2");
    options.folder = std::string("/");
    options.environment = {"NAME=value", "PATH=/usr/bin:/bin"};
    CHECK(run(run_process(options)).output == "/\nvalue\n");
    options.errors = Stdio::null;
    struct Bodies {
        static Coro<ProcessEnd> body(const ProcessOptions& options) {
            Process process = Process::start(options);
            std::string folder = co_await first_line(process);
            CHECK(folder == "/");
            char byte = 0;
            try {
                std::span<char> one(&byte, 1);
                co_await process.read_errors(one);
                FAIL("there is no such pipe");
            } catch (const std::logic_error&) {
            }
            co_return co_await process.wait();
        }
    };
    CHECK(run(Bodies::body(options)).ok());
}

TEST_CASE("piece by piece: a question, an answer, the end of the input") {
    struct Bodies {
        static Coro<std::string> body() {
            Process process = Process::start({"cat"});
            co_await process.write_all("one\n");
            std::string first = co_await first_line(process);
            co_await process.write_all("two\n");
            std::string second = co_await first_line(process);
            CHECK_FALSE(process.end());
            process.close_input();
            ProcessEnd end = co_await process.wait();
            ProcessEnd again = co_await process.wait();
            CHECK(end == again);
            CHECK_FALSE(process.terminate());
            co_return first.append(second);
        }
    };
    CHECK(run(Bodies::body()) == "onetwo");
    CHECK(no_child_is_left());
}

TEST_CASE("a child is ended by a signal, and one that is let go of is killed and reaped") {
    struct Bodies {
        static Coro<ProcessEnd> terminated() {
            Process process = Process::start({"cat"});
            CHECK(process.terminate());
            co_return co_await process.wait();
        }
        static Coro<pid_t> let_go() {
            Process process = Process::start({"cat"});
            co_return process.pid();
        }
    };
    CHECK(run(Bodies::terminated()) == ProcessEnd{0, SIGTERM});
    CHECK(run(Bodies::let_go()) > 0);
    CHECK(no_child_is_left());
}

TEST_CASE("a cancelled run ends its child; a cancelled wait does not") {
    struct Bodies {
        static Coro<bool> wait_is_cancelled() {
            Process process = Process::start({"cat"});
            Task<ProcessEnd> waiting = EventLoop::current().create_task(process.wait());
            Task<ProcessOutput> running = EventLoop::current().create_task(run_process({"cat", "/dev/zero"}));
            co_await sleep(Duration::zero());
            running.cancel();
            waiting.cancel();
            std::vector<Task<ProcessEnd>> first = {waiting};
            std::vector<Task<ProcessOutput>> second = {running};
            auto ends = co_await wait(first);
            auto outputs = co_await wait(second);
            CHECK(waiting.cancelled());
            CHECK(running.cancelled());
            CHECK(ends.pending.size() + outputs.pending.size() == 0);
            process.close_input();
            ProcessEnd end = co_await process.wait();
            co_return end.ok();
        }
    };
    CHECK(run(Bodies::wait_is_cancelled()));
    CHECK(no_child_is_left());
}

TEST_CASE(
    "where SIGCHLD is ignored the kernel reaps: the end is seen, how it was is not known, nobody else is killed") {
    struct Ignored {
        Ignored() { ::signal(SIGCHLD, SIG_IGN); }
        ~Ignored() { ::signal(SIGCHLD, SIG_DFL); }
    } ignored;
    struct Bodies {
        static Coro<ProcessEnd> ends() {
            Process process = Process::start(shell("exit 3"));
            char byte = 0;
            std::span<char> one(&byte, 1);
            std::size_t count = co_await process.read_output(one);
            CHECK(count == 0);
            ProcessEnd end = co_await process.wait();
            CHECK_FALSE(process.kill());
            co_return end;
        }
        static Coro<pid_t> let_go() {
            Process process = Process::start({"cat"});
            co_return process.pid();
        }
    };
    CHECK(run(Bodies::ends()) == ProcessEnd{-1, 0});
    pid_t pid = run(Bodies::let_go());
    CHECK(::kill(pid, 0) == -1);
    CHECK(no_child_is_left());
}

TEST_CASE("a child has its inputs and outputs also where this process has closed its own") {
    struct Bodies {
        static Coro<ProcessOutput> body() {
            // The loop has its descriptors by now: the numbers are free for the pipes.
            UniqueFd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
            UniqueFd errors(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
            ::close(STDIN_FILENO);
            ::close(STDERR_FILENO);
            ProcessOutput output = co_await run_process(shell("cat; echo told >&2"), "asked");
            ::dup2(input.get(), STDIN_FILENO);
            ::dup2(errors.get(), STDERR_FILENO);
            co_return output;
        }
    };
    ProcessOutput output = run(Bodies::body());
    CHECK(output.output == "asked");
    CHECK(output.errors == "told\n");
    CHECK(output.end.ok());
    CHECK(no_child_is_left());
}

TEST_CASE("to write to a child that has ended is EPIPE, whether it had read all or not") {
    struct Bodies {
        static Coro<int> write_to(std::string script) {
            Process process = Process::start(shell(std::move(script)));
            co_await process.write_all("a line\n");
            process.terminate();
            co_await process.wait();
            try {
                co_await process.write_all("more");
            } catch (const std::system_error& error) {
                co_return error.code().value();
            }
            co_return 0;
        }
    };
    CHECK(run(Bodies::write_to("exec cat")) == EPIPE);
    CHECK(run(Bodies::write_to("exec sleep 60")) == EPIPE);
    CHECK(no_child_is_left());
}
