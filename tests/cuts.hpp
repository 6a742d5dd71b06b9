// The proof that what a protocol makes of bytes does not depend on how they were cut on their way: the ways to cut
// them, pieces that do not outlive their turn, and one call that compares what came out of each way.
//
// tests/tidy asks every test that feeds a parser by hand to cut what it feeds.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::testing {

using Pieces = std::vector<std::string_view>;

// Byte by byte, and in two at each place; long bytes at each place near their ends, where heads are, and at about a
// thousand between.
inline std::vector<Pieces> ways_to_cut(std::string_view bytes) {
    std::vector<Pieces> ways(1);
    for (std::size_t index = 0; index < bytes.size(); ++index) ways[0].push_back(bytes.substr(index, 1));
    const std::size_t stride = 1 + bytes.size() / 1000;
    for (std::size_t cut = 1; cut < bytes.size(); cut += cut < 40 || cut + 40 >= bytes.size() ? 1 : stride) {
        ways.push_back({bytes.substr(0, cut), bytes.substr(cut)});
    }
    return ways;
}

// A piece in memory that is exactly as large, so that AddressSanitizer sees a read behind its end; it is overwritten
// and freed at its end, so that a view which outlives its time is seen.
class ShortLived {
public:
    explicit ShortLived(std::string_view piece) : bytes_(std::make_unique<char[]>(piece.size())), size_(piece.size()) {
        piece.copy(bytes_.get(), size_);
    }
    ~ShortLived() { std::fill_n(bytes_.get(), size_, '\x01'); }
    std::string_view view() const { return {bytes_.get(), size_}; }
    std::span<char> span() { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
};

// What `run(pieces)` makes of these bytes whole; checks that each way to cut them gives the same.
template <class Run>
std::string same_however_cut(std::string_view bytes, Run run) {
    const std::string whole = run(Pieces{bytes});
    for (const Pieces& pieces : ways_to_cut(bytes)) {
        const std::string in_pieces = run(pieces);
        if (in_pieces == whole) continue;
        CAPTURE(pieces.size());
        CAPTURE(pieces[0].size());
        CHECK(in_pieces == whole);
    }
    return whole;
}

}  // namespace stepwise::testing
