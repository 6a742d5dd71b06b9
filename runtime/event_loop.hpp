// EventLoop: one thread's loop. A turn polls the reactor, fires the timers that are due, then runs exactly the handles
// that are ready at that point; what becomes ready meanwhile runs in the next turn.
//
//     int code = run(serve());   // a Coro<int>; or, by hand:
//
//     EventLoop loop;
//     loop.call_later(10ms, [&] { loop.stop(); });
//     loop.run_forever();
//
// It owns its tasks until they are done, its call nodes, its reactor and its thread pool. Everything but
// call_soon_threadsafe and wakeups by signals belongs to the thread that runs it (law 5): elsewhere std::logic_error.
// Its end destroys what is left: pending tasks are cancelled without running further, queued calls are not made.
#pragma once

#include <stepwise/runtime/clock.hpp>
#include <stepwise/runtime/entropy.hpp>
#include <stepwise/runtime/executor.hpp>
#include <stepwise/runtime/handle.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>
#include <stepwise/runtime/task.hpp>
#include <stepwise/runtime/thread_pool.hpp>
#include <stepwise/runtime/threadsafe_queue.hpp>

#include <bit>
#include <functional>
#include <memory>
#include <string>

namespace stepwise {

class SignalHandlers;
class FdWatchers;
namespace detail {
class DebugMode;
}

// Something that may outlive its owner for a while but not the loop: a connection that still sends its last bytes.
class LoopBound {
public:
    LoopBound() noexcept = default;
    LoopBound(const LoopBound&) = delete;
    LoopBound& operator=(const LoopBound&) = delete;

    // The loop is ending: let go of it now. The object may end within this call.
    virtual void loop_closing() noexcept = 0;

protected:
    ~LoopBound() = default;

private:
    friend class EventLoop;
    LoopBound* next_bound_ = nullptr;
    LoopBound** bound_from_ = nullptr;
};

class EventLoop final : public Scheduler, private ReactorHost {
public:
    // What went wrong, and in what: "Task-3", "a callback". Runs on the loop's thread. What it throws itself goes to
    // stderr, behind what it was told.
    using ExceptionHandler = std::function<void(std::exception_ptr, std::string_view where)>;
    using Callback = std::function<void()>;

    struct Options {
        // "epoll", "io_uring" or "sim"; empty: $STEPWISE_REACTOR, else io_uring where it works and epoll where not.
        std::string reactor;
        ReactorOptions reactor_options;
        ThreadPool::Options thread_pool;
        // Not owned; must outlive the loop. nullptr: the steady clock, or the simulator's.
        Clock* clock = nullptr;
        // Looks at the program while it runs and tells of its mistakes: see diagnostics/lint.hpp. Costs two looks at
        // the clock a handle and a thread. SIGUSR1 prints dump_tasks of all such loops, and SIGURG samples the
        // stack of a blocked one, each only if nobody else handles it. Also set by STEPWISE_DEBUG=1.
        bool debug = false;
        // In debug mode: how long one handle, and a whole turn, may keep the loop without being told of.
        Duration step_max = std::chrono::milliseconds(50);
        Duration turn_max = std::chrono::milliseconds(100);
    };

    EventLoop();
    // Throws std::invalid_argument for an unknown reactor, std::system_error for one that was named and does not work.
    explicit EventLoop(Options options);
    ~EventLoop();

    // The loop that is running on this thread, or nullptr.
    static EventLoop* running() noexcept;
    // The same; throws std::logic_error if there is none.
    static EventLoop& current();

    // One turn. Blocks until there is something to do only if `may_block`. std::logic_error from inside of a turn, and
    // where another loop runs on this thread.
    void run_once(bool may_block = true);
    // Runs until `stop`. std::logic_error as run_once.
    void run_forever();
    // Runs until the task is done; gives its result or throws its error. std::logic_error if stop() came first, if no
    // task can go on (see diagnostics/lint.hpp: deadlock), or if a loop runs already: then nothing is started.
    template <class T>
    T run_until_complete(Coro<T> main) {
        check_may_run();
        Future<T> task = create_task(std::move(main));
        return run_until_complete(std::move(task));
    }
    template <class T>
    T run_until_complete(Future<T> future) {
        run_until_done(future.shared_state());
        future.shared_state().check_result();
        if constexpr (!std::is_void_v<T>)
            return detail::take_from(future.shared_state(), detail::value_of<T>(future.shared_state()));
    }
    // The loop returns from run_forever, or run_until_complete, at the end of this turn; before them: of the first
    // turn.
    void stop();
    bool is_running() const noexcept { return running_; }

