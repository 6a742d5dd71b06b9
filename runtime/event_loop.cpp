#include <stepwise/runtime/diagnostics/deadlock.hpp>
#include <stepwise/runtime/diagnostics/debug_mode.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/fd_watchers.hpp>
#include <stepwise/runtime/planted.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>
#include <stepwise/runtime/signals.hpp>

#include <cstdio>
#include <cstdlib>

namespace stepwise {

namespace {

using detail::running_scheduler;

bool debug_is_wanted() {
    const char* value = std::getenv("STEPWISE_DEBUG");
    return value != nullptr && std::string_view(value) == "1";
}

// How long a loop is quiet before it asks whether its tasks wait for each other.
constexpr Duration quiet_before_a_look = std::chrono::milliseconds(200);

}  // namespace

EventLoop::EventLoop() : EventLoop(Options()) {}

EventLoop::EventLoop(Options options)
    : clock_(options.clock == nullptr ? &steady_clock_ : options.clock),
      calls_(*this),
      executor_(options.thread_pool),
      watchers_(std::make_unique<FdWatchers>(*this)),
      signals_(std::make_unique<SignalHandlers>(*this)) {
    if (options.debug || debug_is_wanted()) {
        debug_ = std::make_unique<detail::DebugMode>(*this, options.step_max, options.turn_max);
    }
    choose_reactor(options);
    if (debug_) debug_->begin_dumps();
    tracer_ = trace::compiled_in ? trace::begin(*this) : nullptr;
    timers_.trace_to(tracer_);
    reactor_->trace_to(tracer_);
    unusual_ = tracer_ != nullptr;
    watched_ = unusual_ || debug_ != nullptr;
}

void EventLoop::run_job(Job& job) noexcept {
    job.run_job(job);
}

EventLoop::~EventLoop() {
    Scheduler* outer = std::exchange(running_scheduler, this);
    owner_thread_ = &detail::thread_marker;
    discarding_ = unusual_ = true;
    if (debug_) debug_->end_dumps();
    debug_.reset();
    if (has_tasks()) report_destroyed_pending(*this);
    discard_everything();
    executor_.stop(simulation_);
    discard_everything();
    // A simulation's clock ends with its reactor: what is told of the end bears the time that it showed last.
    ManualClock last_shown;
    last_shown.advance(time() - TimePoint());
    if (simulation_ != nullptr) clock_ = &last_shown;
    reactor_.reset();
    simulation_ = nullptr;
    trace::end(tracer_);
    running_scheduler = outer;
}

void EventLoop::discard_everything() noexcept {
    // What ends may begin something new. The tasks come first: their frames may remove what they had added.
    do {
        discard_ready();
    } while (signals_->clear() || watchers_->clear() || calls_.drop());
}

void EventLoop::discard_ready() noexcept {
    do {
        take_threadsafe();
        run_queue(before_poll_);
        run_queue(ready_);
        // The newest first: a task that waits for another was usually there before it.
        if (TaskBase* task = first_task()) {
            task->destroy_pending();
        } else if (bound_ != nullptr) {  // last: a task may still wait on a descriptor of theirs
            LoopBound& bound = *bound_;
            unbind(bound);
            bound.loop_closing();
        }
    } while (has_tasks() || bound_ != nullptr || !ready_.empty() || !before_poll_.empty() || !threadsafe_.empty());
}

EventLoop* EventLoop::running() noexcept {
    return static_cast<EventLoop*>(running_scheduler);
}

EventLoop& EventLoop::current() {
    if (running_scheduler == nullptr) {
        throw std::logic_error("no event loop runs on this thread: call this from inside run() or a task");
    }
    return *running();
}

// While it lasts, this thread is inside the loop's turns.
struct EventLoop::Inside {
    explicit Inside(EventLoop& entered) noexcept : loop(entered), outer(std::exchange(running_scheduler, &entered)) {
        loop.in_turn_ = true;
        // It may be one of several that take turns: it must look, even if it never rests.
        if (loop.simulation_ != nullptr) loop.asked_.poll = true;
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() {
        loop.in_turn_ = false;
        running_scheduler = outer;
    }

    EventLoop& loop;
    Scheduler* outer;
};

void EventLoop::run_once(bool may_block) {
    if (in_turn_) throw std::logic_error("EventLoop::run_once was called from inside a turn of the same loop");
    if (running_scheduler != nullptr) throw std::logic_error("another event loop is running on this thread");
    if (!on_owner_thread()) owner_thread_ = &detail::thread_marker;
    Inside inside(*this);
    watched_ ? watched_turn(may_block) : turn(may_block);
}

//[ turn
// What was corked is written; the reactor is asked, and waited for when nothing else is to be done.
void EventLoop::before_run(bool may_block) {
    if (asked_.flush) flush();
    if (ready_.empty() && may_block && !asked_.end) {
        wait_for_something();
    } else if (asked_.poll) {
        poll_without_waiting();
    }
    if (arrived_.load(std::memory_order_relaxed)) take_arrivals();
    if (asked_.timers) fire_timers();
}

void EventLoop::turn(bool may_block) {
    before_run(may_block);
    if (ReadyNode* first = ready_.take_all()) run_all(first);
}

// The same, where nothing is to be done but what is ready.
[[gnu::always_inline]] inline bool EventLoop::short_turn() {
    if (asked_.anything() || ready_.empty()) [[unlikely]]
        return false;
    if (arrived_.load(std::memory_order_relaxed)) take_arrivals();
    run_all(ready_.take_all());
    return true;
}
//]

namespace {

// Threads that take turns get them from the poll.
bool poll_can_be_left_out(const Reactor& reactor, const Simulation* simulation) noexcept {
    return reactor.idle() && (simulation == nullptr || simulation->alone());
}

}  // namespace

void EventLoop::poll_without_waiting() {
    if (poll_can_be_left_out(*reactor_, simulation_)) {
        asked_.poll = false;
    } else {
        poll(Duration::zero());
    }
}

void EventLoop::fire_timers() {
    if (timers_.empty()) {
        asked_.timers = false;
    } else {
        timers_.fire_due(clock_->now());
    }
}

// What other threads have posted, and signals.
void EventLoop::take_arrivals() {
    arrived_.store(false, std::memory_order_seq_cst);
    if (watched_) [[unlikely]] {
        take_threadsafe();
    } else {
        threadsafe_.take_into(ready_);
    }
    if (!signals_arrived_.exchange(false)) return;
    if (tracer() != nullptr) trace::woken_by_signal(*tracer_);
    signals_->deliver();
}

void EventLoop::wait_for_something() {
    std::optional<Duration> timeout;
    const bool forgets_timers = planted("timer_not_waited_for") && !reactor_->idle();
    if (!timers_.empty() && !forgets_timers) timeout = clock_->wait_for(timers_.next_due());
    // Tasks that nothing seems to be able to wake: worth a look, once, after a moment.
    bool quiet = has_tasks() && quiet_at_ != tasks_made_ && nothing_pending();
    if (quiet) timeout = quiet_before_a_look;
    if (timeout != Duration::zero()) {
        // Who posts looks at sleeping_ after its push, this looks at the pushes after its store: one of the two sees.
        sleeping_.store(true, std::memory_order_seq_cst);
        if (something_arrived()) timeout = Duration::zero();
    }
    if (timeout != Duration::zero() || !poll_can_be_left_out(*reactor_, simulation_)) poll(timeout);
    sleeping_.store(false, std::memory_order_relaxed);
    bool in_flight =
        !ready_.empty() || something_arrived() || !poll_can_be_left_out(*reactor_, simulation_) || !executor_.idle();
    if (!in_flight && !timers_.empty()) clock_->idle_until(timers_.next_due());
    if (quiet && nothing_pending()) find_deadlock();
}

// From another thread, or a signal.
bool EventLoop::something_arrived() const noexcept {
    return !threadsafe_.empty() || signals_arrived_.load(std::memory_order_seq_cst);
}

// But for another thread, or a signal.
bool EventLoop::nothing_pending() const noexcept {
    return ready_.empty() && timers_.empty() && threadsafe_.empty() && executor_.idle() &&
           poll_can_be_left_out(*reactor_, simulation_);
}

void EventLoop::flush() noexcept {
    asked_.flush = false;
    flushing_.take_over(before_poll_);
    run_queue(flushing_);
}

void EventLoop::run_queue(ReadyQueue& queue) noexcept {
    while (ReadyNode* node = queue.pop()) watched_ ? run_one(*node) : run_all(node);
}

// `node`, which there is, and what hangs behind it.
[[gnu::always_inline]] inline void EventLoop::run_all(ReadyNode* node) noexcept {
    do {
        try {
            do {
                ReadyNode& now = *node;
                node = std::exchange(now.next, nullptr);
                now.run(now);
            } while (node != nullptr);
        } catch (...) {
            call_exception_handler(std::current_exception(), "a callback");
        }
    } while (node != nullptr);
}

void EventLoop::check_may_run() {
    if (in_turn_) throw std::logic_error("this event loop is running already");
    if (running_scheduler != nullptr) throw std::logic_error("another event loop is running on this thread");
    owner_thread_ = &detail::thread_marker;
}

void EventLoop::run_turns() {
    check_may_run();
    struct Running {
        EventLoop& loop;
        ~Running() { loop.running_ = loop.asked_.end = false; }
    } running{*this};
    running_ = true;
    Inside inside(*this);
    if (watched_) {
        do {
            watched_turn(true);
        } while (!asked_.end);
    } else {
        do {
            turn(true);
            while (short_turn()) {
            }
        } while (!asked_.end);
    }
}

void EventLoop::run_forever() {
    do {
        deadlocked_ = false;
        run_turns();
    } while (deadlocked_);
}

namespace {

// The end of what the loop runs for.
struct Done final : Waiter {
    Done(FutureBase& future, bool& end) noexcept : Waiter(kind), waits_for(future), to_end(end) {}
    ~Done() { waits_for.remove_waiter(*this); }

