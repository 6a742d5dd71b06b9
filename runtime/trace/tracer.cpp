#include <stepwise/runtime/trace/tracer.hpp>

#include <algorithm>
#include <cstdio>
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

Tracer::Tracer(EventLoop& loop, std::unique_ptr<Sink> sink, std::int64_t wall_offset, Wishes wishes)
    : loop_(loop),
      sink_(std::move(sink)),
      wall_offset_(wall_offset),
      has_own_clock_(wall_offset == 0),
      wishes_(wishes),
      loop_clock_(loop.clock_) {
    window_ = sink_->next_window(0);
    if (sink_->descriptor() < 0) return;
    gate_ = std::make_unique<Gate>(wishes.held);
    places_ = std::make_unique<KnownPlace[]>(names_max);
    loop.clock_ = &held_clock_.emplace(*loop_clock_);
}

Tracer::~Tracer() {
    if (dropped_ != 0) go_on_after_drop();
    if (!sink_->failed()) sink_->finish(filled_);
    loop_.clock_ = loop_clock_;
    if (dropped_in_all_ + dropped_ == 0 || sink_->failed()) return;
    std::fprintf(stderr, "stepwise: the trace lacks %llu events: its listener was too slow\n",
                 static_cast<unsigned long long>(dropped_in_all_ + dropped_));
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
    if (gate_ != nullptr && gate_->wants_events()) [[unlikely]]
        gate_->saw(*record);
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
    if (entry != nullptr) {
        entry->id = id;
    } else if (unfollowed_++ == 0) {
        add_by(0, Kind::note, {.a = string("too many objects at a time: from here on not all have a number")});
    }
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
    look_for_line(record->id, place.file_name(), place.line());
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

// What was dropped may have named strings that nobody knows now: they are told again, with new numbers.
void Tracer::go_on_after_drop() noexcept {
    if (window_.size() <= filled_) return;
    std::uint64_t count = std::exchange(dropped_, 0);
    dropped_in_all_ += count;
    names_.clear();
    keyframe_due_ = true;
    add_by(0, Kind::dropped, {.a = static_cast<std::int64_t>(count)});
}

void Tracer::between(const ReadyNode& next) noexcept {
    if (keyframe_due_ && dropped_ == 0) [[unlikely]] {
        keyframe_due_ = false;
        keyframe(next);
        next_snap_ = seq_;
    }
    if (seq_ >= next_snap_ && dropped_ == 0 && !keyframe_due_ && unfollowed_ == 0) [[unlikely]]
        snap(next);
    if (gate_ == nullptr) return;
    const Entry* entry = find(Of::node, &next);
    pass(entry != nullptr && entry->info != 0 ? Gate::Edge::task : Gate::Edge::handle);
}

void Tracer::edge(bool of_turn) noexcept {
    if (gate_ != nullptr) pass(of_turn ? Gate::Edge::turn : Gate::Edge::phase);
}

void Tracer::offer() noexcept {
    sink_->offer(window_, filled_);
    if (dropped_ != 0 && window_.size() > snap_every) go_on_after_drop();
}

void Tracer::abandon() noexcept {
    sink_->forget();
    window_ = {};
    filled_ = 0;
}

}  // namespace stepwise::trace
