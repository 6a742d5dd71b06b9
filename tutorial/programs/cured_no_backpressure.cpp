// A producer that awaits what it sends: when the consumer is slower it waits, and little is between them.
//
// For the page on pitfalls, #no-backpressure. Its twin: broken_no_backpressure.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_no_backpressure
// Try:    let the consumer sleep between two reads. Does more lie between them?
// Prints: queued at most: less than 1 MB
#include <fmt/core.h>

#include <algorithm>
#include <stepwise/net/socket.hpp>
#include <stepwise/net/stream.hpp>
#include <stepwise/runtime/gather.hpp>
#include <string>

namespace {

namespace net = stepwise::net;
using stepwise::Coro;
using stepwise::UniqueFd;

constexpr std::size_t record_bytes = 64 * 1024;
std::size_t queued_bytes_max = 0;

//[ produce
Coro<> produce(net::Address address) {
    net::Stream stream = co_await net::Stream::connect(address);
    const std::string record(record_bytes, 'x');
    for (int count = 0; count < 200; ++count) {
        co_await stream.write_all(record);
        queued_bytes_max = std::max(queued_bytes_max, stream.queued_bytes());
    }
}
//]

Coro<> consume(int listening) {
    net::Stream stream = co_await net::accept_from(listening);
    std::string buffer(record_bytes, '\0');
    for (std::size_t bytes = 1; bytes != 0;) bytes = co_await stream.read_some(buffer);
}

Coro<> app() {
    const UniqueFd listening = net::listen_on(net::Address::tcp("localhost", 0));
    co_await stepwise::gather(produce(net::Address::of_local_end(listening.get())), consume(listening.get()));
}

}  // namespace

int main() {
    stepwise::run(app());
    fmt::print("queued at most: {}\n", queued_bytes_max > 4'000'000 ? "more than 4 MB" : "less than 1 MB");
}
