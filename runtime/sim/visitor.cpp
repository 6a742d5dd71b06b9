#include <stepwise/runtime/sim/visitor.hpp>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace stepwise::sim {

namespace {

constexpr Duration time_to_listen_max = std::chrono::seconds(10);
constexpr Duration time_between_looks = std::chrono::milliseconds(1);
// Of the handshake (RFC 6455, section 1.3): a fixed key is as good as any other here.
constexpr std::string_view upgrade_head =
    " HTTP/1.1\r\nHost: visitor\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

// A client's frame is masked (RFC 6455, section 5.3); by zeros, so that what is sent can be read in a capture.
std::string frame(char first_byte, std::string_view payload) {
    std::string bytes(1, first_byte);
    if (payload.size() < 126) {
        bytes += static_cast<char>(0x80 | payload.size());
    } else {
        bytes += static_cast<char>(0x80 | 126);
        bytes += static_cast<char>(payload.size() >> 8);
        bytes += static_cast<char>(payload.size() & 0xFF);
    }
    bytes.append(4, '\0');
    return bytes.append(payload);
}

std::string text_frame(std::string_view text) {
    return frame(static_cast<char>(0x81), text);
}

std::string close_frame() {
    return frame(static_cast<char>(0x88), std::string_view("\x03\xE8", 2));  // 1000
}

}  // namespace

void Visitor::begin() {
    network_.timeline.add(network_.timeline.present() + network_.latency(), shared_from_this(), time_is_over);
}

void Visitor::happen(unsigned what) {
    if (what == time_is_over) time_over_ = true;
    if (socket_ != nullptr) socket_->told_observer = false;
    go_on();
}

void Visitor::go_on() {
    receive();
    while (next_ < steps_.size()) {
        if (!take(steps_[next_])) return;
        ++next_;
        began_step_ = false;
    }
}

void Visitor::tell(std::string_view what) const {
    const std::chrono::duration<double> time = network_.timeline.present().time_since_epoch();
    fmt::print(stderr, "[{:.6f} s] {} {}\n", time.count(), name_, what);
}

bool Visitor::take(const Step& step) {
    const bool begins = !std::exchange(began_step_, true);
    switch (step.word) {
        case Word::connect:
            return connect();
        case Word::send:
        case Word::say:
        case Word::upgrade:
        case Word::close:
            if (begins) {
                const std::string bytes = step.word == Word::send  ? step.text
                                          : step.word == Word::say ? text_frame(step.text)
                                          : step.word == Word::upgrade
                                              ? fmt::format("GET {}{}", step.text, upgrade_head)
                                              : close_frame();
                unsent_ += bytes;
                tell(step.word == Word::say       ? fmt::format("says: {}", step.text)
                     : step.word == Word::upgrade ? fmt::format("asks for a WebSocket at {}", step.text)
                     : step.word == Word::close   ? "closes its WebSocket"
                                                  : fmt::format("sends {} bytes", bytes.size()));
            }
            if (!send_all()) return false;
            return step.word == Word::upgrade ? hear("\r\n\r\n") : true;
        case Word::hear:
            return hear(step.text);
        case Word::leave:
            tell("leaves");
            if (socket_ != nullptr) socket_->close(false);
            socket_.reset();
            return true;
        case Word::pause:
            if (begins) begin_pause(step.time);
            return time_over_;
        case Word::interrupt:
            tell("interrupts the program");
            static_cast<void>(std::raise(SIGINT));
            return true;
    }
    return true;
}

// ---- a connection

bool Visitor::connect() {
    if (socket_ == nullptr || socket_->state == Socket::State::closed) {
        const Endpoint to = network_.first_listener();
        if (to.family() == AF_UNSPEC) {
            if (network_.timeline.present().time_since_epoch() > time_to_listen_max) {
                give_up("finds nobody who listens");
                return false;
            }
            network_.timeline.add(network_.timeline.present() + time_between_looks, shared_from_this(), time_is_over);
            return false;
        }
        socket_ = network_.make(Socket::Kind::tcp, to.family());
        socket_->observer = weak_from_this();
        unsent_.clear();
        heard_.clear();
        ended_ = false;
        tell(fmt::format("connects to {}", to.to_string()));
        network_.connect(*socket_, to);
    }
    if (socket_->state == Socket::State::connecting) return false;
    if (socket_->state == Socket::State::connected) return true;
    give_up("is not let in");
    return false;
}

bool Visitor::send_all() {
    while (!unsent_.empty()) {
        const iovec part{unsent_.data(), unsent_.size()};
        const int sent = socket_ == nullptr ? -EPIPE : socket_->send(std::span(&part, 1));
        if (sent == -EAGAIN) return false;
        if (sent < 0) {
            give_up("cannot send: its connection is gone");
            return false;
        }
        unsent_.erase(0, static_cast<std::size_t>(sent));
    }
    return true;
}

