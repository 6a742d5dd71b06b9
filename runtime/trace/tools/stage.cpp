#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/trace/tools/stage.hpp>

#include <fmt/format.h>

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>

namespace stepwise::trace {

namespace {

// Ours, with none of what an outer trace may have set.
std::vector<std::string> environment_with(const std::vector<std::string>& settings) {
    std::vector<std::string> all = settings;
    for (char** each = environ; *each != nullptr; ++each) {
        std::string_view variable(*each);
        if (!variable.starts_with("STEPWISE_TRACE=") && !variable.starts_with("STEPWISE_TRACE_HELD=")) {
            all.emplace_back(variable);
        }
    }
    return all;
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace

Stage::~Stage() {
    if (ended_) return;
    end(SIGKILL);
    wait();
}

std::string Stage::start(const std::vector<std::string>& words, const std::vector<std::string>& settings, int output_fd,
                         int error_fd) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
    // Ctrl-C is for the program: whoever shows it waits for its end.
    sigset_t interrupt;
    ::sigemptyset(&interrupt);
    ::sigaddset(&interrupt, SIGINT);
    ::posix_spawnattr_setsigdefault(&attributes, &interrupt);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    std::vector<std::string> environment = environment_with(settings);
    int error = ::posix_spawnp(&process_, words[0].c_str(), &actions, &attributes, pointers_to(words).data(),
                               pointers_to(environment).data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    ended_ = error != 0;
    return error == 0 ? std::string() : fmt::format("cannot start {}: {}", words[0], std::strerror(error));
}

void Stage::wait() {
    while (!ended_) {
        if (::waitpid(process_, &status_, 0) == process_ || errno != EINTR) ended_ = true;
    }
}

bool Stage::has_ended() {
    if (!ended_ && ::waitpid(process_, &status_, WNOHANG) == process_) ended_ = true;
    return ended_;
}

std::string Stage::how_it_ended() const {
    if (!ended_) return {};
    if (!WIFSIGNALED(status_)) return fmt::format("ended with exit code {}", WEXITSTATUS(status_));
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status_), ::strsignal(WTERMSIG(status_)));
}

int Stage::exit_code() const noexcept {
    return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
}

void Stage::end(int signal) noexcept {
    if (!ended_) ::kill(process_, signal);
}

void Stage::end_in_order() {
    end(SIGTERM);
    for (int waited = 0; waited < 40 && !has_ended(); ++waited)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    end(SIGKILL);
    wait();
}

TraceFolder::TraceFolder() : path_((std::filesystem::temp_directory_path() / "stepwise-trace-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw_system_error(errno, "mkdtemp");
}

TraceFolder::~TraceFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> TraceFolder::traces() const {
    std::vector<std::string> found;
    for (int loop = 1;; ++loop) {
        std::string path = loop == 1 ? file() : fmt::format("{}.{}", file(), loop);
        if (!std::filesystem::exists(path)) return found;
        found.push_back(path);
    }
}

}  // namespace stepwise::trace