    // Of the loop's clock: no time of day, see clock.hpp.
    TimePoint time() noexcept { return clock_->now(); }
    // The time of day.
    std::chrono::system_clock::time_point wall_time() noexcept { return clock_->wall_time(); }
    // `delay` from now; the end of time where that is farther than it can be told.
    TimePoint time_after(Duration delay) noexcept {
        TimePoint now = time();
        return delay > TimePoint::max() - now ? TimePoint::max() : now + delay;
    }

    // `function()` runs in the next turn, in the order of the calls. What it throws goes to the exception handler.
    // std::bad_alloc, of this and of those that follow: nothing will be called.
    template <class Function>
    Handle call_soon(Function function, std::source_location made_at = std::source_location::current()) {
        check_thread("EventLoop::call_soon");
        detail::CallNode& node = calls_.hold(std::move(function));
        if (tracer() != nullptr) [[unlikely]]
            trace::pushed_at(*tracer_, node, made_at);
        ready_.push(node);
        return Handle(node, timers_);
    }
    // Not before `due`, of the loop's clock; those that are due at the same time in the order of the calls.
    template <class Function>
    Handle call_at(TimePoint due, Function function, std::source_location made_at = std::source_location::current()) {
        check_thread("EventLoop::call_at");
        timers_.make_room();
        if (tracer() != nullptr) [[unlikely]]
            trace::asked_at(*tracer_, made_at);
        detail::CallNode& node = calls_.hold(std::move(function));
        node.fire = &EventLoop::fire_call;
        add_timer(node, due);
        return Handle(node, timers_);
    }
    template <class Function>
    Handle call_later(Duration delay, Function function,
                      std::source_location made_at = std::source_location::current()) {
        return call_at(time_after(delay), std::move(function), made_at);
    }
    // The one door for other threads: lock-free, one wake for many calls. `function` runs and ends on the loop's
    // thread. The caller sees to it that the loop does not end before this returns: LoopGroup::post does so.
    template <class Function>
    void call_soon_threadsafe(Function function) {
        check_may_post();
        post_threadsafe(*new detail::ThreadsafeCall<Function>(*this, std::move(function)));
    }

    // Starts in the next turn. The frame must own what it uses: references among its parameters must outlive the task.
    // Start::eagerly: its first step runs now, inside of this call, up to its first wait or its end. std::logic_error
    // for a Coro that was started or moved away.
    template <class T>
    Task<T> create_task(Coro<T> body, Start when = Start::soon,
                        std::source_location made_at = std::source_location::current()) {
        static_assert(!std::is_reference_v<T>, "a Task keeps its result: return a value or a pointer");
        check_thread("EventLoop::create_task");
        body.check_unstarted();
        return create_task_unchecked(std::move(body), when, made_at);
    }
    // Pending; who has a copy may set its result.
    template <class T = void>
    Future<T> create_future(std::source_location made_at = std::source_location::current()) {
        check_thread("EventLoop::create_future");
        return Future<T>(*new detail::FutureState<T>(*this, made_at));
    }

    // Runs `function()` on a thread of the pool; its result, or exception, comes back on the loop. Cancel-safe: when
    // the future is cancelled, a function that no thread has begun is never run; one that runs is not stopped, and its
    // result is dropped. LimitError when the pool's queue is full.
    template <class Function>
    auto run_in_executor(Function function) -> Future<std::invoke_result_t<Function&>> {
        check_thread("EventLoop::run_in_executor");
        using Result = std::invoke_result_t<Function&>;
        Future<Result> future = create_future<Result>();
        auto job = std::make_unique<detail::ExecutorJob<Result, Function>>(*this, future, std::move(function));
        executor_.submit(*this, *job);
        job.release();
        return future;
    }

    // `callback` runs each time that the descriptor is readable (writable), until it is removed. Replaces an earlier
    // one. For foreign libraries that own a descriptor; the loop does not read, and does not close. Await no io::
    // operation on the same one: the last removal makes the reactor forget it. Throws std::system_error for what cannot
    // be polled: EBADF.
    void add_reader(int fd, Callback callback);
    void add_writer(int fd, Callback callback);
    // False if there was none. Must come before the descriptor is closed.
    bool remove_reader(int fd);
    bool remove_writer(int fd);

