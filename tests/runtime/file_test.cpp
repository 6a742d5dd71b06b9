// Real files, in a folder of their own that ends with the test.
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/file_watch.hpp>
#include <stepwise/runtime/io.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <doctest/doctest.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <system_error>

namespace {

using namespace stepwise;

struct Folder {
    Folder() {
        char name[] = "/tmp/stepwise-file-test-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string operator/(std::string_view name) const { return path + "/" + std::string(name); }
    std::string path;
};

std::string failure_of(Coro<std::string> reading) {
    try {
        return run(std::move(reading));
    } catch (const std::exception& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("what was written to a file is read from it") {
    Folder folder;
    std::string path = folder / "text";
    run(write_file(path, "first\n"));
    CHECK(run(read_file(path)) == "first\n");
    run(write_file(path, "2"));
    CHECK(run(read_file(path)) == "2");
    std::string large(5 * 1024 * 1024, 'x');
    run(write_file(path, large));
    std::string read = run(read_file(path));
    CHECK(read == large);
    CHECK_MESSAGE(read.capacity() < large.size() * 5 / 4, "it grew step by step: each step copies all, on the loop");
    run(write_file(path, {}));
    CHECK(run(read_file(path)).empty());
}

TEST_CASE("a file is read at its position or anywhere, appended to, synced, and has a size") {
    Folder folder;
    struct Bodies {
        static Coro<> body(std::string path) {
            {
                File file = co_await File::open(path, O_WRONLY | O_CREAT | O_APPEND);
                co_await file.write_all("0123456789");
                co_await file.write_all("abcdef");
                co_await file.sync();
                std::uint64_t size = co_await file.size();
                CHECK(size == 16);
            }
            File file = co_await File::open(path);
            std::string buffer(4, '\0');
            std::size_t count = co_await file.read_some(buffer);
            CHECK(buffer.substr(0, count) == "0123");
            count = co_await file.read_at(10, buffer);
            CHECK(buffer.substr(0, count) == "abcd");
            count = co_await file.read_at(15, buffer);
            CHECK(buffer.substr(0, count) == "f");
            count = co_await file.read_at(16, buffer);
            CHECK(count == 0);
            std::string rest = co_await file.read_rest(100);
            CHECK(rest == "456789abcdef");
        }
    };
    run(Bodies::body(folder / "log"));
}

TEST_CASE("errors name the call, the path and the limit") {
    Folder folder;
    CHECK(failure_of(read_file(folder / "missing")) == "open(" + folder / "missing" + "): No such file or directory");
    CHECK(failure_of(read_file(folder.path)) == "read(" + folder.path + "): Is a directory");
    run(write_file(folder / "large", std::string(11, 'x')));
    CHECK(failure_of(read_file(folder / "large", 10)) == folder / "large" + " has more than 10 bytes (bytes_max)");
}

TEST_CASE("many files are read side by side, and a cancelled read leaves nothing behind") {
    Folder folder;
    run(write_file(folder / "text", std::string(300'000, 'y')));
    struct Bodies {
        static Coro<> body(std::string path) {
            std::vector<Task<std::string>> tasks;
            for (int count = 0; count < 20; ++count) tasks.push_back(EventLoop::current().create_task(read_file(path)));
            co_await sleep(Duration::zero());
            for (std::size_t index = 0; index < tasks.size(); index += 2) tasks[index].cancel();
            for (std::size_t index = 1; index < tasks.size(); index += 2) {
                const std::string& text = co_await tasks[index];
                CHECK(text.size() == 300'000);
            }
        }
    };
    run(Bodies::body(folder / "text"));
}

TEST_CASE("a watch tells what happens to a file and in a folder") {
    Folder folder;
    run(write_file(folder / "config", "1"));
    struct Bodies {
        static Coro<> body(const Folder& folder) {
            FileWatch watch;
            watch.add(folder / "config", IN_CLOSE_WRITE);
            watch.add(folder.path, IN_CREATE | IN_DELETE);
            Task<FileChange> waiting = EventLoop::current().create_task(watch.next());
            co_await sleep(Duration::zero());
            waiting.cancel();
            co_await write_file(folder / "config", "2");
            co_await write_file(folder / "new", "");
            FileChange first = co_await watch.next();
            CHECK(first.path == folder / "config");
            CHECK(first.name.empty());
            CHECK((first.mask & IN_CLOSE_WRITE) != 0);
            FileChange second = co_await watch.next();
            CHECK(second.path == folder.path);
            CHECK(second.name == "new");
            CHECK((second.mask & IN_CREATE) != 0);
            CHECK(watch.remove(folder / "config"));
            CHECK_FALSE(watch.remove(folder / "config"));
            co_await write_file(folder / "config", "3");
            std::filesystem::remove(folder / "new");
            FileChange third = co_await watch.next();
            CHECK((third.mask & IN_DELETE) != 0);
        }
    };
    run(Bodies::body(folder));
    FileWatch watch;
    CHECK_THROWS_AS(watch.add(folder / "missing", IN_MODIFY), std::system_error);
}

TEST_CASE("the number of a file that was closed is a socket's as any other") {
    Folder folder;
    run(write_file(folder / "text", "text"));
    struct Bodies {
        static Coro<std::size_t> recv_some(int socket) {
            std::string buffer(10, '\0');
            co_return co_await io::recv(socket, buffer);
        }
        static Coro<> body(std::string path) {
            int number = -1;
            {
                File file = co_await File::open(path);
                number = file.fd();
                std::string text = co_await file.read_rest(100);
                CHECK(text == "text");
            }
            std::array<int, 2> ends{};
            REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
            UniqueFd here(ends[0]);
            UniqueFd there(ends[1]);
            REQUIRE(here.get() == number);
            Task<std::size_t> receiving = EventLoop::current().create_task(recv_some(here.get()));
            co_await sleep(Duration::zero());
            REQUIRE(::write(there.get(), "12345", 5) == 5);
            std::size_t count = co_await receiving;
            CHECK(count == 5);
            EventLoop::current().reactor().forget(here.get());
        }
    };
    run(Bodies::body(folder / "text"));
}

TEST_CASE("an offset that no file has is an error, and not the current position") {
    Folder folder;
    run(write_file(folder / "text", "text"));
    struct Bodies {
        static Coro<std::string> read_beyond(std::string path, std::uint64_t offset) {
            File file = co_await File::open(path);
            std::string buffer(10, '\0');
            std::size_t count = co_await file.read_at(offset, buffer);
            co_return buffer.substr(0, count);
        }
    };
    std::string invalid = "pread(" + folder / "text" + "): Invalid argument";
    CHECK(failure_of(Bodies::read_beyond(folder / "text", UINT64_MAX)) == invalid);
    CHECK(failure_of(Bodies::read_beyond(folder / "text", UINT64_MAX / 2 + 1)) == invalid);
    CHECK(failure_of(Bodies::read_beyond(folder / "text", 4)).empty());
}

TEST_CASE("a pipe with a name can be read without holding up the loop") {
    Folder folder;
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    struct Bodies {
        static Coro<std::string> read_one(File& file) {
            std::string buffer(10, '\0');
            std::size_t count = co_await file.read_some(buffer);
            co_return buffer.substr(0, count);
        }
        static Coro<> body(std::string path) {
            File file = co_await File::open(path, O_RDWR);
            Task<std::string> reading = EventLoop::current().create_task(read_one(file));
            for (int turn = 0; turn < 10; ++turn) co_await sleep(Duration::zero());
            CHECK_FALSE(reading.done());
            co_await file.write_all("12345");
            const std::string& text = co_await reading;
            CHECK(text == "12345");
        }
    };
    run(Bodies::body(folder / "pipe"));
}

TEST_CASE("changes that came before a watch was removed are still given, and the path is known no more") {
    Folder folder;
    run(write_file(folder / "config", "1"));
    run(write_file(folder / "other", "1"));
    struct Bodies {
        static Coro<> body(const Folder& folder) {
            FileWatch watch;
            watch.add(folder / "config", IN_CLOSE_WRITE);
            watch.add(folder / "other", IN_CLOSE_WRITE);
            co_await write_file(folder / "config", "2");
            CHECK(watch.remove(folder / "config"));
            CHECK_FALSE(watch.remove(folder / "config"));
            co_await write_file(folder / "config", "3");
            co_await write_file(folder / "other", "2");
            FileChange first = co_await watch.next();
            CHECK(first.path == folder / "config");
            FileChange second = co_await watch.next();
            CHECK(second.path == folder / "other");
            watch.add(folder / "config", IN_CLOSE_WRITE);
            co_await write_file(folder / "config", "4");
            FileChange third = co_await watch.next();
            CHECK(third.path == folder / "config");
        }
    };
    run(Bodies::body(folder));
}
