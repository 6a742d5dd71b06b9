#include <stepwise/ws/utf8.hpp>
#include <stepwise/ws/utf8_blocks.hpp>

#include <stepwise/tests/ws/protocol/support.hpp>

#include <algorithm>
#include <array>
#include <random>

using namespace stepwise::ws;
using namespace std::string_literals;

namespace {

// How many bytes a validator takes before it refuses one, fed one by one; all of them if it never does.
std::size_t bytes_taken(std::string_view text) {
    Utf8Validator validator;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!validator.feed(text.substr(at, 1))) return at;
    }
    return text.size();
}

// The answer for the text whole, in every cut in two, byte by byte, and after ASCII of every alignment.
bool valid_however_cut(std::string_view text) {
    const bool whole = is_valid_utf8(text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        Utf8Validator validator;
        const bool in_two =
            validator.feed(text.substr(0, cut)) && validator.feed(text.substr(cut)) && validator.is_complete();
        CHECK(in_two == whole);
    }
    for (std::size_t before = 0; before <= 33; ++before) {
        CHECK(is_valid_utf8(std::string(before, 'a') + std::string(text)) == whole);
        CHECK(is_valid_utf8(std::string(before, 'a') + std::string(text) + std::string(17, 'z')) == whole);
    }
    return whole;
}

std::string encoded(unsigned code_point) {
    const auto byte = [](unsigned value) { return static_cast<char>(value); };
    const auto tail = [&](unsigned shift) { return byte(0x80 | (code_point >> shift & 0x3F)); };
    if (code_point < 0x80) return {byte(code_point)};
    if (code_point < 0x800) return {byte(0xC0 | code_point >> 6), tail(0)};
    if (code_point < 0x10000) return {byte(0xE0 | code_point >> 12), tail(6), tail(0)};
    return {byte(0xF0 | code_point >> 18), tail(12), tail(6), tail(0)};
}

}  // namespace

TEST_CASE("exactly the code points up to U+10FFFF that are no surrogates are valid, alone and in a row") {
    std::string all;
    std::size_t wrong = 0;
    for (unsigned code_point = 0; code_point < 0x120000; ++code_point) {
        const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
        const bool expected = code_point <= 0x10FFFF && !is_surrogate;
        if (is_valid_utf8(encoded(code_point)) != expected) ++wrong;
        if (expected) all += encoded(code_point);
    }
    CHECK(wrong == 0);
    CHECK(is_valid_utf8(all));
}

TEST_CASE("valid text is valid however it is cut") {
    for (const std::string& text :
         {""s, "plain ASCII"s, "κόσμε"s, "一步一步"s, "naïve café"s, "😀 and 👩‍👩‍👧‍👦"s,
          "\0 is text"s, "\xEF\xBF\xBE\xEF\xBF\xBF"s, "\xF4\x8F\xBF\xBF"s, "\xED\x9F\xBF\xEE\x80\x80"s}) {
        CAPTURE(text);
        CHECK(valid_however_cut(text));
    }
}

