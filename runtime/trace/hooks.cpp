#include <stepwise/runtime/trace/trace.hpp>
#include <stepwise/runtime/trace/tracer.hpp>

namespace stepwise::trace {

namespace {

// Of a followed task, in its own entry (Of::future): whether it has said what it awaits and was not woken since.
constexpr std::uint32_t suspended = 1;

std::int64_t address(const void* object) noexcept {
    return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(object));
}

std::uint32_t id_of(Tracer& tracer, const FutureBase* future) noexcept {
    return tracer.id_of(Of::future, future);
}

// A handle that is not a task's: its number lasts until it has run.
void follow_handle(Tracer& tracer, const ReadyNode& node, HandleOf what, std::uint32_t at) noexcept {
    Tracer::Entry* entry = tracer.follow(Of::node, &node);
    std::uint32_t id = entry == nullptr ? 0 : entry->id;
    std::uint64_t seq = tracer.add(Kind::ready_push, {.id = id, .at = at, .detail = static_cast<std::uint8_t>(what)});
    if (entry != nullptr) entry->cause = seq;
}

void push_task(Tracer& tracer, Tracer::Entry& node, Tracer::Entry* task) noexcept {
    std::uint64_t by = tracer.cause();
    if (task != nullptr && task->other == suspended) {
        task->other = 0;
        by = tracer.add(Kind::wakeup, {.id = node.id});
    }
    node.cause =
        tracer.add_by(by, Kind::ready_push, {.id = node.id, .detail = static_cast<std::uint8_t>(HandleOf::task_step)});
}

}  // namespace

Caused::Caused(Tracer& tracer) noexcept : tracer_(tracer), outer_(tracer.cause_is(tracer.last())) {}

Caused::~Caused() {
    tracer_.cause_is(outer_);
}

void turn_begin(Tracer& tracer) noexcept {
    tracer.cause_is(0);
    tracer.cause_is(tracer.add(Kind::turn_begin, {.a = ++tracer.turns}));
    tracer.edge(true);
}

void turn_end(Tracer& tracer) noexcept {
    tracer.add(Kind::turn_end, {.a = tracer.turns});
    tracer.cause_is(0);
    tracer.offer();
}

void phase(Tracer& tracer, Phase phase) noexcept {
    tracer.add(Kind::phase, {.detail = static_cast<std::uint8_t>(phase)});
    tracer.edge(false);
}

void select_enter(Tracer& tracer, std::int64_t timeout_ns) noexcept {
    tracer.cause_is(tracer.add(Kind::select_enter, {.a = timeout_ns}));
    tracer.offer();
}

void select_exit(Tracer& tracer) noexcept {
    tracer.add(Kind::select_exit, {});
}

void asked_at(Tracer& tracer, std::source_location at) noexcept {
    tracer.ask_at(tracer.source(at));
}

void pushed(Tracer& tracer, const ReadyNode& node) noexcept {
    Tracer::Entry* entry = tracer.find(Of::node, &node);
    // Of a task: `info` is where its future is.
    if (entry != nullptr && entry->info != 0) {
        std::uint64_t future = entry->info;
        return push_task(tracer, *entry, tracer.find(Of::future, reinterpret_cast<const void*>(future)));
    }
    // What another thread told of before it was here.
    if (entry != nullptr && entry->other == told_ahead) {
        entry->other = 0;
        entry->cause = tracer.add_by(entry->cause, Kind::ready_push, {.id = entry->id});
        return;
    }
    follow_handle(tracer, node, HandleOf::call, tracer.take_asked_at());
}

void pushed_at(Tracer& tracer, const ReadyNode& node, std::source_location at) noexcept {
    follow_handle(tracer, node, HandleOf::call, tracer.source(at));
}

void pushed_before_poll(Tracer& tracer, const ReadyNode& node) noexcept {
    follow_handle(tracer, node, HandleOf::before_poll, 0);
}

void handle_cancelled(Tracer& tracer, const ReadyNode& node) noexcept {
    tracer.add(Kind::handle_cancel, {.id = tracer.id_of(Of::node, &node)});
}

void between(Tracer& tracer, const ReadyNode& next) noexcept {
    tracer.between(next);
}

