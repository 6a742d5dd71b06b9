#include <stepwise/runtime/trace/reducer.hpp>
#include <stepwise/runtime/trace/snap.hpp>

#include <algorithm>

namespace stepwise::trace {

std::uint64_t State::hash() const noexcept {
    SnapHash hash;
    for (std::uint32_t id : ready) hash.add(id);
    hash.next_list();
    for (const auto& [id, timer] : timers) hash.add_timer(id, timer.due, timer.order);
    for (auto task = tasks.rbegin(); task != tasks.rend(); ++task) {
        hash.add(task->first);
        hash.add(task->second.suspended ? 1 : 0);
        hash.add(task->second.awaits_future);
        hash.add(task->second.awaits_operation);
        for (auto frame = task->second.frames.rbegin(); frame != task->second.frames.rend(); ++frame) {
            hash.add(frame->id);
        }
        hash.next_list();
    }
    return hash.value();
}

void Reducer::apply(const Record& event) {
    switch (event.kind) {
        case Kind::dropped:
            lost_ = true;
            break;
        case Kind::keyframe_begin:
            forget_all();
            in_keyframe_ = true;
            lost_ = false;
            break;
        case Kind::keyframe_end:
            in_keyframe_ = false;
            break;
        case Kind::turn_begin:
            state_.turn = event.a;
            break;
        case Kind::phase:
            state_.phase = event.detail;
            break;
        default:
            apply_to_handles(event);
            apply_to_tasks(event);
            apply_to_others(event);
            break;
    }
}

void Reducer::forget_all() {
    State fresh;
    fresh.turn = state_.turn;
    fresh.phase = state_.phase;
    state_ = std::move(fresh);
}

void Reducer::apply_to_handles(const Record& event) {
    if (event.kind == Kind::ready_push && event.detail != static_cast<std::uint8_t>(HandleOf::before_poll)) {
        state_.ready.push_back(event.id);
    } else if (event.kind == Kind::run_begin) {
        state_.running = event.id;
        auto found = std::find(state_.ready.begin(), state_.ready.end(), event.id);
        if (found != state_.ready.end()) state_.ready.erase(found);
    } else if (event.kind == Kind::run_end) {
        state_.running = 0;
    } else if (event.kind == Kind::timer_add) {
        state_.timers[event.id] = State::Timer{event.a, event.other, event.at};
    } else if (event.kind == Kind::timer_fire || event.kind == Kind::timer_cancel) {
        state_.timers.erase(event.id);
    }
}

void Reducer::apply_to_tasks(const Record& event) {
    if (event.kind == Kind::task_new) {
        State::Task task;
        task.number = event.other;
        task.parent = static_cast<std::uint32_t>(event.a);
        task.made_at = event.at;
        state_.tasks[event.id] = std::move(task);
        return;
    }
    bool of_frame = event.kind == Kind::frame_call || event.kind == Kind::frame_return;
    auto found = state_.tasks.find(of_frame ? static_cast<std::uint32_t>(event.a) : event.id);
    if (found == state_.tasks.end()) return;
    State::Task& task = found->second;
    switch (event.kind) {
        case Kind::task_name:
            task.name = static_cast<std::uint32_t>(event.a);
            break;
        case Kind::await:
            task.suspended = true;
            task.awaits_future = static_cast<std::uint32_t>(event.a);
            task.awaits_operation = static_cast<std::uint32_t>(event.b);
            task.awaits_what = event.other;
            task.awaits_at = event.at;
            break;
        case Kind::wakeup:
            task.suspended = false;
            task.awaits_future = task.awaits_operation = task.awaits_what = task.awaits_at = 0;
            break;
        case Kind::frame_call:
            // A keyframe tells them from the innermost outwards.
            task.frames.insert(in_keyframe_ ? task.frames.begin() : task.frames.end(), {event.id, event.at});
            break;
        case Kind::frame_return:
            std::erase_if(task.frames, [&](const State::Frame& frame) { return frame.id == event.id; });
            break;
        case Kind::task_done:
            state_.tasks.erase(found);
            break;
        default:
            break;
    }
}

void Reducer::apply_to_others(const Record& event) {
    switch (event.kind) {
        case Kind::future_new:
            state_.futures[event.id] = State::Future{event.at, 0};
            break;
        case Kind::future_done:
            if (auto found = state_.futures.find(event.id); found != state_.futures.end()) {
                found->second.state = event.detail;
            }
            break;
        case Kind::future_drop:
            state_.futures.erase(event.id);
            break;
        case Kind::sqe:
            state_.operations[event.id] = State::Operation{static_cast<std::uint32_t>(event.a), event.other};
            break;
        case Kind::cqe:
            state_.operations.erase(event.id);
            break;
        default:
            break;
    }
}

History::History(std::vector<Record> events) : events_(std::move(events)) {
    Reducer reducer;
    for (std::size_t index = 0; index < events_.size(); ++index) {
        if (index % checkpoint_every == 0) checkpoints_.push_back(reducer);
        reducer.apply(events_[index]);
    }
    if (checkpoints_.empty()) checkpoints_.push_back(reducer);
}

const State& History::state_after(std::size_t count) {
    count = std::min(count, events_.size());
    std::size_t checkpoint = std::min(count / checkpoint_every, checkpoints_.size() - 1);
    if (count < applied_ || checkpoint * checkpoint_every > applied_) {
        now_ = checkpoints_[checkpoint];
        applied_ = checkpoint * checkpoint_every;
    }
    while (applied_ < count) now_.apply(events_[applied_++]);
    return now_.state();
}

}  // namespace stepwise::trace
