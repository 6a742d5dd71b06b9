// A scripted peer of the simulation: it connects, sends, waits for what comes back, and interrupts the program.
//
// STEPWISE_SIM_VISITORS=FILE gives a world its visitors; README.md has their words. Each step is told on stderr as it
// is taken. A visitor whose connection ends too early says so and goes on at its next `connect`, `pause` or
// `interrupt`. It is no part of the program: its sockets have no descriptors. Owned by the world. One thread.
#pragma once

#include <stepwise/runtime/sim/network.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::sim {

class Visitor final : public Happening, public std::enable_shared_from_this<Visitor> {
public:
    enum class Word : std::uint8_t { connect, send, upgrade, say, hear, close, leave, pause, interrupt };
    struct Step {
        Word word;
        std::string text;  // of `hear`: what is waited for; of `send` and `say`: what is sent
        Duration time{};   // of `pause`
    };

    Visitor(Network& network, std::string name, std::vector<Step> steps) noexcept
        : network_(network), name_(std::move(name)), steps_(std::move(steps)) {}

    void begin();
    // Its socket, which belongs to the network, goes before that does.
    void let_go() noexcept { socket_.reset(); }
    void happen(unsigned what) override;

private:
    static constexpr unsigned socket_changed = 0;
    static constexpr unsigned time_is_over = 1;

    void go_on();
    // Whether it is over, so that the next one may begin.
    bool take(const Step& step);
    bool connect();
    bool send_all();
    bool hear(std::string_view text);
    void begin_pause(Duration time);
    void receive();
    void give_up(std::string_view why);
    void tell(std::string_view what) const;

    Network& network_;
    std::string name_;
    std::vector<Step> steps_;
    std::size_t next_ = 0;
    bool began_step_ = false;
    bool time_over_ = false;
    std::shared_ptr<Socket> socket_;
    std::string unsent_;
    std::string heard_;
    bool ended_ = false;  // nothing more comes
};

// Those of STEPWISE_SIM_VISITORS, which have begun. Throws std::invalid_argument, naming the line that it cannot read.
std::vector<std::shared_ptr<Visitor>> visitors_of_environment(Network& network);
// The same for a script, which `origin` names.
std::vector<std::shared_ptr<Visitor>> visitors_of(Network& network, std::string_view script, std::string_view origin);

}  // namespace stepwise::sim