    // `callback` runs on the loop for each delivery, or burst of deliveries, of the signal. The earlier disposition
    // comes back with remove_signal_handler or the loop's end. One loop per signal: std::logic_error. std::system_error
    // for one that cannot be caught. sigaction(2).
    void add_signal_handler(int signal_number, Callback callback);
    // False if there was none.
    bool remove_signal_handler(int signal_number);

    // What nobody caught: of callbacks, of tasks whose result nobody can ask for. nullptr: back to a line on stderr.
    void set_exception_handler(ExceptionHandler handler) { exception_handler_ = std::move(handler); }
    void call_exception_handler(std::exception_ptr error, std::string_view where) noexcept;

    // Asks every task to cancel, those too that are started meanwhile, and runs until they are done, or nothing could
    // end them any more; at most `turns_max` turns. True if none is left.
    bool cancel_all_tasks(int turns_max = 1000);
    std::size_t task_count() const noexcept;
    // All that are not done, the newest first, chained by next_task().
    TaskBase* first_task() const noexcept { return TaskBase::newest(*this); }
    bool debug() const noexcept { return debug_ != nullptr; }
    // How long ago the task began to wait, as far as a turn's beginning; debug mode only, else zero.
    Duration waited_for(const TaskBase& task) noexcept;

    const TimerQueue& timers() const noexcept { return timers_; }

    // For awaiters, streams and servers.
    // create_task on the loop's thread, of a Coro that was not started.
    template <class T>
    Task<T> create_task_unchecked(Coro<T>&& body, Start when = Start::soon,
                                  std::source_location made_at = std::source_location::current()) {
        if (when == Start::soon && TaskBase::starts_plainly(*this)) [[likely]] {
            if (auto* state = detail::TaskState<T>::make_plainly(*this, std::move(body), made_at)) [[likely]]
                return Task<T>(*state);
        }
        return create_task_otherwise(std::move(body), when, made_at);
    }
    // The same for one of many: `plainly` is TaskBase::starts_plainly, asked once. The caller is to release it.
    template <class T>
    FutureBase& create_child(Coro<T>&& body, bool plainly,
                             std::source_location made_at = std::source_location::current()) {
        if (plainly) [[likely]] {
            if (auto* state = detail::TaskState<T>::make_plainly(*this, std::move(body), made_at)) [[likely]] {
                state->retain();
                return *state;
            }
        }
        return create_task_otherwise(std::move(body), Start::soon, made_at).give_away();
    }
    Reactor& reactor() noexcept {
        asked_.poll = true;
        return *reactor_;
    }
    // nullptr: the loop's reactor is a kernel's.
    Simulation* simulation() const noexcept { return simulation_; }
    Entropy& entropy() noexcept { return entropy_; }
    std::string_view reactor_name() const noexcept { return reactor_->name(); }
    // Its time is not the machine's: see Options::clock.
    bool has_own_clock() const noexcept { return clock_ != &steady_clock_; }
    void add_timer(Timer& timer, TimePoint due) {
        timers_.add(timer, due);
        asked_.timers = true;
    }
    void remove_timer(Timer& timer) noexcept { timers_.remove(timer); }
    // `node` runs once, at the end of this turn, before the loop polls: for writes that are corked within a turn.
    void before_poll(ReadyNode& node) noexcept {
        if (tracer() != nullptr) [[unlikely]]
            trace::pushed_before_poll(*tracer_, node);
        before_poll_.push(node);
        asked_.flush = true;
    }
    bool cancel_before_poll(ReadyNode& node) noexcept;
    void post_threadsafe(ReadyNode& node) noexcept;
    // Until unbind, the loop's end calls bound.loop_closing().
    void bind(LoopBound& bound) noexcept;
    void unbind(LoopBound& bound) noexcept;
    // From a signal handler: look at the signals that came.
    void signal_arrived() noexcept;

    void push_ready(ReadyNode& node) noexcept override { Scheduler::push_ready(node); }

private:
    template <class T>
    [[gnu::noinline]] Task<T> create_task_otherwise(Coro<T>&& body, Start when, std::source_location made_at) {
        auto& state = detail::TaskState<T>::make(*this, made_at);
        Task<T> task(state);
        state.begin(std::move(body), when);
        return task;
    }