TEST_CASE("the classic bad sequences are refused at the first byte that no valid text can have there") {
    struct Bad {
        std::string text;
        std::size_t taken;  // bytes before the first bad one
    };
    const Bad cases[] = {
        {"\x80", 0},                      // a continuation byte alone
        {"\xBF", 0},                      //
        {"a\x80", 1},                     //
        {"\xC0\x80", 0},                  // overlong, two bytes
        {"\xC1\xBF", 0},                  //
        {"\xE0\x80\x80", 1},              // overlong, three bytes
        {"\xE0\x9F\xBF", 1},              //
        {"\xF0\x80\x80\x80", 1},          // overlong, four bytes
        {"\xF0\x8F\xBF\xBF", 1},          //
        {"\xED\xA0\x80", 1},              // the first surrogate
        {"\xED\xBF\xBF", 1},              // the last
        {"\xED\xA0\x80\xED\xB0\x80", 1},  // a pair of them
        {"\xF4\x90\x80\x80", 1},          // U+110000
        {"\xF5\x80\x80\x80", 0},          // far above
        {"\xF8\x88\x80\x80\x80", 0},      // five bytes
        {"\xFC\x84\x80\x80\x80\x80", 0},  // six bytes
        {"\xFE", 0},                      //
        {"\xFF", 0},                      //
        {"\xC3(", 1},                     // a sequence broken off by ASCII
        {"\xE4\xB8(", 2},                 //
        {"\xF0\x9F\x98(", 3},             //
        {"\xE4\xB8\xE4\xB8\xAD", 2},      // and by another sequence
        {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80 edited", 12},
    };
    for (const Bad& bad : cases) {
        CAPTURE(bad.text);
        CHECK_FALSE(valid_however_cut(bad.text));
        CHECK(bytes_taken(bad.text) == bad.taken);
    }
}

TEST_CASE("text that ends inside a code point is a good beginning but not complete") {
    for (const std::string& text : {"\xC3"s, "\xE4\xB8"s, "\xF0\x9F\x98"s, "abc\xF4\x8F"s}) {
        Utf8Validator validator;
        CHECK(validator.feed(text));
        CHECK_FALSE(validator.is_complete());
        CHECK_FALSE(is_valid_utf8(text));
    }
}

TEST_CASE("a bad byte is found at every place of a long ASCII text") {
    for (std::size_t at = 0; at < 100; ++at) {
        std::string text(100, 'x');
        text[at] = '\xFF';
        CHECK_FALSE(is_valid_utf8(text));
        CHECK(bytes_taken(text) == at);
    }
}

TEST_CASE("a prefix of text cuts no code point and stops before a bad byte") {
    CHECK(utf8_prefix("hello", 10) == "hello");
    CHECK(utf8_prefix("hello", 5) == "hello");
    CHECK(utf8_prefix("hello", 3) == "hel");
    CHECK(utf8_prefix("中文", 6) == "中文");
    CHECK(utf8_prefix("中文", 5) == "中");
    CHECK(utf8_prefix("中文", 2).empty());
    CHECK(utf8_prefix("ok\xFFmore", 10) == "ok");
    CHECK(utf8_prefix("ok\xE4\xB8", 10) == "ok");
    CHECK(utf8_prefix("", 10).empty());
}

// ---- long texts, of which blocks are skipped

namespace {

// In the middle of other text, not all of it ASCII, that is longer than some blocks.
bool valid_at(std::size_t at, std::string_view bytes) {
    std::array<char, 72> text;
    text.fill('a');
    text[0] = '\xC3';
    text[1] = '\xA9';
    std::copy(bytes.begin(), bytes.end(), text.begin() + static_cast<std::ptrdiff_t>(at));
    return is_valid_utf8({text.data(), text.size()});
}

bool valid_byte_by_byte(std::string_view bytes) {
    Utf8Validator validator;
    for (const char& byte : bytes) {
        if (!validator.feed({&byte, 1})) return false;
    }
    return validator.is_complete();
}

constexpr std::size_t first_place = 2;
constexpr std::size_t last_place = 2 + 2 * 16;

}  // namespace

TEST_CASE("all sequences of one to three bytes are judged alike in a long text and byte by byte") {
    std::size_t wrong = 0;
    const auto judge = [&](std::size_t at, std::string_view bytes) {
        if (valid_at(at, bytes) != valid_byte_by_byte(bytes)) ++wrong;
    };
    std::size_t place = first_place;
    for (unsigned value = 0; value < 0x1000000; ++value) {
        const std::array<char, 3> bytes{static_cast<char>(value >> 16), static_cast<char>(value >> 8),
                                        static_cast<char>(value)};
        place = place == last_place ? first_place : place + 1;
        judge(place, {bytes.data(), 3});
        if (value > 0xFFFF) continue;  // the shorter ones: everywhere
        for (std::size_t at = first_place; at <= last_place; ++at) {
            judge(at, {&bytes[1], 2});
            if (value <= 0xFF) judge(at, {&bytes[2], 1});
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("four bytes at the bounds of the table's ranges are judged alike at every place of a block") {
    const std::string bounds =
        "\x00\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF"s;
    std::size_t wrong = 0;
    for (const char first : bounds) {
        for (const char second : bounds) {
            for (const char third : bounds) {
                for (const char fourth : bounds) {
                    const std::array<char, 4> bytes{first, second, third, fourth};
                    const bool expected = valid_byte_by_byte({bytes.data(), 4});
                    for (std::size_t at = first_place; at < first_place + 17; ++at) {
                        if (valid_at(at, {bytes.data(), 4}) != expected) ++wrong;
                    }
                }
            }
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("mixed texts, some with a bad byte, fail at the same byte whole, cut anywhere, and byte by byte") {
    std::mt19937 random(20261122);
    const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const std::array<unsigned, 5> bounds{0x80, 0x800, 0xD800, 0x10000, 0x110000};
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        const unsigned kinds = 1 + below(5);
        for (unsigned count = below(60); count != 0; --count) {
            const unsigned code_point = below(bounds[below(kinds)]);
            text += encoded(code_point >= 0xD800 && code_point <= 0xDFFF ? 'x' : code_point);
        }
        if (!text.empty() && below(2) == 0)
            text[below(static_cast<unsigned>(text.size()))] = static_cast<char>(random());
        if (below(4) == 0) text.resize(text.size() - std::min<std::size_t>(text.size(), below(4)));
        const std::size_t taken = bytes_taken(text);
        const bool is_valid = valid_byte_by_byte(text);
        CAPTURE(text);
        REQUIRE(is_valid_utf8(text) == is_valid);
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            Utf8Validator validator;
            const bool first_half = validator.feed(std::string_view(text).substr(0, cut));
            REQUIRE(first_half == (taken >= cut));
            if (!first_half) break;
            REQUIRE(validator.feed(std::string_view(text).substr(cut)) == (taken == text.size()));
            REQUIRE((validator.is_complete() || taken != text.size()) == (is_valid || taken != text.size()));
        }
        const char* const end = text.data() + text.size();
        const char* const after = skip_utf8_blocks(text.data(), end);
        REQUIRE(valid_byte_by_byte({text.data(), static_cast<std::size_t>(after - text.data())}));
    }
}
