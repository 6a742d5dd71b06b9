// The conformance suite: every case of the table whole, byte by byte and cut in two, with one outcome that is right.
#include <stepwise/tests/ws/conformance/cases.hpp>

#include <cstdio>
#include <map>
#include <set>

using namespace stepwise::ws;
using namespace stepwise::ws::test;

namespace {

Cases all_cases(Role role) {
    Cases cases;
    for (const auto add : {add_framing, add_lengths, add_fragments, add_control_frames, add_texts, add_closes,
                           add_limits, add_compression}) {
        add(cases, role);
    }
    return cases;
}

std::string events_of(Role role, const Case& one, const Pieces& pieces) {
    Protocol protocol(role, one.options, fixed_mask_keys(), one.terms);
    std::string seen;
    for (const std::string_view piece : pieces) {
        ShortLived lent(piece);
        protocol.receive_data(lent.span());
        for (Protocol::Event event = protocol.next_event(); event.index() != 0; event = protocol.next_event()) {
            seen += (seen.empty() ? "" : " ") + describe(event);
            if (std::holds_alternative<stepwise::net::ProtocolError>(event)) return seen;
        }
    }
    return seen;
}

// Prints how many cases each section has.
void check_table(Role role, const Cases& cases) {
    std::map<std::string, int> sections;
    std::set<std::string> names;
    for (const Case& one : cases) {
        ++sections[one.section];
        CAPTURE(one.name);
        CHECK(names.insert(one.section + " " + one.name).second);
    }
    CHECK(cases.size() >= 300);
    for (const auto& [section, count] : sections) {
        std::printf("%s, RFC %s: %d cases\n", std::string(role_name(role)).c_str(), section.c_str(), count);
    }
}

}  // namespace

TEST_CASE("each end does what the RFCs say, case by case, however the bytes are cut") {
    for (const Role role : both_roles) {
        CAPTURE(role_name(role));
        Cases cases = all_cases(role);
        for (const Case& one : cases) {
            CAPTURE(one.section);
            CAPTURE(one.name);
            const bool is_right = same_however_cut(one.bytes, [&](const Pieces& pieces) {
                                      return events_of(role, one, pieces);
                                  }) == one.expected;
            CHECK(is_right);
            if (!is_right && one.expected.size() < 200) CHECK(events_of(role, one, {one.bytes}) == one.expected);
        }
        Cases openings;
        add_handshakes(openings, role);
        for (const Case& one : openings) {
            CAPTURE(one.section);
            CAPTURE(one.name);
            CHECK(same_however_cut(one.bytes, [&](const Pieces& pieces) { return outcome_of_opening(role, pieces); }) ==
                  one.expected);
        }
        cases.insert(cases.end(), openings.begin(), openings.end());
        check_table(role, cases);
    }
}

TEST_CASE("a message of 65,536 fragments passes, whole and byte by byte") {
    for (const Role role : both_roles) {
        Case one;
        for (int number = 0; number < 65536; ++number) {
            const Opcode opcode = number == 0 ? Opcode::binary : Opcode::continuation;
            one.bytes += frame_to(role, opcode, "f", number == 65535);
        }
        const std::string expected = "binary(" + std::string(65536, 'f') + ")";
        const bool whole = events_of(role, one, {one.bytes}) == expected;
        CHECK(whole);
        const bool in_bytes = events_of(role, one, ways_to_cut(one.bytes.substr(0, 1000))[0]).empty();
        CHECK(in_bytes);
        Pieces bytes;
        for (std::size_t at = 0; at < one.bytes.size(); ++at)
            bytes.push_back(std::string_view(one.bytes).substr(at, 1));
        const bool byte_by_byte = events_of(role, one, bytes) == expected;
        CHECK(byte_by_byte);
    }
}
