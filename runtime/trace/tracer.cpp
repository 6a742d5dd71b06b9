#include <stepwise/runtime/trace/tracer.hpp>

#include <algorithm>
#include <cstring>

namespace stepwise::trace {

namespace {

std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
    for (char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;
    return hash;
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) noexcept {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
    return hash ^ hash >> 29;
}

}  // namespace

Tracer::Tracer(EventLoop& loop, std::unique_ptr<Sink> sink, std::int64_t wall_offset)
    : loop_(loop), sink_(std::move(sink)), wall_offset_(wall_offset) {
    window_ = sink_->next_window(0);
}

Tracer::~Tracer() {
    if (!sink_->failed()) sink_->finish(filled_);
}

// Where the next record goes; nullptr: nowhere, it is dropped.
Record* Tracer::next_record() noexcept {
    if (filled_ == window_.size()) [[unlikely]] {
        if (sink_->failed()) return nullptr;
        window_ = sink_->next_window(filled_);
        filled_ = 0;
        if (window_.empty()) return nullptr;
    }
    return &window_[filled_++];
}

std::uint64_t Tracer::add_by(std::uint64_t by, Kind kind, const Fields& fields) noexcept {
    std::uint64_t seq = ++seq_;
    Record* record = next_record();
    if (record == nullptr) [[unlikely]] {
        ++dropped_;
        return seq;
    }
    record->seq = seq;
    record->t = loop_.time().time_since_epoch().count();
    record->w = wall_offset_ == 0 ? 0 : record->t + wall_offset_;
    record->by = by;
    record->id = fields.id;
    record->at = fields.at;
    record->detail = fields.detail;
    record->thread = 0;
    record->other = fields.other;
    record->a = fields.a;
    record->b = fields.b;
    record->kind = kind;
    return seq;
}

ObjectTable::Entry* Tracer::follow(Of of, const void* address) noexcept {
    return follow_also(of, address, ++last_id_);
}

ObjectTable::Entry* Tracer::follow_also(Of of, const void* address, std::uint32_t id) noexcept {
    std::uint64_t key = ObjectTable::key_of(of, address);
    Entry* entry = objects_.find(key);
    if (entry != nullptr) {
        *entry = Entry{key, 0, 0, 0, 0};
    } else {
        entry = objects_.insert(key);
    }
    if (entry != nullptr) entry->id = id;
    return entry;
}

std::uint32_t Tracer::string(std::string_view text) noexcept {
    text = text.substr(0, string_bytes_max);
    std::uint64_t key = ObjectTable::key_of(Of::text, hash_of(text));
    if (const Entry* known = names_.find(key)) return known->id;
    if (dropped_ != 0) return 0;
    Entry* entry = names_.insert(key);
    if (entry == nullptr) return 0;
    entry->id = ++last_string_;
    write_string(last_string_, text);
    return last_string_;
}

std::uint32_t Tracer::literal(const char* text) noexcept {
    if (text == nullptr || *text == '\0') return 0;
    std::uint64_t key = ObjectTable::key_of(Of::literal, text);
    if (const Entry* known = names_.find(key)) return known->id;
    std::uint32_t id = string(text);
    if (Entry* entry = id == 0 ? nullptr : names_.insert(key)) entry->id = id;
    return id;
}

std::uint32_t Tracer::source(const std::source_location& place) noexcept {
    if (place.line() == 0) return 0;
    std::uint64_t hash = mixed(reinterpret_cast<std::uint64_t>(place.file_name()), place.line());
    hash = mixed(mixed(hash, place.column()), reinterpret_cast<std::uint64_t>(place.function_name()));
    std::uint64_t key = ObjectTable::key_of(Of::place, hash);
    if (const Entry* known = names_.find(key)) return known->id;
    std::uint32_t file = literal(place.file_name());
    std::uint32_t function = literal(place.function_name());
    Entry* entry = file == 0 ? nullptr : names_.insert(key);
    Record* record = entry == nullptr ? nullptr : next_record();
    if (record == nullptr) return 0;
    entry->id = ++last_source_;
    *record = Record{};
    record->id = entry->id;
    record->a = file;
    record->b = function;
    record->other = place.line();
    record->thread = static_cast<std::uint16_t>(place.column());
    record->kind = Kind::source;
    return entry->id;
}

void Tracer::write_string(std::uint32_t id, std::string_view text) noexcept {
    Record* record = next_record();
    if (record == nullptr) return;
    *record = Record{};
    record->id = id;
    record->a = static_cast<std::int64_t>(text.size());
    record->kind = Kind::string;
    while (!text.empty() && (record = next_record()) != nullptr) {
        std::string_view part = text.substr(0, sizeof(Record));
        std::memset(static_cast<void*>(record), 0, sizeof(Record));
        std::memcpy(static_cast<void*>(record), part.data(), part.size());
        text.remove_prefix(part.size());
    }
}

void Tracer::offer() noexcept {
    sink_->offer(window_, filled_);
}

void Tracer::abandon() noexcept {
    sink_->forget();
    window_ = {};
    filled_ = 0;
}

}  // namespace stepwise::trace
