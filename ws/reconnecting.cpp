#include <stepwise/ws/reconnecting.hpp>

#include <fmt/format.h>
#include <stepwise/net/url.hpp>
#include <stepwise/runtime/sleep.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace stepwise::ws {

namespace {

// A server that is there, and will say the same again.
bool is_final(const HandshakeError& error) {
    const bool is_refusal = error.status >= 400 && error.status < 500;
    return is_refusal && error.status != 408 && error.status != 425 && error.status != 429;
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
    last_error_ = std::move(why);
}

Coro<ClientConnection> Reconnecting::next() {
    EventLoop& loop = EventLoop::current();
    if (std::exchange(has_opened_, false)) {
        const bool held = loop.time() - opened_ >= options_.delay_max;
        failures_ = held ? 0 : failures_;
        failed("the connection ended");
    }
    while (!stopped_) {
        if (failures_ != 0) co_await sleep(delay());
        if (stopped_) break;
        std::exception_ptr error;
        try {
            ClientConnection connection = co_await connect(url_, options_.connect);
            if (stopped_) break;  // what is let go of is closed
            opened_ = loop.time();
            has_opened_ = true;
            co_return connection;
        } catch (const HandshakeError& refusal) {
            if (is_final(refusal)) throw;
            failed(refusal.what());
            error = std::current_exception();
        } catch (const std::runtime_error& failure) {  // of the network, of the name, or the time
            failed(failure.what());
            error = std::current_exception();
        }
        if (options_.failures_max != 0 && failures_ >= options_.failures_max) std::rethrow_exception(error);
    }
    co_return nullptr;
}

Reconnecting reconnecting(std::string_view url, ReconnectOptions options) {
    return Reconnecting(url, std::move(options));
}

}  // namespace stepwise::ws
