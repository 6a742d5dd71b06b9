#include <stepwise/ws/reconnecting.hpp>

#include <fmt/format.h>
#include <stepwise/net/http/tunnel.hpp>
#include <stepwise/net/url.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

namespace stepwise::ws {

namespace {

// Who answers so is there, and will say the same again. A 101 that opened nothing is no answer to what was asked.
bool is_final(int status) {
    if (status == 101) return true;
    const bool is_refusal = status >= 400 && status < 500;
    return is_refusal && status != 408 && status != 425 && status != 429;
}

}  // namespace

Reconnecting::Reconnecting(std::string_view url, ReconnectOptions options) : url_(url), options_(std::move(options)) {
    std::string error;
    const std::optional<net::Url> parsed = net::Url::parse(url, error);
    if (!parsed) throw std::invalid_argument("ws::reconnecting: " + error);
    if (!parsed->scheme().starts_with("ws")) {
        throw std::invalid_argument(fmt::format("ws::reconnecting: {} is no ws:// or wss:// URL", parsed->to_string()));
    }
    if (options_.first_delay <= Duration{} || options_.delay_max < options_.first_delay) {
        throw std::invalid_argument("ws::reconnecting: delays are above zero, and delay_max the longest");
    }
}

// Of the next try: half of it is sure, the rest is drawn.
Duration Reconnecting::delay() const {
    Duration longest = options_.first_delay;
    for (int number = 1; number < failures_ && longest < options_.delay_max; ++number) longest *= 2;
    longest = std::min(longest, options_.delay_max);
    const double drawn = EventLoop::current().entropy()() / 4294967296.0;
    return longest / 2 + std::chrono::duration_cast<Duration>(drawn * (longest / 2));
}

void Reconnecting::failed(std::string why) {
    ++failures_;
    waits_ = true;
    last_error_ = std::move(why);
}

// At the connection before: it has ended.
void Reconnecting::look_back(TimePoint now) {
    if (!std::exchange(has_opened_, false)) return;
    const std::chrono::duration<double> held = now - opened_;
    if (held >= options_.delay_max) {
        failures_ = 0;
        waits_ = true;  // a server that restarts loses all of its clients at once
        last_error_ = "the connection ended";
        return;
    }
    failed(fmt::format("{}: the connection ended after {:.3g} s", url_, held.count()));
    if (is_enough()) throw std::runtime_error(last_error_);
}

Coro<ClientConnection> Reconnecting::next() {
    EventLoop& loop = EventLoop::current();
    if (!stopped_) look_back(loop.time());
    while (!stopped_) {
        if (waits_) co_await sleep(delay());
        waits_ = false;
        if (stopped_) break;
        std::exception_ptr error;
        try {
            ClientConnection connection = co_await connect(url_, options_.connect);
            if (stopped_) break;  // what is let go of is closed
            opened_ = loop.time();
            has_opened_ = true;
            co_return connection;
        } catch (const HandshakeError& refusal) {
            if (is_final(refusal.status) && !stopped_) throw;
            failed(refusal.what());
            error = std::current_exception();
        } catch (const http::TunnelRefused& refusal) {
            if (is_final(refusal.status) && !stopped_) throw;
            failed(refusal.what());
            error = std::current_exception();
        } catch (const std::runtime_error& failure) {  // of the network, of the name, or the time
            failed(failure.what());
            error = std::current_exception();
        }
        if (is_enough() && !stopped_) std::rethrow_exception(error);
    }
    co_return nullptr;
}

Reconnecting reconnecting(std::string_view url, ReconnectOptions options) {
    return Reconnecting(url, std::move(options));
}

}  // namespace stepwise::ws
