#include <doctest/doctest.h>
#include <poll.h>
#include <stepwise/runtime/reactor/doorbell.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

using namespace stepwise;
using namespace std::chrono_literals;

namespace {

bool is_readable(int fd) {
    pollfd asked{fd, POLLIN, 0};
    return ::poll(&asked, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a bell that was rung before the wait ends it at once, and only that one") {
    Doorbell bell;
    bell.ring();
    bell.ring();
    bell.wait(std::nullopt);
    auto start = std::chrono::steady_clock::now();
    bell.wait(1ms);
    CHECK(std::chrono::steady_clock::now() - start >= 1ms);
}

TEST_CASE("a bell that nobody waits for by its futex rings its eventfd, as often as it is rung") {
    Doorbell bell;
    CHECK_FALSE(is_readable(bell.fd()));
    bell.ring();
    CHECK(is_readable(bell.fd()));
}

TEST_CASE("ringing leaves errno as it is") {
    Doorbell bell;
    errno = EDOM;
    bell.ring();
    CHECK(errno == EDOM);
}

TEST_CASE("no ring between two threads is lost") {
    Doorbell here;
    Doorbell there;
    std::atomic<int> asked = 0;
    std::atomic<int> answered = 0;
    constexpr int rounds = 5000;
    std::thread other([&] {
        for (int round = 1; round <= rounds; ++round) {
            while (asked.load() < round) there.wait(std::nullopt);
            answered.store(round);
            here.ring();
        }
    });
    for (int round = 1; round <= rounds; ++round) {
        asked.store(round);
        there.ring();
        while (answered.load() < round) here.wait(std::nullopt);
    }
    other.join();
    CHECK(answered.load() == rounds);
}
