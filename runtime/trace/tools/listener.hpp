// The listener of a program that runs: takes its events from a Unix socket, and sends commands to its gate.
//
// The first loop that connects is the one that is shown; later ones are told to run on, and what they tell is thrown
// away. Never blocks. Owns the socket's file. One thread.
#pragma once

#include <stepwise/runtime/unique_fd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace stepwise::trace {

class Listener {
public:
    explicit Listener(std::string path);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    // What has come since.
    std::vector<char> more();
    // The loop will tell no more.
    bool has_ended() const noexcept { return ended_; }
    // "step handle"; nothing happens if nobody is there.
    void command(std::string_view line) noexcept;

private:
    void accept_all();

    std::string path_;
    UniqueFd listening_;
    UniqueFd shown_;
    bool ended_ = false;
    std::vector<UniqueFd> others_;
};

}  // namespace stepwise::trace
