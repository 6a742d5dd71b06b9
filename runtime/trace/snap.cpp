#include <stepwise/runtime/trace/snap.hpp>
#include <stepwise/runtime/trace/tracer.hpp>

namespace stepwise::trace {

namespace {

// Between two handles it runs after `first`, the rest of this turn's, what was pushed meanwhile.
template <class Visit>
void each_ready(const EventLoop& loop, const ReadyNode& first, Visit visit) {
    for (const ReadyNode* node = &first; node != nullptr; node = node->next) visit(*node);
    for (const ReadyNode* node = loop.ready_queue().front(); node != nullptr; node = node->next) visit(*node);
}

std::uint32_t awaited_future(Tracer& tracer, const TaskBase& task) noexcept {
    const Suspension* wait = task.waiting_for();
    if (wait == nullptr || wait->wait_kind->future == nullptr) return 0;
    return tracer.id_of(Of::future, wait->wait_kind->future(*wait));
}

std::uint32_t awaited_operation(Tracer& tracer, const TaskBase& task) noexcept {
    const Suspension* wait = task.waiting_for();
    if (wait == nullptr || wait->wait_kind->operation == nullptr) return 0;
    return tracer.id_of(Of::operation, wait->wait_kind->operation(*wait));
}

}  // namespace

void Tracer::snap(const ReadyNode& next) noexcept {
    SnapHash hash;
    std::uint32_t objects = 0;
    each_ready(loop_, next, [&](const ReadyNode& node) {
        hash.add(id_of(Of::node, &node));
        ++objects;
    });
    hash.next_list();
    loop_.timers().each([&](const Timer& timer, TimePoint due) {
        hash.add_timer(id_of(Of::timer, &timer), due.time_since_epoch().count(), timer.order);
        ++objects;
    });
    for (const TaskBase* task = loop_.first_task(); task != nullptr; task = task->next_task()) {
        hash.add(id_of(Of::future, static_cast<const FutureBase*>(task)));
        hash.add(task->suspended() ? 1 : 0);
        hash.add(awaited_future(*this, *task));
        hash.add(awaited_operation(*this, *task));
        for (const CallFrame* frame = task->innermost_frame(); frame != nullptr; frame = frame->parent) {
            hash.add(id_of(Of::frame, frame));
            ++objects;
        }
        hash.next_list();
        ++objects;
    }
    add_by(0, Kind::snap, {.other = objects, .a = static_cast<std::int64_t>(hash.value())});
    next_snap_ = seq_ + (objects > snap_objects_max ? snap_every_large : snap_every);
}

// All that a reader needs to go on from here.
void Tracer::keyframe(const ReadyNode& next) noexcept {
    std::uint64_t begin = add_by(0, Kind::keyframe_begin, {});
    for (const TaskBase* task = loop_.first_task(); task != nullptr; task = task->next_task()) {
        std::uint32_t id = id_of(Of::future, static_cast<const FutureBase*>(task));
        add_by(begin, Kind::task_new, {.id = id, .at = source(task->made_at()), .other = task->id()});
        for (const CallFrame* frame = task->innermost_frame(); frame != nullptr; frame = frame->parent) {
            add_by(begin, Kind::frame_call,
                   {.id = id_of(Of::frame, frame),
                    .at = source(frame->at),
                    .other = id_of(Of::frame, frame->parent),
                    .a = id});
        }
        if (!task->suspended()) continue;
        add_by(begin, Kind::await,
               {.id = id,
                .at = source(task->innermost_frame()->at),
                .other = literal(task->waiting_for()->wait_kind->name),
                .a = awaited_future(*this, *task),
                .b = awaited_operation(*this, *task)});
    }
    loop_.timers().each([&](const Timer& timer, TimePoint due) {
        add_by(begin, Kind::timer_add,
               {.id = id_of(Of::timer, &timer), .other = timer.order, .a = due.time_since_epoch().count()});
    });
    each_ready(loop_, next, [&](const ReadyNode& node) {
        const Entry* entry = find(Of::node, &node);
        bool of_task = entry != nullptr && entry->info != 0;
        add_by(begin, Kind::ready_push,
               {.id = entry == nullptr ? 0 : entry->id,
                .detail = static_cast<std::uint8_t>(of_task ? HandleOf::task_step : HandleOf::call)});
    });
    add_by(begin, Kind::keyframe_end, {});
}

}  // namespace stepwise::trace
