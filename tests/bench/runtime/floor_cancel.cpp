// What cancelling a task so many awaits deep cannot avoid in C++ when each frame has its handlers run: a throw, and at
// each level a catch and a throw again.
#include <stepwise/tests/bench/runtime/floor_rows.hpp>

#include <array>

namespace bench::floor {

namespace {

struct Cancelled {};

[[gnu::noinline]] void throw_below(int levels) {
    try {
        if (levels > 0) throw_below(levels - 1);
    } catch (const Cancelled& error) {
        use(error);
    }
    throw Cancelled();
}

template <int levels>
void bare_throws(std::size_t count, Meter& meter) {
    auto operations = [](std::size_t times) {
        for (std::size_t done = 0; done < times; ++done) {
            try {
                throw_below(levels);
            } catch (const Cancelled& error) {
                use(error);
            }
        }
    };
    operations(100);
    meter.start();
    operations(count);
    meter.stop();
}

constexpr std::array rows{
    Row{"cancel_0_deep", 20'000, bare_throws<0>},
    Row{"cancel_4_deep", 20'000, bare_throws<4>},
    Row{"cancel_16_deep", 20'000, bare_throws<16>},
};

}  // namespace

std::span<const Row> cancel_rows() {
    return rows;
}

}  // namespace bench::floor
