// Calls that the loop makes, without a task.
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <array>

namespace bench {

namespace {

using stepwise::EventLoop;

struct Repost {
    EventLoop& loop;
    std::size_t& left;
    void operator()() const { --left == 0 ? loop.stop() : static_cast<void>(loop.call_soon(*this)); }
};

void run_reposting(EventLoop& loop, std::size_t count) {
    std::size_t left = count;
    loop.call_soon(Repost{loop, left});
    loop.run_forever();
}

void run_batches(EventLoop& loop, std::size_t count) {
    std::size_t called = 0;
    for (std::size_t done = 0; done < count; done += 1000) {
        for (int index = 0; index < 1000; ++index) loop.call_soon([&called] { ++called; });
        loop.run_once(false);
    }
    use(called);
}

template <void (*operations)(EventLoop&, std::size_t)>
void on_a_loop(std::size_t count, Meter& meter) {
    EventLoop loop;
    operations(loop, warm_up_count);
    meter.start();
    operations(loop, count);
    meter.stop();
}

constexpr std::array rows{
    Row{"call_soon_reposting", 4'000'000, on_a_loop<run_reposting>},
    Row{"call_soon_batches_1000", 4'000'000, on_a_loop<run_batches>},
};

}  // namespace

std::span<const Row> loop_rows() {
    return rows;
}

}  // namespace bench
