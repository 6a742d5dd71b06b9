// The examples in the headers about the world outside of the loop and about looking in, between marks that name the
// header. They run in a folder of their own.
#include <stepwise/runtime/diagnostics/await_chain.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/task_dump.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/file_watch.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/process.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/thread.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/tests/net/support.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace net_test;

namespace {

// The working folder, until its end.
class Folder {
public:
    Folder() : before_(std::filesystem::current_path()) {
        std::string name = std::filesystem::temp_directory_path() / "stepwise_examples_XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw_system_error(errno, "mkdtemp");
        std::filesystem::current_path(name);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::filesystem::path folder = std::filesystem::current_path();
        std::filesystem::current_path(before_);
        std::filesystem::remove_all(folder);
    }

private:
    std::filesystem::path before_;
};

TEST_CASE("one system call is one await") {
    World world;
    Pair pair = unix_pair();
    auto example = [](int socket, int other_end) -> Coro<std::string> {
        std::array<char, 16> buffer{};
        std::string_view text = "hello";
        co_await io::send(other_end, text);
        //[ runtime/io.hpp
        std::size_t count = co_await io::recv(socket, buffer);
        co_await io::send(socket, text);
        //]
        co_return std::string(buffer.data(), count);
    };
    CHECK(world.run(example(pair.ours.get(), pair.theirs.get())) == "hello");
}

TEST_CASE("a descriptor is closed by who owns it") {
    //[ runtime/unique_fd.hpp
    UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!file) throw_system_error(errno, "open");
    //]
    int number = file.get();
    file.reset();
    CHECK(::fcntl(number, F_GETFD) == -1);
}

TEST_CASE("a loop gives numbers that nobody can guess") {
    World world;
    EventLoop& loop = world.loop();
    //[ runtime/entropy.hpp
    std::array<std::byte, 16> session_id;
    loop.entropy().fill(session_id);
    //]
    CHECK(session_id != std::array<std::byte, 16>{});
}

TEST_CASE("files are read, and opened to be written") {
    World world;
    Folder folder;
    std::ofstream("names.txt") << "Ada\n";
    auto example = []() -> Coro<std::string> {
        //[ runtime/file.hpp
        std::string text = co_await read_file("names.txt");
        File log = co_await File::open("log.txt", O_WRONLY | O_CREAT | O_APPEND);
        co_await log.write_all("one line\n");
        //]
        co_return text;
    };
    CHECK(world.run(example()) == "Ada\n");
    CHECK(std::filesystem::file_size("log.txt") == 9);
}

TEST_CASE("a watch tells of a file that was written") {
    World world;
    Folder folder;
    std::ofstream("config.ini") << "a=1\n";
    std::vector<std::string> seen;
    auto example = [](std::vector<std::string>& seen) -> Coro<void> {
        //[ runtime/file_watch.hpp
        FileWatch watch;
        watch.add("config.ini", IN_CLOSE_WRITE | IN_MOVED_TO);
        for (;;) {
            FileChange change = co_await watch.next();
            //]
            seen.push_back(change.path);
            //[ runtime/file_watch.hpp
        }
        //]
    };
    Task<void> task = world.loop().create_task(example(seen));
    world.turns(2);
    std::ofstream("config.ini") << "a=2\n";
    world.run_until([&] { return !seen.empty(); });
    task.cancel();
    world.run_until([&] { return task.done(); });
    CHECK(seen.front() == "config.ini");
}

TEST_CASE("a child process runs to its end, or piece by piece") {
    World world;
    auto example = []() -> Coro<void> {
        //[ runtime/process.hpp
        ProcessOptions list{"ls", "-l"};
        ProcessOutput output = co_await run_process(list);
        Process sort = Process::start({"sort"});
        //]
        CHECK(output.end.ok());
        co_await sort.write_all("b\na\n");
        sort.close_input();
        std::array<char, 16> buffer{};
        std::size_t count = co_await sort.read_output(buffer);
        CHECK(std::string_view(buffer.data(), count) == "a\nb\n");
        ProcessEnd end = co_await sort.wait();
        CHECK(end.ok());
    };
    world.run(example());
}

int count_lines(const std::string& path) {
    std::ifstream file(path);
    int lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    return lines;
}

TEST_CASE("a function that blocks runs on a thread") {
    World world;
    Folder folder;
    std::ofstream("names.txt") << "Ada\nAlan\n";
    auto example = [](std::string path) -> Coro<int> {
        //[ runtime/to_thread.hpp
        int lines = co_await to_thread(count_lines, path);
        //]
        co_return lines;
    };
    CHECK(world.run(example("names.txt")) == 2);
}

std::atomic<int> served = 0;
std::atomic<bool> reloaded = false;
void reload() {
    reloaded = true;
}
Coro<void> serve(LoopGroup&, std::size_t) {
    ++served;
    while (!reloaded) co_await sleep(1ms);
}

TEST_CASE("several loops run a thread each") {
    //[ runtime/loop_group.hpp
    LoopGroup group(4);
    group.start(serve);
    group.post(2, [] { reload(); });
    group.join();
    //]
    CHECK(served == 4);
}

TEST_CASE("a program can hear of its mistakes itself") {
    std::string logged;
    auto log = [&](const std::string& text) { logged = text; };
    auto never_awaited = []() -> Coro<void> { co_return; };
    //[ runtime/diagnostics/lint.hpp
    set_lint_handler([&](const Lint& lint) { log(text_of(lint)); });
    //]
    static_cast<void>(never_awaited());
    set_lint_handler(nullptr);
    CHECK(logged.find("was dropped before it began") != std::string::npos);
}

TEST_CASE("an exception tells through which awaits it has come") {
    std::string logged;
    auto log = [&](const std::string& line) { logged += line + "\n"; };
    EventLoop::Options options;
    options.debug = true;
    EventLoop loop(options);
    //[ runtime/diagnostics/await_chain.hpp
    loop.set_exception_handler([&](const std::exception_ptr& error, std::string_view) {
        for (const std::string& line : await_chain(error)) log(line);  // "at rows.cpp:12, in read_row(), or …"
    });
    //]
    auto fails = []() -> Coro<void> {
        co_await sleep(0s);
        throw std::runtime_error("nobody asks");
    };
    static_cast<void>(loop.create_task(fails()));
    for (int turn = 0; turn < 4; ++turn) loop.run_once(false);
    CHECK(logged.find("at ") == 0);
}

TEST_CASE("a thread has one way to its loop") {
    World world;
    EventLoop& loop = world.loop();
    std::string logged;
    auto log = [&](const std::string& text) { logged = text; };
    //[ runtime/thread.hpp
    Thread thread([&loop, &log] {
        loop.call_soon_threadsafe([&log] { log("from another thread"); });
    });
    thread.join();
    //]
    world.turns(2);
    CHECK(logged == "from another thread");
}

TEST_CASE("tasks tell what they wait for") {
    World world;
    EventLoop& loop = world.loop();
    std::string logged;
    auto log = [&](const std::string& text) { logged = text; };
    Task<void> task = loop.create_task([]() -> Coro<void> { co_await sleep(1h); }());
    world.turns(2);
    //[ runtime/diagnostics/task_dump.hpp
    std::fputs(dump_tasks(loop).c_str(), stderr);
    log(why_blocked(task));
    //]
    CHECK(logged.starts_with(task.name() + " waits for"));
    task.cancel();
    world.turns(2);
}

}  // namespace
