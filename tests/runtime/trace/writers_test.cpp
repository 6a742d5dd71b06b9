// The diagrams: every arrow is a link that was recorded.
#include <stepwise/tests/runtime/trace/hand_made.hpp>

#include <stepwise/runtime/trace/tools/writers.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace {

using namespace trace_test;

std::string mermaid(const HandMade& made, const Wanted& wanted = {}) {
    return as_mermaid(sequence_of(made.recording(), wanted), wanted.language);
}

TEST_CASE("a task that sleeps once, as a sequence diagram of Mermaid") {
    CHECK(mermaid(one_sleep()) == R"(sequenceDiagram
    participant L0 as loop
    participant L1 as Task-1 nap
    Note over L1: task.new
    Note over L1: call nap  nap.cpp:12
    L0->>L1: step
    L1->>L0: timer.add 50 ms
    Note over L1: await sleep  nap.cpp:12
    Note over L0: timer.fire
    L0->>L1: wakeup
)");
}

TEST_CASE("lanes and ranges choose what is drawn") {
    Wanted wanted;
    REQUIRE(choose_lanes("tasks", wanted));
    wanted.first = 6;
    CHECK(mermaid(one_sleep(), wanted) ==
          "sequenceDiagram\n    participant L0 as Task-1 nap\n    Note over L0: step\n"
          "    Note over L0: await sleep  nap.cpp:12\n    Note over L0: wakeup\n");
    CHECK(!choose_lanes("tasks,lanes", wanted));
    Wanted short_story;
    REQUIRE(hide_kinds("timer,await,task.new,frame", short_story));
    CHECK(mermaid(one_sleep(), short_story) ==
          "sequenceDiagram\n    participant L0 as loop\n    participant L1 as Task-1 nap\n    L0->>L1: step\n"
          "    L0->>L1: wakeup\n");
    CHECK(!hide_kinds("timer,walls", short_story));
}

TEST_CASE("what a program calls itself cannot break a diagram") {
    HandMade made = one_sleep("a;b#c\n<end>%%&\"{}");
    std::string text = mermaid(made);
    CHECK(text.find("participant L1 as a#59;b#35;c #60;end#62;#37;#37;#38;#34;#123;#125;\n") != std::string::npos);
    CHECK(mermaid(one_sleep("end")).find("as #101;nd\n") != std::string::npos);
    std::string svg = as_svg(sequence_of(made.recording(), {}), "<title>", Language::english, true);
    CHECK(svg.find("<title>&lt;title&gt;</title>") != std::string::npos);
    CHECK(svg.find(">a;b#c &lt;end&gt;%%&amp;&quot;{}<") != std::string::npos);
}

TEST_CASE("an arrow is a by link, or several whose middle is not drawn") {
    Recording recording = one_sleep().recording();
    for (bool everything : {false, true}) {
        Wanted wanted;
        wanted.everything = everything;
        Sequence sequence = sequence_of(recording, wanted);
        CHECK(sequence.rows.size() == (everything ? 14 : 7));
        int arrows = 0;
        for (const Row& row : sequence.rows) {
            CHECK(row.is_note() == (row.cause == 0));
            const Record* at = recording.find(row.seq);
            while (row.cause != 0 && at != nullptr && at->seq != row.cause) at = recording.find(at->by);
            CHECK(at != nullptr);
            arrows += row.is_note() ? 0 : 1;
        }
        CHECK(arrows >= 3);
    }
}

TEST_CASE("bytes are drawn between the peer and who moved them, in their direction") {
    HandMade made;
    std::uint64_t done = made.add({.id = 9, .kind = Kind::cqe, .other = 7, .a = 5});
    made.add({.by = done, .id = 9, .kind = Kind::bytes, .detail = 0, .other = 7, .a = 5});
    made.add({.by = done, .id = 9, .kind = Kind::bytes, .detail = 1, .other = 7, .a = 3});
    CHECK(mermaid(made) ==
          "sequenceDiagram\n    participant L0 as peer 1\n    participant L1 as kernel (epoll)\n"
          "    Note over L1: cqe 5\n    L0->>L1: bytes 5\n    L1->>L0: bytes 3\n");
}

TEST_CASE("a diagram has a bound, and says what it leaves out") {
    HandMade made;
    for (std::size_t event = 0; event < Wanted::rows_max + 3; ++event) made.add({.kind = Kind::note});
    Sequence sequence = sequence_of(made.recording(), {});
    CHECK(sequence.rows.size() == Wanted::rows_max);
    CHECK(sequence.rows_left_out == 3);
    CHECK(as_mermaid(sequence, Language::english).ends_with("Note over L0: 3 more: choose a range\n"));
    CHECK(as_svg(sequence, "", Language::chinese, false).find("还有 3 个") != std::string::npos);
}

