#include <stepwise/net/byte_sink.hpp>
#include <stepwise/net/outbox.hpp>

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

using stepwise::net::append;
using stepwise::net::Outbox;
using stepwise::net::SharedBytes;

namespace {

std::string contents(const Outbox& outbox) {
    std::array<iovec, 4096> parts;
    std::string bytes;
    for (std::size_t index = 0, count = outbox.gather(parts); index < count; ++index) {
        bytes.append(static_cast<const char*>(parts[index].iov_base), parts[index].iov_len);
    }
    return bytes;
}

std::size_t parts_of(const Outbox& outbox) {
    std::array<iovec, 4096> parts;
    return outbox.gather(parts);
}

}  // namespace

TEST_CASE("an outbox gives back what was appended, in order") {
    Outbox outbox;
    CHECK(outbox.empty());
    append(outbox, "one ");
    append(outbox, "two");
    CHECK(contents(outbox) == "one two");
    CHECK(parts_of(outbox) == 1);
    outbox.consume(3);
    CHECK(contents(outbox) == " two");
    outbox.consume(4);
    CHECK(outbox.empty());
    CHECK(parts_of(outbox) == 0);
}

TEST_CASE("bytes appended behind shared bytes are a part of their own") {
    Outbox outbox;
    SharedBytes shared(std::string(5000, 's'));
    outbox.append(shared);
    append(outbox, "behind");
    CHECK(contents(outbox) == std::string(5000, 's') + "behind");
    outbox.append(SharedBytes("short"));
    CHECK(contents(outbox) == std::string(5000, 's') + "behindshort");
    outbox.append(shared);
    outbox.append(SharedBytes("short"));
    CHECK(contents(outbox) == std::string(5000, 's') + "behindshort" + std::string(5000, 's') + "short");
    CHECK(outbox.size() == 10016);
    CHECK(shared.view() == std::string(5000, 's'));
}

TEST_CASE("many short shared bytes are joined, long ones are referred to") {
    Outbox outbox;
    SharedBytes small("0123456789");
    for (int count = 0; count < 100; ++count) outbox.append(small);
    CHECK(outbox.size() == 1000);
    CHECK(parts_of(outbox) <= 2);
    SharedBytes large(std::string(2000, 'x'));
    outbox.append(large);
    outbox.append(large);
    std::array<iovec, 16> parts;
    std::size_t count = outbox.gather(parts);
    REQUIRE(count >= 2);
    CHECK(parts[count - 1].iov_base == large.view().data());
    CHECK(parts[count - 2].iov_base == large.view().data());
}

TEST_CASE("shared bytes that follow each other in their memory are one part") {
    stepwise::net::SharedBytesSink frames;
    auto frame = [&frames](std::string_view bytes) {
        stepwise::net::append(frames, bytes);
        return frames.take();
    };
    Outbox outbox;
    SharedBytes first = frame("first,");
    outbox.append(first);
    SharedBytes missed = frame("missed,");
    outbox.append(frame("second,"));  // not right behind the first
    outbox.append(frame("third"));
    CHECK(contents(outbox) == "first,second,third");
    CHECK(first.view() == "first,");
    CHECK(missed.view() == "missed,");

    Outbox other;
    const std::string large(1500, 'l');
    other.append(frame(large));
    other.append(frame("!"));
    CHECK(parts_of(other) == 1);
    other.append(frame(large));  // in another block
    other.append(frame("?"));
    CHECK(parts_of(other) == 2);
    CHECK(contents(other) == large + "!" + large + "?");
    other.consume(1400);
    CHECK(contents(other) == large.substr(1400) + "!" + large + "?");
}

TEST_CASE("what was appended stays where it is while more is appended") {
    Outbox outbox;
    append(outbox, "in flight");
    std::array<iovec, 1> first;
    REQUIRE(outbox.gather(first) == 1);
    for (int count = 0; count < 1000; ++count) append(outbox, std::string(100, 'y'));
    CHECK(std::string(static_cast<const char*>(first[0].iov_base), 9) == "in flight");
}

TEST_CASE("random appends and consumes agree with a string") {
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        Outbox outbox;
        std::string expected;
        for (int step = 0; step < 200; ++step) {
            std::string bytes(random() % 3 == 0 ? random() % 40'000 : random() % 700,
                              static_cast<char>('a' + step % 26));
            switch (random() % 4) {
                case 0:
                    outbox.append(SharedBytes(bytes));
                    expected += bytes;
                    break;
                case 1: {
                    // Room that is not used, and room that is used in part.
                    outbox.prepare(bytes.size() + 1);
                    std::size_t used = bytes.size() / 2;
                    char* out = outbox.prepare(bytes.size() + 1);
                    bytes.copy(out, used);
                    outbox.commit(used);
                    expected += bytes.substr(0, used);
                    break;
                }
                case 2:
                    append(outbox, bytes);
                    expected += bytes;
                    break;
                default: {
                    std::size_t count = expected.empty() ? 0 : random() % (expected.size() + 1);
                    outbox.consume(count);
                    expected.erase(0, count);
                }
            }
            REQUIRE(outbox.size() == expected.size());
            if (step % 20 == 0) REQUIRE(contents(outbox) == expected);
        }
        REQUIRE(contents(outbox) == expected);
    }
}
