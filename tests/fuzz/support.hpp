// What the fuzz targets share: a property that holds or ends the program, an input cut in several ways, bytes that are
// lent to a parser and then taken away, a count of the heap that is in use, and UTF-8 as its definition says it.
//
// An input is the peer's bytes and three bytes behind them that choose limits, cuts and manners, so that a file of the
// corpus reads like the message that it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::fuzz {

// Says which property does not hold, and for what, and aborts: libFuzzer keeps the input, the replay names the file.
void expect(bool holds, std::string_view property, std::string_view about = {});
void expect_equal(std::string_view left, std::string_view right, std::string_view property);

struct Input {
    std::string_view bytes;
    std::array<std::uint8_t, 3> choices;
};
Input split_input(const std::uint8_t* data, std::size_t size);

// The bytes one by one, in two, and in pieces of two sizes in turn: where, the choices say.
using Pieces = std::vector<std::string_view>;
std::vector<Pieces> ways_to_cut(const Input& input);

// A copy in memory of exactly its size, so that AddressSanitizer sees a read beside it; overwritten and freed at its
// end.
class LentBytes {
public:
    explicit LentBytes(std::string_view bytes);
    ~LentBytes() { overwrite(); }
    LentBytes(const LentBytes&) = delete;
    LentBytes& operator=(const LentBytes&) = delete;

    std::span<char> span() { return {bytes_.get(), size_}; }
    std::string_view view() const { return {bytes_.get(), size_}; }
    void overwrite();

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
};

bool lies_within(std::string_view part, std::string_view whole);

// Bytes that operator new gave and delete did not take back.
std::size_t heap_bytes();

// How much the heap grew while one of these calls ran, summed up: what the object of those calls holds.
class HeapMeter {
public:
    template <class Call>
    auto during(Call call) {
        const std::size_t before = heap_bytes();
        auto result = call();
        held_ += heap_bytes() - before;
        return result;
    }
    std::size_t held() const { return held_; }

private:
    std::size_t held_ = 0;  // wraps around and back where a call gives up what another one took
};

// Decoded character by character, with nothing kept between them. `viable`: some text begins with these bytes.
bool is_utf8(std::string_view text);
bool is_viable_utf8(std::string_view beginning);

}  // namespace stepwise::fuzz
