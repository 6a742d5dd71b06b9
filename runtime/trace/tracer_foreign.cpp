// What other threads tell a tracer: kept in a small list of its own, written by the loop's thread.
#include <stepwise/runtime/trace/tracer.hpp>

namespace stepwise::trace {

namespace {

std::uint16_t thread_number() noexcept {
    static constinit std::atomic<std::uint64_t> threads = 0;
    thread_local const std::uint16_t number = thread_number_of(++threads);
    return number;
}

}  // namespace

void Tracer::told_elsewhere(Kind kind, const ReadyNode& node) noexcept {
    // A clock of the program's own may be read on its loop's thread alone.
    std::int64_t now = has_own_clock_ ? 0 : loop_.time().time_since_epoch().count();
    const bool on_own_thread = loop_.on_owner_thread();
    const std::uint16_t thread = on_own_thread ? std::uint16_t{0} : thread_number();
    std::lock_guard lock(foreign_mutex_);
    if (foreign_count_ == foreign_max) {
        ++foreign_lost_;
        return;
    }
    foreign_[foreign_count_++] = {kind, thread, now, &node, on_own_thread ? cause_ : 0};
}

void Tracer::take_foreign() noexcept {
    std::lock_guard lock(foreign_mutex_);
    for (std::size_t index = 0; index < foreign_count_; ++index) take_told(foreign_[index]);
    foreign_count_ = 0;
    if (foreign_lost_ != 0) add_by(0, Kind::note, {.a = string("threads told more at once than is kept")});
    foreign_lost_ = 0;
}

// A job is submitted, started, ended, then pushed; another thread's call is only pushed.
void Tracer::take_told(const Foreign& told) noexcept {
    Entry* job = find(Of::job, told.node);
    std::uint64_t by = job == nullptr ? told.by : job->cause;
    std::uint32_t id = job == nullptr ? 0 : job->id;
    if (told.kind == Kind::threadsafe_push) {
        if (job != nullptr) forget(*job);
        const Entry* node = follow(Of::node, told.node);
        if (node != nullptr) id = node->id;
    }
    std::uint64_t seq = add_by(by, told.kind, {.id = id});
    if (Record* record = last_record(seq)) {
        record->thread = told.thread;
        if (told.t != 0) record->t = told.t;
        if (told.t != 0) record->w = told.t + wall_offset_;
    }
    if (told.kind != Kind::threadsafe_push) {
        if (job != nullptr) job->cause = seq;
    } else if (Entry* node = find(Of::node, told.node)) {
        node->cause = seq;
        node->other = told_ahead;
    }
}

}  // namespace stepwise::trace
