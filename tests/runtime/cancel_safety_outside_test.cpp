// Law 7: what an await of a thread, a child process, a file or a folder leaves behind when it is cancelled.
#include <stepwise/runtime/file.hpp>
#include <stepwise/runtime/file_watch.hpp>
#include <stepwise/runtime/process.hpp>
#include <stepwise/runtime/to_thread.hpp>
#include <stepwise/tests/cancel_safety.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <semaphore>

namespace {

using namespace cancel_safety;

class Folder {
public:
    Folder() {
        char name[] = "/tmp/stepwise-cancel-test-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
    std::string path_;
};

std::ptrdiff_t open_descriptors() {
    std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
}

bool no_child_is_left() {
    return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

// A place in the pool that is taken until `free`: what comes next waits for its thread.
class BusyThread {
public:
    explicit BusyThread(EventLoop& loop) {
        job_ = loop.run_in_executor([may_end = may_end_] { may_end->acquire(); });
    }
    BusyThread(const BusyThread&) = delete;
    BusyThread& operator=(const BusyThread&) = delete;
    ~BusyThread() { free(); }
    void free() { may_end_->release(); }

private:
    std::shared_ptr<std::counting_semaphore<>> may_end_ = std::make_shared<std::counting_semaphore<>>(0);
    std::optional<Future<>> job_;
};

// An operation that needs a thread, of which there is one.
class NeedsThread : public Subject {
public:
    explicit NeedsThread(Stage& stage) : Subject(stage) { after_result(); }
    void complete() override { busy_->free(); }
    void after_result() override { busy_ = std::make_unique<BusyThread>(loop()); }
    void after_cancel() override {
        // What was cancelled in the queue has been passed over when the thread is busy again.
        busy_->free();
        Future<> behind = loop().run_in_executor([] {});
        stage().run_until([&] { return behind.done(); });
        after_result();
    }
    bool completes_at_once() const override { return false; }
    bool keeps_what_was_not_given() const override { return false; }
    void before_loop_ends() override { busy_.reset(); }

private:
    std::unique_ptr<BusyThread> busy_;
};

class ToThreadSubject final : public NeedsThread {
public:
    using NeedsThread::NeedsThread;
    Coro<std::string> operate() override {
        Future<int> result = to_thread([](int value) { return value + 1; }, 6);
        co_return std::to_string(co_await result);
    }
    std::string gives() const override { return "7"; }
};

class OpenSubject final : public NeedsThread {
public:
    using NeedsThread::NeedsThread;
    Coro<std::string> operate() override {
        File file = co_await File::open("/dev/null");
        co_return file.fd() >= 0 ? "open" : "nothing";
    }
    std::string gives() const override { return "open"; }
    void after_cancel() override {
        NeedsThread::after_cancel();
        // Opened for nobody, it was closed.
        CHECK(open_descriptors() == before_);
    }

private:
    std::ptrdiff_t before_ = open_descriptors();
};

class SyncSubject final : public NeedsThread {
public:
    explicit SyncSubject(Stage& stage) : NeedsThread(stage) {
        NeedsThread::complete();
        Task<File> opening = loop().create_task(File::open(folder_ / "text", O_WRONLY | O_CREAT));
        stage.run_until([&] { return opening.done(); });
        file_.emplace(loop().run_until_complete(std::move(opening)));
        after_result();
        before_ = open_descriptors();
    }
    Coro<std::string> operate() override {
        co_await file_->sync();
        co_return "on the disk";
    }
    std::string gives() const override { return "on the disk"; }
    void after_cancel() override {
        NeedsThread::after_cancel();
        CHECK(open_descriptors() == before_);
    }

private:
    Folder folder_;
    std::optional<File> file_;
    std::ptrdiff_t before_ = 0;
};

// ---- files, and what happens to them

class OnAPipe : public Subject {
public:
    explicit OnAPipe(Stage& stage) : Subject(stage) {
        REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
        other_end_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
        Task<File> opening = loop().create_task(File::open(path_, O_RDWR));
        stage.run_until([&] { return opening.done(); });
        file_.emplace(loop().run_until_complete(std::move(opening)));
    }

protected:
    std::size_t drain() {
        std::string bytes(1 << 20, ' ');
        std::size_t total = 0;
        for (ssize_t count; (count = ::read(other_end_.get(), bytes.data(), bytes.size())) > 0;) {
            total += static_cast<std::size_t>(count);
        }
        return total;
    }
    Folder folder_;
    std::string path_ = folder_ / "pipe";
    UniqueFd other_end_;
    std::optional<File> file_;
};

class FileReadSubject final : public OnAPipe {
public:
    using OnAPipe::OnAPipe;
    Coro<std::string> operate() override {
        std::string buffer(100, '\0');
        std::size_t count = co_await file_->read_some(buffer);
        co_return buffer.substr(0, count);
    }
    void complete() override { REQUIRE(::write(other_end_.get(), "12345", 5) == 5); }
    std::string gives() const override { return "12345"; }
    void after_result() override { CHECK(drain() == 0); }
    void after_cancel() override { CHECK(drain() == 0); }
};

class FileWriteSubject final : public OnAPipe {
public:
    explicit FileWriteSubject(Stage& stage) : OnAPipe(stage) { fill(); }
    Coro<std::string> operate() override {
        co_await file_->write_all("12345");
        co_return "written";
    }
    void complete() override { drain(); }
    std::string gives() const override { return "written"; }
    void after_result() override {
        CHECK(drain() == 5);
        fill();
    }
    void after_cancel() override {
        CHECK(drain() == filled_);
        fill();
    }

private:
    void fill() {
        std::string bytes(4096, ' ');
        filled_ = 0;
        for (ssize_t count; (count = ::write(other_end_.get(), bytes.data(), bytes.size())) > 0;) {
            filled_ += static_cast<std::size_t>(count);
        }
    }
    std::size_t filled_ = 0;
};

class FileWatchSubject final : public Subject {
public:
    explicit FileWatchSubject(Stage& stage) : Subject(stage) {
        complete();
        watch_.add(path_, IN_CLOSE_WRITE);
    }
    Coro<std::string> operate() override {
        FileChange change = co_await watch_.next();
        co_return change.path == path_ ? "changed" : "of another";
    }
    void complete() override { std::ofstream(path_) << "changed"; }
    std::string gives() const override { return "changed"; }

private:
    Folder folder_;
    std::string path_ = folder_ / "config";
    FileWatch watch_;
};

// ---- child processes

class OnAProcess : public Subject {
public:
    explicit OnAProcess(Stage& stage) : Subject(stage) { renew(); }
    ~OnAProcess() override {
        process_.reset();
        CHECK(no_child_is_left());
    }
    bool completes_at_once() const override { return false; }

protected:
    void renew() { process_ = std::make_unique<Process>(Process::start({"cat"})); }
    std::unique_ptr<Process> process_;
};

class ProcessWaitSubject final : public OnAProcess {
public:
    using OnAProcess::OnAProcess;
    Coro<std::string> operate() override {
        ProcessEnd end = co_await process_->wait();
        co_return end.ok() ? "ended" : "failed";
    }
    void complete() override { process_->close_input(); }
    std::string gives() const override { return "ended"; }
    void after_result() override { renew(); }
    void after_cancel() override { CHECK_FALSE(process_->end()); }
};

class ProcessReadSubject final : public OnAProcess {
public:
    using OnAProcess::OnAProcess;
    static Coro<> ask(Process& process) { co_await process.write_all("12345"); }
    Coro<std::string> operate() override {
        std::string buffer(100, '\0');
        std::size_t count = co_await process_->read_output(buffer);
        co_return buffer.substr(0, count);
    }
    void complete() override { static_cast<void>(loop().create_task(ask(*process_))); }
    std::string gives() const override { return "12345"; }
};

class ProcessWriteSubject final : public OnAProcess {
public:
    using OnAProcess::OnAProcess;
    // More than the pipes and the child hold, while nobody reads its output.
    static constexpr std::size_t bytes = 4 * 1024 * 1024;
    static Coro<> read_all(Process& process) {
        std::string buffer(64 * 1024, '\0');
        for (std::size_t total = 0; total < bytes;) {
            std::size_t count = co_await process.read_output(buffer);
            if (count == 0) break;  // it was killed
            total += count;
        }
    }
    Coro<std::string> operate() override {
        std::string text(bytes, 'x');
        co_await process_->write_all(text);
        co_return "written";
    }
    void complete() override { static_cast<void>(loop().create_task(read_all(*process_))); }
    std::string gives() const override { return "written"; }
    void after_result() override {
        stage().run_until([&] { return loop().task_count() == 0; });
        renew();
    }
    // A part was written.
    bool keeps_what_was_not_given() const override { return false; }
    void after_cancel() override {
        process_->kill();
        stage().run_until([&] { return loop().task_count() == 0; });
        renew();
    }
};

class RunProcessSubject final : public Subject {
public:
    explicit RunProcessSubject(Stage& stage) : Subject(stage) {
        REQUIRE(::mkfifo(path_.c_str(), 0600) == 0);
        other_end_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    }
    Coro<std::string> operate() override {
        ProcessOptions head(std::vector<std::string>{"head", "-n", "1", path_});
        ProcessOutput output = co_await run_process(head);
        co_return output.output;
    }
    void complete() override { REQUIRE(::write(other_end_.get(), "line\n", 5) == 5); }
    std::string gives() const override { return "line\n"; }
    bool completes_at_once() const override { return false; }
    bool keeps_what_was_not_given() const override { return false; }
    void after_result() override { CHECK(no_child_is_left()); }
    void after_cancel() override {
        CHECK(no_child_is_left());
        char line[5];
        static_cast<void>(!::read(other_end_.get(), line, sizeof line));
    }

private:
    Folder folder_;
    std::string path_ = folder_ / "pipe";
    UniqueFd other_end_;
};

}  // namespace

TEST_CASE("a cancelled to_thread ends at once, and the loop goes on with the next") {
    check_every_phase<ToThreadSubject>(1);
}
TEST_CASE("a cancelled open of a file leaves no descriptor open, also when the thread had opened it") {
    check_every_phase<OpenSubject>(1);
}
TEST_CASE("a cancelled sync leaves no descriptor open") {
    check_every_phase<SyncSubject>(1);
}
TEST_CASE("a cancelled read of a file has taken no byte") {
    check_every_phase<FileReadSubject>();
}
TEST_CASE("a cancelled write of a file that never began has written no byte") {
    check_every_phase<FileWriteSubject>();
}
TEST_CASE("a cancelled next of a file watch has taken no change") {
    check_every_phase<FileWatchSubject>();
}
TEST_CASE("a cancelled wait for a child leaves the child alone") {
    check_every_phase<ProcessWaitSubject>();
}
TEST_CASE("a cancelled read of a child's output has taken no byte") {
    check_every_phase<ProcessReadSubject>();
}
TEST_CASE("a cancelled write to a child has written a part, and leaves nothing behind") {
    check_every_phase<ProcessWriteSubject>();
}
TEST_CASE("a cancelled run_process has killed and reaped its child") {
    check_every_phase<RunProcessSubject>();
}