namespace {

// A handle that runs: ends also when it throws.
class Run {
public:
    Run(Tracer& tracer, const ReadyNode& node) noexcept : tracer_(tracer), outer_(tracer.cause()) {
        std::uint64_t pushed_by = 0;
        if (Tracer::Entry* entry = tracer.find(Of::node, &node)) {
            id_ = entry->id;
            pushed_by = entry->cause;
            if (entry->info == 0) tracer.forget(*entry);
        }
        began_ = tracer.add_by(pushed_by, Kind::run_begin, {.id = id_});
        tracer.cause_is(began_);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() {
        tracer_.add_by(began_, Kind::run_end, {.id = id_});
        tracer_.cause_is(outer_);
    }

private:
    Tracer& tracer_;
    std::uint64_t outer_;
    std::uint64_t began_ = 0;
    std::uint32_t id_ = 0;
};

}  // namespace

void run(Tracer& tracer, ReadyNode& node) {
    Run run(tracer, node);
    node.run(node);
}

namespace {

void frame_called(Tracer& tracer, const CallFrame& frame) noexcept {
    std::uint32_t parent = tracer.id_of(Of::frame, frame.parent);
    std::uint32_t task = id_of(tracer, frame.task);
    const Tracer::Entry* entry = tracer.follow(Of::frame, &frame);
    std::uint32_t id = entry == nullptr ? 0 : entry->id;
    tracer.add(Kind::frame_call, {.id = id, .at = tracer.source(frame.at), .other = parent, .a = task});
}

void frame_ended(Tracer& tracer, const CallFrame& frame, FrameEnd how) noexcept {
    tracer.add(Kind::frame_return, {.id = tracer.id_of(Of::frame, &frame),
                                    .detail = static_cast<std::uint8_t>(how),
                                    .a = id_of(tracer, frame.task)});
    tracer.forget(Of::frame, &frame);
}

}  // namespace

void frame_changed(Tracer& tracer, const CallFrame& frame, const CallFrame* next) noexcept {
    if (next != nullptr && next->parent == &frame) {
        frame_called(tracer, *next);
    } else {
        frame_ended(tracer, frame, FrameEnd::returned);
    }
}

void frame_destroyed(Tracer& tracer, const CallFrame& frame) noexcept {
    frame_ended(tracer, frame, FrameEnd::destroyed);
}

void timer_added(Tracer& tracer, const Timer& timer, std::int64_t due_ns) noexcept {
    std::uint32_t at = tracer.take_asked_at();
    Tracer::Entry* entry = tracer.follow(Of::timer, &timer);
    std::uint32_t id = entry == nullptr ? 0 : entry->id;
    std::uint64_t seq = tracer.add(Kind::timer_add, {.id = id, .at = at, .other = timer.order, .a = due_ns});
    if (entry != nullptr) entry->cause = seq;
}

void timer_removed(Tracer& tracer, const Timer& timer) noexcept {
    tracer.add(Kind::timer_cancel, {.id = tracer.id_of(Of::timer, &timer)});
    tracer.forget(Of::timer, &timer);
}

void fire(Tracer& tracer, Timer& timer) noexcept {
    std::uint64_t added = 0;
    std::uint32_t id = 0;
    if (Tracer::Entry* entry = tracer.find(Of::timer, &timer)) {
        id = entry->id;
        added = entry->cause;
        tracer.forget(*entry);
    }
    tracer.add_by(added, Kind::timer_fire, {.id = id});
    Caused by_this(tracer);
    timer.fire(timer);
}

void future_made(Tracer& tracer, const FutureBase& future) noexcept {
    const Tracer::Entry* entry = tracer.follow(Of::future, &future);
    tracer.add(Kind::future_new, {.id = entry == nullptr ? 0 : entry->id, .at = tracer.source(future.made_at())});
}

void future_done(Tracer& tracer, const FutureBase& future) noexcept {
    tracer.add(future.is_task() ? Kind::task_done : Kind::future_done,
               {.id = id_of(tracer, &future), .detail = static_cast<std::uint8_t>(future.state())});
}

void callback_added(Tracer& tracer, const FutureBase& future) noexcept {
    tracer.add(Kind::callback_add, {.id = id_of(tracer, &future)});
}

void task_made(Tracer& tracer, const TaskBase& task) noexcept {
    const auto& node = static_cast<const ReadyNode&>(task);
    const TaskBase* maker = task.task_scheduler().current_task();
    std::uint32_t id = 0;
    if (Tracer::Entry* entry = tracer.follow(Of::future, static_cast<const FutureBase*>(&task))) {
        id = entry->id;
        entry->info = static_cast<std::uint64_t>(address(&node));
        if (Tracer::Entry* handle = tracer.follow_also(Of::node, &node, id)) {
            handle->info = static_cast<std::uint64_t>(address(static_cast<const FutureBase*>(&task)));
        }
    }
    tracer.add(Kind::task_new,
               {.id = id, .at = tracer.source(task.made_at()), .other = task.id(), .a = id_of(tracer, maker)});
    frame_called(tracer, *task.innermost_frame());
}

void task_named(Tracer& tracer, const TaskBase& task, const char* name) noexcept {
    tracer.add(Kind::task_name, {.id = id_of(tracer, &task), .a = tracer.string(name)});
}

void step_begin(Tracer& tracer, const TaskBase& task) noexcept {
    tracer.cause_is(tracer.add(Kind::step_begin, {.id = id_of(tracer, &task)}));
}

void step_end(Tracer& tracer, const TaskBase& task, bool done) noexcept {
    StepEnd how = done ? StepEnd::returned : task.suspended() ? StepEnd::suspended : StepEnd::yielded;
    tracer.add(Kind::step_end, {.id = id_of(tracer, &task), .detail = static_cast<std::uint8_t>(how)});
}

void awaits(Tracer& tracer, const TaskBase& task) noexcept {
    const Suspension& wait = *task.waiting_for();
    std::uint32_t target = 0;
    if (wait.wait_kind->future != nullptr) target = id_of(tracer, wait.wait_kind->future(wait));
    std::uint32_t operation = 0;
    if (wait.wait_kind->operation != nullptr) operation = tracer.id_of(Of::operation, wait.wait_kind->operation(wait));
    std::uint32_t id = 0;
    if (Tracer::Entry* entry = tracer.find(Of::future, static_cast<const FutureBase*>(&task))) {
        id = entry->id;
        entry->other = suspended;
    }
    tracer.add(Kind::await, {.id = id,
                             .at = tracer.source(task.innermost_frame()->at),
                             .other = tracer.literal(wait.wait_kind->name),
                             .a = target,
                             .b = operation});
}

void cancel_requested(Tracer& tracer, const TaskBase& task) noexcept {
    tracer.add(Kind::cancel_request, {.id = id_of(tracer, &task)});
}

}  // namespace stepwise::trace
