#include <stepwise/runtime/trace/object_table.hpp>

#include <sys/mman.h>

#include <bit>
#include <cstring>

namespace stepwise::trace {

ObjectTable::ObjectTable(std::size_t slots) noexcept : slots_(slots), shift_(64 - std::countr_zero(slots)) {
    // Mapped, not allocated: pages that no entry falls on cost nothing.
    void* memory = ::mmap(nullptr, slots * sizeof(Entry), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) entries_ = static_cast<Entry*>(memory);
}

ObjectTable::~ObjectTable() {
    if (entries_ != nullptr) ::munmap(entries_, slots_ * sizeof(Entry));
}

ObjectTable::Entry* ObjectTable::find(std::uint64_t key) noexcept {
    if (size_ == 0) return nullptr;
    for (std::size_t at = home_of(key); entries_[at].key != 0; at = (at + 1) & (slots_ - 1)) {
        if (entries_[at].key == key) return &entries_[at];
    }
    return nullptr;
}

ObjectTable::Entry* ObjectTable::insert(std::uint64_t key) noexcept {
    if (entries_ == nullptr || size_ >= slots_ / 4 * 3) return nullptr;
    std::size_t at = home_of(key);
    while (entries_[at].key != 0) at = (at + 1) & (slots_ - 1);
    ++size_;
    entries_[at] = Entry{key, 0, 0, 0, 0};
    return &entries_[at];
}

// Those behind it move up, so that no mark of what was erased stays in the way.
void ObjectTable::erase(Entry& entry) noexcept {
    auto hole = static_cast<std::size_t>(&entry - entries_);
    --size_;
    for (std::size_t at = (hole + 1) & (slots_ - 1); entries_[at].key != 0; at = (at + 1) & (slots_ - 1)) {
        std::size_t home = home_of(entries_[at].key);
        if (((at - home) & (slots_ - 1)) < ((at - hole) & (slots_ - 1))) continue;
        entries_[hole] = entries_[at];
        hole = at;
    }
    entries_[hole].key = 0;
}

void ObjectTable::clear() noexcept {
    if (size_ != 0) std::memset(static_cast<void*>(entries_), 0, slots_ * sizeof(Entry));
    size_ = 0;
}

}  // namespace stepwise::trace