TEST_CASE("an SVG is light, has text of 16 and more, and one arrow tip for each arrow") {
    Sequence sequence = sequence_of(one_sleep().recording(), {});
    std::string svg = as_svg(sequence, "a nap", Language::english, false);
    auto count = [&](std::string_view what) {
        int found = 0;
        for (std::size_t at = svg.find(what); at != std::string::npos; at = svg.find(what, at + 1)) ++found;
        return found;
    };
    CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "));
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(svg.find("font:16px") != std::string::npos);
    CHECK(svg.find("fill=\"#fff\"") != std::string::npos);
    CHECK(count("class=\"tip\"") == 3);
    CHECK(count("class=\"dot\"") == 4);
    CHECK(count(" s</text>") == 0);
    CHECK(svg == as_svg(sequence, "a nap", Language::english, false));
}

// Reads protocol buffers: what Perfetto's own reader would see.
struct Wire {
    std::string_view left;

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            REQUIRE(!left.empty());
            auto byte = static_cast<unsigned char>(left.front());
            left.remove_prefix(1);
            value |= std::uint64_t{byte & 0x7FU} << shift;
            if (byte < 0x80) return value;
        }
    }
    std::string_view take(std::size_t count) {
        REQUIRE(left.size() >= count);
        std::string_view taken = left.substr(0, count);
        left.remove_prefix(count);
        return taken;
    }
};

struct Fields {
    std::multimap<std::uint64_t, std::uint64_t> numbers;
    std::multimap<std::uint64_t, std::string_view> texts;

    explicit Fields(std::string_view bytes) {
        Wire wire{bytes};
        while (!wire.left.empty()) {
            std::uint64_t key = wire.varint();
            if ((key & 7U) == 0) numbers.emplace(key >> 3U, wire.varint());
            if ((key & 7U) == 2) texts.emplace(key >> 3U, wire.take(wire.varint()));
            if ((key & 7U) == 1) {
                std::uint64_t value = 0;
                std::memcpy(&value, wire.take(8).data(), 8);
                numbers.emplace(key >> 3U, value);
            }
            REQUIRE((key & 7U) <= 2);
        }
    }
    std::uint64_t number(std::uint64_t field) const {
        REQUIRE(numbers.count(field) == 1);
        return numbers.find(field)->second;
    }
    std::string_view text(std::uint64_t field) const {
        REQUIRE(texts.count(field) == 1);
        return texts.find(field)->second;
    }
    std::set<std::uint64_t> all(std::uint64_t field) const {
        std::set<std::uint64_t> found;
        auto [first, last] = numbers.equal_range(field);
        for (; first != last; ++first) found.insert(first->second);
        return found;
    }
};

TEST_CASE("a Perfetto trace has a track for each lane, slices that nest, and a flow for each link") {
    std::string bytes = as_perfetto(one_sleep().recording(), {});
    std::map<std::uint64_t, std::string> tracks;
    std::vector<std::string> told;
    std::map<std::uint64_t, int> open;
    std::set<std::uint64_t> begun;
    std::set<std::uint64_t> ended;
    std::uint64_t before = 0;
    const Fields trace(bytes);
    for (auto [field, packet_bytes] : trace.texts) {
        REQUIRE(field == 1);
        Fields packet(packet_bytes);
        CHECK(packet.number(10) == 1);
        if (packet.texts.count(60) != 0) {
            Fields descriptor(packet.text(60));
            if (descriptor.texts.count(2) != 0) tracks[descriptor.number(1)] = descriptor.text(2);
            if (descriptor.texts.count(3) != 0) CHECK(Fields(descriptor.text(3)).text(6) == "story");
            continue;
        }
        Fields event(packet.text(11));
        CHECK(packet.number(8) >= before);
        before = packet.number(8);
        REQUIRE(tracks.count(event.number(11)) == 1);
        std::string track = tracks[event.number(11)];
        std::uint64_t type = event.number(9);
        if (type == 1) ++open[event.number(11)];
        if (type == 2) CHECK(--open[event.number(11)] >= 0);
        if (type != 2) told.push_back(fmt::format("{}: {}", track, event.text(23)));
        begun.merge(event.all(47));
        ended.merge(event.all(48));
    }
    CHECK(tracks.size() == 2);
    CHECK(told == std::vector<std::string>{"Task-1 nap: task.new", "Task-1 nap: call nap  nap.cpp:12",
                                           "loop: ready.push", "loop: turn.begin", "loop: run", "Task-1 nap: step",
                                           "loop: timer.add 50 ms", "Task-1 nap: await sleep  nap.cpp:12",
                                           "loop: timer.fire", "Task-1 nap: wakeup", "loop: loop.end"});
    for (auto [track, depth] : open) CHECK(depth == 0);
    CHECK(begun == ended);
    CHECK(begun == std::set<std::uint64_t>{5, 6, 7, 8, 12, 13});
}

TEST_CASE("a Perfetto trace of a range leaves out ends whose beginnings are not in it") {
    Wanted wanted;
    wanted.first = 9;
    std::string bytes = as_perfetto(one_sleep().recording(), wanted);
    for (auto [field, packet] : Fields(bytes).texts) {
        Fields fields(packet);
        if (fields.texts.count(11) != 0) CHECK(Fields(fields.text(11)).number(9) == 3);
    }
}

}  // namespace