    friend class detail::LoopJob;
    friend class detail::DebugMode;
    friend class trace::Tracer;

    static void fire_call(Timer& timer) noexcept;

    void offload(Operation& operation) override { executor_.offload(*this, operation); }
    bool withdraw_offloaded(Operation& operation) noexcept override { return executor_.withdraw_offloaded(operation); }
    void abandon_offloaded(Operation& operation) noexcept override { executor_.abandon_offloaded(operation); }
    void run_job(Job& job) noexcept override;

    // Throws std::logic_error on another thread than the simulation's.
    void check_may_post() const {
        if (simulation_ != nullptr) [[unlikely]]
            check_simulated_thread();
    }
    void check_simulated_thread() const;
    // Throws std::logic_error while a loop runs; else this is the loop's thread from here on.
    void check_may_run();
    void run_until_done(FutureBase& future);
    void run_turns();
    struct Inside;
    void turn(bool may_block);
    bool short_turn();
    void before_run(bool may_block);
    void watched_turn(bool may_block);
    void run_watched(ReadyNode* node) noexcept;
    void run_one(ReadyNode& node) noexcept;
    void poll(std::optional<Duration> timeout);
    void poll_without_waiting();
    void fire_timers();
    void take_arrivals();
    void take_threadsafe() noexcept;
    void wait_for_something();
    bool something_arrived() const noexcept;
    bool nothing_pending() const noexcept;
    void find_deadlock();
    void flush() noexcept;
    void run_queue(ReadyQueue& queue) noexcept;
    void run_all(ReadyNode* node) noexcept;
    void discard_ready() noexcept;
    void discard_everything() noexcept;
    bool may_go_on() const noexcept;
    void choose_reactor(Options& options);
    void use_simulation(const Options& options);

    // What a turn has to look at besides what is ready. Most often nothing, which is one look at all of it.
    struct alignas(4) Asked {
        bool end = false;     // stop() was called, or what the loop runs for is done
        bool flush = false;   // something waits in before_poll_
        bool poll = false;    // the reactor was used since it was last found idle
        bool timers = false;  // one was added since there was none
        bool anything() const noexcept { return std::bit_cast<std::uint32_t>(*this) != 0; }
    };

    SteadyClock steady_clock_;
    Clock* clock_;
    TimerQueue timers_;
    detail::CallNodes calls_;
    ReadyQueue before_poll_;
    ReadyQueue flushing_;  // those of before_poll_ whose time has come
    LoopBound* bound_ = nullptr;
    detail::ThreadsafeQueue threadsafe_;
    std::atomic<bool> sleeping_ = false;
    std::atomic<bool> arrived_ = false;  // a post or a signal, since the last look
    std::atomic<bool> signals_arrived_ = false;
    bool running_ = false;
    bool in_turn_ = false;
    Asked asked_;
    bool deadlocked_ = false;
    std::uint32_t quiet_at_ = 0;  // how many tasks had been made when it was found without hope
    std::unique_ptr<detail::DebugMode> debug_;
    ExceptionHandler exception_handler_;
    std::unique_ptr<Reactor> reactor_;
    Simulation* simulation_ = nullptr;  // the reactor's, if it is one
    detail::Executor executor_;
    std::unique_ptr<FdWatchers> watchers_;
    std::unique_ptr<SignalHandlers> signals_;
    Entropy entropy_;
};

// Makes a loop, runs `main` to its end, cancels the tasks that are left, lets what was written leave (one more turn),
// and gives the result, or throws what `main` threw: asyncio.run. Throws as the loop's constructor and
// run_until_complete do.
template <class T>
T run(Coro<T> main, EventLoop::Options options = {}) {
    EventLoop loop(std::move(options));
    struct CancelRest {
        EventLoop& loop;
        ~CancelRest() {
            if (EventLoop::running() != nullptr) return;  // it was refused, and has begun nothing
            try {
                loop.cancel_all_tasks();
                loop.run_once(false);
            } catch (...) {
                loop.call_exception_handler(std::current_exception(), "run, as it cancelled what was left");
            }
        }
    } cancel_rest{loop};
    return loop.run_until_complete(std::move(main));
}

}  // namespace stepwise
