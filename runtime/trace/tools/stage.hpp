// A program that is shown: it is started with a trace to a file or to a socket, and ends with an exit code.
//
// Owns the process: one that still runs when its Stage ends is killed and waited for. One thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace stepwise::trace {

class Stage {
public:
    Stage() = default;
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    ~Stage();

    // Starts `words[0]` with these settings ("NAME=value") in its environment, and its standard output and error there.
    // Empty, or why it could not be started.
    std::string start(const std::vector<std::string>& words, const std::vector<std::string>& settings, int output_fd,
                      int error_fd);
    // Until it has ended.
    void wait();
    // Whether it has ended, without waiting.
    bool has_ended();
    // "ended with exit code 3", "was ended by signal 11 (Segmentation fault)"; empty while it runs.
    std::string how_it_ended() const;
    // As a shell tells it: 128 and more for signals.
    int exit_code() const noexcept;
    void end(int signal) noexcept;
    // SIGTERM, and SIGKILL for who has not ended two seconds later.
    void end_in_order();

private:
    pid_t process_ = -1;
    int status_ = 0;
    bool ended_ = true;
};

// A folder for one trace, with what is in it: it ends with this.
class TraceFolder {
public:
    TraceFolder();
    TraceFolder(const TraceFolder&) = delete;
    TraceFolder& operator=(const TraceFolder&) = delete;
    ~TraceFolder();

    std::string file() const { return path_ + "/trace"; }
    // The traces of all loops, the first loop's first.
    std::vector<std::string> traces() const;

private:
    std::string path_;
};

}  // namespace stepwise::trace
