#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/loop_group.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>
#include <stepwise/runtime/thread.hpp>

#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace stepwise {

struct LoopGroup::Slot {
    std::mutex mutex;           // the loop does not end while somebody posts
    EventLoop* loop = nullptr;  // while it takes posts
    Task<void>* main = nullptr;
    Thread thread;
};

// All stand, or none runs. Lives as long as start() or run(), or the threads that they could not let go.
struct LoopGroup::Start {
    Start(std::size_t loops, std::size_t first_thread, bool simulated)
        : stands(loops), first(first_thread), takes_turns(simulated) {}

    // By the thread that starts them, once.
    void decide() {
        if (std::exchange(decided, true)) return;
        try {
            if (failure == nullptr) {
                for (std::promise<void>& one : stands) {
                    std::future<void> stood = one.get_future();
                    if (takes_turns) this_thread::wait(stood);
                    stood.get();
                }
            }
        } catch (...) {
            failure = std::current_exception();
        }
        go.set_value(failure == nullptr);
    }

    void wait_until_decided() const {
        if (takes_turns) {
            this_thread::wait(may_go);
        } else {
            may_go.wait();
        }
    }

    std::vector<std::promise<void>> stands;
    std::size_t first;       // loops before it belong to the thread that starts the others
    const bool takes_turns;  // with that thread: a loop may be simulated where it is not
    std::promise<bool> go;
    std::shared_future<bool> may_go = go.get_future().share();
    std::exception_ptr failure;
    bool decided = false;
};

LoopGroup::LoopGroup(std::size_t loops, EventLoop::Options options) : options_(std::move(options)) {
    if (loops == 0) throw std::invalid_argument("LoopGroup: the number of loops must be at least 1");
    for (std::size_t index = 0; index < loops; ++index) slots_.push_back(std::make_unique<Slot>());
    // On the simulator sockets that are made for the loops from here on are simulated.
    if (loops > 1) simulated_threads();
}

LoopGroup::~LoopGroup() {
    stop();
    join_threads();
}

std::size_t LoopGroup::size() const noexcept {
    return slots_.size();
}

void LoopGroup::start(Main main) {
    std::shared_ptr<Start> start = start_threads(std::move(main), 0);
    start->decide();
    finish_start(*start);
}

void LoopGroup::run(Main main) {
    if (EventLoop::running() != nullptr) throw std::logic_error("LoopGroup::run: a loop runs on this thread already");
    std::shared_ptr<Start> start = start_threads(std::move(main), 1);
    if (start->failure == nullptr) run_loop(0, *start);
    start->decide();  // where loop 0 has not come so far
    finish_start(*start);
    join();
}

// Loops of the kernel's need threads that are not simulated. Where this one is, they are refused as they are made.
SimulatedThreads* LoopGroup::simulated_threads() const {
    const bool asks_for_the_kernel = !options_.reactor.empty() && options_.reactor != "sim";
    if (asks_for_the_kernel && detail::simulated_calls == nullptr) return nullptr;
    return detail::simulated_threads();
}

std::shared_ptr<LoopGroup::Start> LoopGroup::start_threads(Main main, std::size_t first) {
    if (main_) throw std::logic_error("LoopGroup: it was started before");
    main_ = std::move(main);
    SimulatedThreads* simulated = first < size() ? simulated_threads() : nullptr;
    auto start = std::make_shared<Start>(size(), first, simulated != nullptr);
    try {
        for (std::size_t index = first; index < size(); ++index) {
            const auto body = [this, index, start] { run_loop(index, *start); };
            slots_[index]->thread = Thread(body, simulated);
        }
    } catch (...) {
        start->failure = std::current_exception();
    }
    return start;
}

void LoopGroup::finish_start(Start& start) {
    if (start.failure == nullptr) return;
    join_threads();
    std::rethrow_exception(start.failure);
}

void LoopGroup::join() {
    join_threads();
    if (first_error_) std::rethrow_exception(std::exchange(first_error_, nullptr));
}

void LoopGroup::join_threads() noexcept {
    for (auto& slot : slots_) {
        if (slot->thread.joinable()) slot->thread.join();
    }
}

LoopGroup::Posting::Posting(LoopGroup& group, std::size_t index) : slot_(*group.slots_.at(index)) {
    slot_.mutex.lock();
}

LoopGroup::Posting::~Posting() {
    slot_.mutex.unlock();
}

EventLoop* LoopGroup::Posting::loop() const noexcept {
    return slot_.loop;
}

void LoopGroup::stop() {
    for (std::size_t index = 0; index < size(); ++index) {
        post(index, [slot = slots_[index].get()] {
            if (slot->main != nullptr) slot->main->cancel("LoopGroup::stop");
        });
    }
}

void LoopGroup::keep_error(std::exception_ptr error) noexcept {
    std::lock_guard lock(slots_[0]->mutex);
    if (!first_error_) first_error_ = std::move(error);
}

void LoopGroup::run_loop(std::size_t index, Start& start) noexcept {
    std::optional<EventLoop> loop;
    try {
        loop.emplace(options_);
        if (loop->simulation() != nullptr && size() > 1 && !start.takes_turns) {
            throw_not_simulated("LoopGroup",
                                "its loops would have a world each; STEPWISE_REACTOR=sim puts them in one");
        }
    } catch (...) {
        return start.stands[index].set_exception(std::current_exception());
    }
    try {
        run_main(*loop, index, start);
    } catch (const CancelledError&) {
        // stop()
    } catch (...) {
        keep_error(std::current_exception());
    }
    std::lock_guard lock(slots_[index]->mutex);
    slots_[index]->loop = nullptr;
}

void LoopGroup::run_main(EventLoop& loop, std::size_t index, Start& start) {
    Slot& slot = *slots_[index];
    std::optional<Task<void>> main;
    try {
        // Its place would be this one, which tells nobody anything.
        main.emplace(loop.create_task(main_(*this, index), stepwise::Start::soon, std::source_location()));
    } catch (...) {
        return start.stands[index].set_exception(std::current_exception());
    }
    slot.main = &*main;
    {
        std::lock_guard lock(slot.mutex);
        slot.loop = &loop;
    }
    start.stands[index].set_value();
    if (index < start.first) start.decide();
    struct CancelRest {
        EventLoop& loop;
        Slot& slot;
        ~CancelRest() {
            slot.main = nullptr;
            try {
                loop.cancel_all_tasks();
            } catch (...) {
                loop.call_exception_handler(std::current_exception(), "LoopGroup, as it cancelled what was left");
            }
        }
    } cancel_rest{loop, slot};
    start.wait_until_decided();
    if (start.may_go.get()) loop.run_until_complete<void>(*main);
}

}  // namespace stepwise