void Visitor::receive() {
    char block[4096];
    while (socket_ != nullptr && socket_->state == Socket::State::connected && !ended_) {
        const int count = socket_->recv(block);
        if (count == -EAGAIN) return;
        if (count > 0) heard_.append(block, static_cast<std::size_t>(count));
        ended_ = count <= 0;
    }
}

bool Visitor::hear(std::string_view text) {
    const std::size_t at = heard_.find(text);
    if (at != std::string::npos) {
        if (text.find_first_of("\r\n") == std::string_view::npos) tell(fmt::format("hears: {}", text));
        heard_.erase(0, at + text.size());
        return true;
    }
    if (ended_ || socket_ == nullptr) give_up("hears no more: its connection is gone");
    return false;
}

void Visitor::begin_pause(Duration time) {
    time_over_ = false;
    network_.timeline.add(network_.timeline.present() + time, shared_from_this(), time_is_over);
}

void Visitor::give_up(std::string_view why) {
    tell(why);
    if (socket_ != nullptr && socket_->state != Socket::State::closed) socket_->close(true);
    socket_.reset();
    do ++next_;
    while (next_ < steps_.size() && steps_[next_].word != Word::connect && steps_[next_].word != Word::pause &&
           steps_[next_].word != Word::interrupt);
    began_step_ = false;
    if (next_ < steps_.size()) network_.timeline.add(network_.timeline.present(), shared_from_this(), socket_changed);
}

// ---- scripts

namespace {

constexpr std::array<std::pair<std::string_view, Visitor::Word>, 9> words{{
    {"connect", Visitor::Word::connect},
    {"send", Visitor::Word::send},
    {"upgrade", Visitor::Word::upgrade},
    {"say", Visitor::Word::say},
    {"hear", Visitor::Word::hear},
    {"close", Visitor::Word::close},
    {"leave", Visitor::Word::leave},
    {"pause", Visitor::Word::pause},
    {"interrupt", Visitor::Word::interrupt},
}};

// "\r", "\n" and "\\" stand for what they stand for in C.
std::string unescaped(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\' || at + 1 == text.size()) {
            result += text[at];
        } else {
            ++at;
            result += text[at] == 'r' ? '\r' : text[at] == 'n' ? '\n' : text[at];
        }
    }
    return result;
}

std::optional<Visitor::Step> step_of(std::string_view line) {
    const std::string_view name = line.substr(0, line.find(' '));
    const std::string_view rest = line.substr(std::min(line.size(), name.size() + 1));
    for (const auto& [known, word] : words) {
        if (name != known) continue;
        const bool takes_text = word == Visitor::Word::send || word == Visitor::Word::say ||
                                word == Visitor::Word::hear || word == Visitor::Word::upgrade ||
                                word == Visitor::Word::pause;
        if (takes_text == rest.empty()) return std::nullopt;
        if (word == Visitor::Word::pause) return Visitor::Step{word, {}, duration_of(rest)};
        return Visitor::Step{word, unescaped(rest), {}};
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::shared_ptr<Visitor>> visitors_of(Network& network, std::string_view script, std::string_view origin) {
    std::vector<std::pair<std::string, std::vector<Visitor::Step>>> scripts;
    std::istringstream lines{std::string(script)};
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        if (line.empty() || line.starts_with('#')) continue;
        if (line.starts_with("visitor ")) {
            scripts.emplace_back(line.substr(8), std::vector<Visitor::Step>());
            continue;
        }
        std::optional<Visitor::Step> step = scripts.empty() ? std::nullopt : step_of(line);
        if (!step) throw std::invalid_argument(fmt::format("{}:{}: no step of a visitor: '{}'", origin, number, line));
        scripts.back().second.push_back(std::move(*step));
    }
    std::vector<std::shared_ptr<Visitor>> visitors;
    for (auto& [name, steps] : scripts) {
        visitors.push_back(std::make_shared<Visitor>(network, std::move(name), std::move(steps)));
        visitors.back()->begin();
    }
    return visitors;
}

std::vector<std::shared_ptr<Visitor>> visitors_of_environment(Network& network) {
    const char* path = std::getenv("STEPWISE_SIM_VISITORS");
    if (path == nullptr || *path == '\0') return {};
    std::ifstream file(path);
    std::ostringstream script;
    if (!(script << file.rdbuf())) throw std::invalid_argument(fmt::format("STEPWISE_SIM_VISITORS: no file {}", path));
    return visitors_of(network, script.str(), path);
}

}  // namespace stepwise::sim
