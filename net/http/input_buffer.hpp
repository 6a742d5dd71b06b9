// The bytes that a parser was given and has not consumed. They stay the caller's, and are parsed where they lie, until
// `keep` copies what is left of them, or more comes behind what was kept.
//
// The copy goes as soon as it is consumed: between messages it holds no memory. Movable: views into it stay good.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace stepwise::http {

class InputBuffer {
public:
    // More bytes, behind what is not consumed.
    void receive(std::string_view bytes);

    bool empty() const { return bytes_.empty(); }
    std::string_view view() const { return bytes_; }
    // The same for a scanner that takes what it consumes off the front.
    std::string_view& unconsumed() { return bytes_; }
    void consume(std::size_t size) { bytes_.remove_prefix(size); }
    // No more of it will be looked at: the caller's bytes may go. Views into the copy stay good.
    void forget() { bytes_ = {}; }

    // For scanners that work with offsets: where the bytes are now, and how far a 32-bit offset reaches.
    const char* block() const { return bytes_.data(); }
    std::uint32_t block_size() const {
        constexpr std::size_t largest = std::numeric_limits<std::uint32_t>::max();
        return static_cast<std::uint32_t>(std::min(bytes_.size(), largest));
    }

    // Copies what is not consumed, if it is not its own already: the caller's bytes may go.
    void keep();
    // Gives back the memory of the copy. Nothing may be unconsumed.
    void release() {
        if (kept_.capacity() != 0) std::vector<char>().swap(kept_);
    }

private:
    bool is_kept() const {
        return !kept_.empty() && bytes_.data() >= kept_.data() && bytes_.data() < kept_.data() + kept_.size();
    }

    std::string_view bytes_;  // the caller's, or all or the end of kept_
    std::vector<char> kept_;  // a vector, not a string: moving it leaves views into it good
};

}  // namespace stepwise::http