    static void told(Waiter& waiter, FutureBase*) noexcept {
        auto& self = static_cast<Done&>(waiter);
        self.is_done = self.to_end = true;
    }
    static constexpr WaitKind kind{.told = &Done::told};

    FutureBase& waits_for;
    bool& to_end;
    bool is_done = false;
};

}  // namespace

void EventLoop::run_until_done(FutureBase& future) {
    Done done(future, asked_.end);
    check_may_run();
    if (future.done()) return;
    future.add_waiter(done);
    run_turns();
    if (std::exchange(deadlocked_, false))
        throw std::logic_error("deadlock: no task can go on, and nothing could wake one");
    if (!done.is_done) throw std::logic_error("the event loop was stopped before the task that it ran was done");
}

void EventLoop::stop() {
    check_thread("EventLoop::stop");
    asked_.end = true;
}

void EventLoop::fire_call(Timer& timer) noexcept {
    auto& node = static_cast<detail::CallNode&>(timer);
    node.nodes.scheduler().push_ready(node);
}

void EventLoop::post_threadsafe(ReadyNode& node) noexcept {
    if (tracer() != nullptr) [[unlikely]]
        trace::threadsafe_pushed(*tracer_, node);
    threadsafe_.push(node);
    arrived_.store(true, std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false, std::memory_order_seq_cst)) {
        reactor_->wake();
    }
}

void EventLoop::bind(LoopBound& bound) noexcept {
    bound.next_bound_ = bound_;
    bound.bound_from_ = &bound_;
    if (bound_ != nullptr) bound_->bound_from_ = &bound.next_bound_;
    bound_ = &bound;
}

void EventLoop::unbind(LoopBound& bound) noexcept {
    if (bound.bound_from_ == nullptr) return;
    *bound.bound_from_ = bound.next_bound_;
    if (bound.next_bound_ != nullptr) bound.next_bound_->bound_from_ = bound.bound_from_;
    bound.next_bound_ = nullptr;
    bound.bound_from_ = nullptr;
}

void EventLoop::signal_arrived() noexcept {
    signals_arrived_.store(true, std::memory_order_seq_cst);
    arrived_.store(true, std::memory_order_seq_cst);
    reactor_->wake();
}

bool EventLoop::cancel_all_tasks(int turns_max) {
    check_thread("EventLoop::cancel_all_tasks");
    std::uint32_t asked = tasks_made_ - std::uint32_t{INT32_MAX};  // the newest of those that were
    for (int turn = 0; has_tasks() && turn < turns_max; ++turn) {
        for (TaskBase* task = first_task(); task != nullptr && task->is_newer_than(asked); task = task->next_task()) {
            task->request_cancel();
        }
        asked = tasks_made_;
        if (!may_go_on()) break;
        run_once();
    }
    return !has_tasks();
}

// Something is ready, or is to come: else a turn would block until another thread or a signal came, perhaps for ever.
bool EventLoop::may_go_on() const noexcept {
    return !ready_.empty() || !before_poll_.empty() || !timers_.empty() || !threadsafe_.empty() || !reactor_->idle() ||
           !executor_.idle();
}

std::size_t EventLoop::task_count() const noexcept {
    std::size_t count = 0;
    for (TaskBase* task = first_task(); task != nullptr; task = task->next_task()) ++count;
    return count;
}

}  // namespace stepwise
