#include <stepwise/tests/fuzz/support.hpp>

#include <malloc.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#define STEPWISE_HAS_FEATURE(name) __has_feature(name)
#else
#define STEPWISE_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || STEPWISE_HAS_FEATURE(address_sanitizer)

// AddressSanitizer counts itself, and libFuzzer's own memory does not pass through operators of ours.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();

std::size_t stepwise::fuzz::heap_bytes() {
    return __sanitizer_get_current_allocated_bytes();
}

#else

namespace {
std::size_t bytes_in_use = 0;
}

std::size_t stepwise::fuzz::heap_bytes() {
    return bytes_in_use;
}

// Not inlined: g++ 12 sees the malloc or free of an inlined one beside an operator it has not seen, and warns.
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc();
    bytes_in_use += malloc_usable_size(memory);
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    bytes_in_use -= malloc_usable_size(memory);
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

#endif

namespace stepwise::fuzz {

namespace {

void print(const char* title, std::string_view text) {
    std::fprintf(stderr, "  %s", title);
    for (const char c : text.substr(0, 2000)) {
        if (c >= 0x20 && c < 0x7f) {
            std::fputc(c, stderr);
        } else {
            std::fprintf(stderr, "\\x%02x", static_cast<unsigned char>(c));
        }
    }
    std::fputc('\n', stderr);
}

std::size_t sequence_size(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC0 && lead < 0xE0) return 2;
    if (lead >= 0xE0 && lead < 0xF0) return 3;
    return lead >= 0xF0 && lead < 0xF8 ? 4 : 0;
}

}  // namespace

void expect(bool holds, std::string_view property, std::string_view about) {
    if (holds) return;
    std::fprintf(stderr, "this does not hold: %.*s\n", static_cast<int>(property.size()), property.data());
    if (!about.empty()) print("", about);
    std::abort();
}

void expect_equal(std::string_view left, std::string_view right, std::string_view property) {
    if (left == right) return;
    print("", left);
    print("", right);
    expect(false, property);
}

Input split_input(const std::uint8_t* data, std::size_t size) {
    Input input{{reinterpret_cast<const char*>(data), size}, {}};
    const std::size_t choices = std::min(size, input.choices.size());
    std::copy(data + size - choices, data + size, input.choices.begin());
    input.bytes.remove_suffix(choices);
    return input;
}

std::vector<Pieces> ways_to_cut(const Input& input) {
    const std::string_view bytes = input.bytes;
    std::vector<Pieces> ways(3);
    for (std::size_t at = 0; at < bytes.size(); ++at) ways[0].push_back(bytes.substr(at, 1));
    const std::size_t cut = bytes.size() * input.choices[1] / 256;
    ways[1] = {bytes.substr(0, cut), bytes.substr(cut)};
    std::size_t turn = 1;
    for (std::size_t at = 0; at < bytes.size(); turn = 3 - turn) {
        const std::size_t size = 1 + input.choices[turn] % 64;
        ways[2].push_back(bytes.substr(at, size));
        at += size;
    }
    return ways;
}

LentBytes::LentBytes(std::string_view bytes)
    : bytes_(std::make_unique_for_overwrite<char[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
}

void LentBytes::overwrite() {
    std::fill_n(bytes_.get(), size_, '\x01');
}

bool lies_within(std::string_view part, std::string_view whole) {
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto lead = static_cast<unsigned char>(text[at]);
        const std::size_t size = sequence_size(lead);
        if (size == 0 || text.size() - at < size) return false;
        std::uint32_t code_point = size == 1 ? lead : lead & (0x7FU >> size);
        for (std::size_t next = 1; next < size; ++next) {
            const auto byte = static_cast<unsigned char>(text[at + next]);
            if ((byte & 0xC0) != 0x80) return false;
            code_point = code_point << 6 | (byte & 0x3FU);
        }
        constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
        if (code_point < smallest[size] || code_point > 0x10FFFF || is_surrogate) return false;
        at += size;
    }
    return true;
}

bool is_viable_utf8(std::string_view beginning) {
    // What is open at the end is at most three bytes, and one of these continues it if anything does.
    std::size_t open = 0;
    while (open < std::min<std::size_t>(3, beginning.size()) &&
           !is_utf8(beginning.substr(0, beginning.size() - open))) {
        ++open;
    }
    const std::string_view whole = beginning.substr(0, beginning.size() - open);
    if (!is_utf8(whole)) return false;
    if (open == 0) return true;
    std::string tail(beginning.substr(whole.size()));
    const std::size_t size = sequence_size(static_cast<unsigned char>(tail[0]));
    if (size <= open) return false;
    for (const char first : {'\x80', '\x90', '\xA0', '\xBF'}) {
        std::string completed = tail + first;
        completed.resize(size, '\x80');
        if (is_utf8(completed)) return true;
    }
    return false;
}

}  // namespace stepwise::fuzz
