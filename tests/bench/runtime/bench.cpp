#include <stepwise/tests/bench/runtime/bench.hpp>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

namespace {

std::atomic<std::uint64_t> calls = 0;
std::atomic<std::uint64_t> bytes = 0;

}  // namespace

void* operator new(std::size_t size) {
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    auto align = static_cast<std::size_t>(alignment);
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
    if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

namespace bench {

Allocations allocations() noexcept {
    return {calls.load(std::memory_order_relaxed), bytes.load(std::memory_order_relaxed)};
}

void Meter::start() noexcept {
    allocations_before_ = allocations().calls;
    started_ = std::chrono::steady_clock::now();
    CALLGRIND_TOGGLE_COLLECT;
}

void Meter::stop() noexcept {
    CALLGRIND_TOGGLE_COLLECT;
    time_ = std::chrono::steady_clock::now() - started_;
    allocations_ = allocations().calls - allocations_before_;
}

std::string Meter::json(std::size_t count) const {
    double ns = ns_ >= 0 ? ns_ : static_cast<double>(time_.count()) / static_cast<double>(count);
    double each = static_cast<double>(allocations_) / static_cast<double>(count);
    std::string text = "{\"allocations\": " + std::to_string(each);
    text += bytes_ >= 0 ? ", \"bytes\": " + std::to_string(bytes_) : ", \"ns\": " + std::to_string(ns);
    return text + "}";
}

int run_rows(int argc, char** argv, std::span<const Row> rows) {
    if (argc == 1) {
        for (const Row& row : rows) std::printf("%s %zu\n", row.name, row.count);
        return 0;
    }
    std::string_view wanted = argv[1];
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& one) { return one.name == wanted; });
    if (row == rows.end() || argc != 3) {
        std::fprintf(stderr, "usage: %s [ROW COUNT]\n", argv[0]);
        return 2;
    }
    std::size_t count = std::max<std::size_t>(1, std::strtoul(argv[2], nullptr, 10));
    Meter meter;
    try {
        row->run(count, meter);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", row->name, error.what());
        return 1;
    }
    std::puts(meter.json(count).c_str());
    return 0;
}

}  // namespace bench
