// Files that are no trace, or part of one; programs that crash, fork, or make several loops.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stepwise/tests/runtime/support.hpp>
#include <stepwise/tests/runtime/trace/traced.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <span>

namespace {

using namespace runtime_test;
using namespace trace_test;

Coro<void> short_sleep() {
    co_await sleep(1ms);
}

std::vector<char> some_trace() {
    Folder folder;
    {
        Tracing tracing("file:" + (folder.path / "trace").string());
        World world;
        world.run(short_sleep());
    }
    std::string why_not;
    return read_whole(folder.files().front(), why_not);
}

struct Read {
    std::size_t events = 0;
    std::string problem;
    bool complete = false;
};

Read read_bytes(std::span<const char> bytes, std::size_t at_a_time = SIZE_MAX) {
    Reader reader;
    Read result;
    while (!bytes.empty()) {
        std::size_t count = std::min(at_a_time, bytes.size());
        reader.receive_data(bytes.first(count));
        bytes = bytes.subspan(count);
        while (reader.next_event()) ++result.events;
    }
    reader.receive_end();
    while (reader.next_event()) ++result.events;
    result.problem = reader.problem();
    result.complete = reader.complete();
    return result;
}

// What the rest of the program says on stderr while `run` runs.
template <class Run>
std::string stderr_of(Run run) {
    Folder folder;
    std::string path = (folder.path / "stderr").string();
    std::fflush(stderr);
    int saved = ::dup(STDERR_FILENO);
    int file = ::open(path.c_str(), O_CREAT | O_RDWR, 0600);
    ::dup2(file, STDERR_FILENO);
    run();
    std::fflush(stderr);
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    ::close(file);
    std::string why_not;
    std::vector<char> text = read_whole(path, why_not);
    return {text.begin(), text.end()};
}

TEST_CASE("a trace reads the same whole and byte by byte") {
    std::vector<char> bytes = some_trace();
    Read whole = read_bytes(bytes);
    CHECK(whole.complete);
    CHECK(whole.problem == "");
    for (std::size_t at_a_time : {1, 63, 65, 1000}) CHECK(read_bytes(bytes, at_a_time).events == whole.events);
}

TEST_CASE("a trace that is cut anywhere gives what is there, and says that it stops short") {
    std::vector<char> bytes = some_trace();
    std::size_t events = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        Read cut = read_bytes(std::span(bytes).first(size));
        CHECK(cut.events >= events);
        CHECK(!cut.complete);
        CHECK(cut.problem != "");
        events = cut.events;
    }
}

TEST_CASE("what is no trace is told from its first bytes; another version by its number") {
    CHECK(read_bytes(std::string_view("hello")).problem == "not a trace of Stepwise");
    CHECK(read_bytes(std::vector<char>(1000, '\0')).problem == "not a trace of Stepwise");
    CHECK(read_bytes({}).problem == "empty: no loop was made, or it was never run");
    std::vector<char> bytes = some_trace();
    bytes[16] = 9;
    CHECK(read_bytes(bytes).problem == "a trace of schema 9: this program reads schema 1");
}

TEST_CASE("a damaged trace is told, wherever a byte is wrong, and never more than it says is kept") {
    const std::vector<char> bytes = some_trace();
    for (std::size_t at = 16; at < bytes.size(); at += 3) {
        std::vector<char> damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ 0xFF);
        Read result = read_bytes(damaged);
        CHECK(result.events < 1000);
    }
}

TEST_CASE("a program that crashes leaves all that happened before") {
    Folder folder;
    pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        Tracing tracing("file:" + (folder.path / "trace").string());
        World world;
        world.loop.call_soon([] { ::kill(::getpid(), SIGKILL); });
        world.turns(1);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WTERMSIG(status) == SIGKILL);
    Story story = read(folder.files().front());
    CHECK(story.events.back().kind == Kind::run_begin);
    CHECK(story.reader.problem() ==
          fmt::format("it stops after event {}: the program crashed, was killed, or still runs",
                      story.events.back().seq));
}

TEST_CASE("the child of a fork writes nothing into its parent's trace") {
    Story story = traced([] {
        World world;
        world.turns(1);
        pid_t child = ::fork();
        if (child == 0) {
            for (int turn = 0; turn < 100; ++turn) world.turns(1);
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(status == 0);
        world.turns(1);
    });
    CHECK(story.reader.complete());
    CHECK(story.all(Kind::turn_begin).size() == 2);
}

TEST_CASE("each loop of a process has a file of its own") {
    Folder folder;
    {
        Tracing tracing("file:" + (folder.path / "trace").string());
        World one;
        World two;
        one.run(short_sleep());
        two.run(short_sleep());
    }
    REQUIRE(folder.files().size() == 2);
    std::vector<std::uint32_t> loops;
    for (const std::string& file : folder.files()) {
        Story story = read(file);
        CHECK(story.reader.complete());
        CHECK(story.all(Kind::task_new).size() == 1);
        loops.push_back(story.reader.header().loop);
    }
    CHECK(loops[0] != loops[1]);
}

TEST_CASE("a trace that cannot be written is one line, and the program runs") {
    auto said = [](const std::string& to) {
        bool ran = false;
        std::string text = stderr_of([&] {
            Tracing tracing(to);
            World world;
            world.loop.call_soon([&] { ran = true; });
            world.turns(1);
        });
        CHECK(ran);
        CHECK(std::count(text.begin(), text.end(), '\n') == 1);
        return text;
    };
    CHECK(said("/tmp/trace").find("set it to file:PATH or unix:PATH") != std::string::npos);
    CHECK(said("file:/nowhere/trace").find("No such file or directory") != std::string::npos);
    CHECK(said("file:/dev/full").find("not a regular file") != std::string::npos);
    CHECK(said("file:/tmp").find("Is a directory") != std::string::npos);
}

TEST_CASE("a disk that is full, or a file that may not grow, ends the trace in one line, and the program runs") {
    Folder folder;
    int status = 0;
    const std::string text = stderr_of([&] {
        pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            const rlimit limit{3 << 20, 3 << 20};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            Tracing tracing("file:" + (folder.path / "trace").string());
            World world;
            bool ran = false;
            // Twice as much as there is room for.
            for (int turn = 0; turn < 15'000; ++turn) world.turns(1);
            world.loop.call_soon([&] { ran = true; });
            world.turns(1);
            ::_exit(ran ? 0 : 1);
        }
        ::waitpid(child, &status, 0);
    });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(text.find("trace ends: File too large; the program runs on\n") != std::string::npos);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    const std::string file = (folder.path / "trace").string();
    CHECK(std::filesystem::file_size(file) == 3 << 20);
    const Story story = read(file);
    CHECK(story.events.size() > 40'000);
    CHECK(story.reader.problem().starts_with("it stops after event"));
}

TEST_CASE("two processes that were given one path: the second says so and leaves the file alone") {
    Folder folder;
    std::string path = (folder.path / "trace").string();
    {
        Tracing tracing("file:" + path);
        World world;
        std::string file = folder.files().front();
        pid_t child = ::fork();
        if (child == 0) {
            // A loop of the same number, as another program's would have.
            int fd = ::open(file.c_str(), O_RDWR);
            ::_exit(::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 1 : 0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(status == 0);
        world.run(short_sleep());
    }
    CHECK(read(folder.files().front()).reader.complete());
}

}  // namespace
