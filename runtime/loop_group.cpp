#include <stepwise/runtime/loop_group.hpp>

#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace stepwise {

struct LoopGroup::Slot {
    std::mutex mutex;           // the loop does not end while somebody posts
    EventLoop* loop = nullptr;  // while it takes posts
    Task<void>* main = nullptr;
    std::thread thread;
};

// Lives as long as start() runs, or the threads that it could not let go.
struct LoopGroup::Start {
    explicit Start(std::size_t loops) : stands(loops) {}
    std::vector<std::promise<void>> stands;
    std::promise<bool> go;
    std::shared_future<bool> may_go = go.get_future().share();
};

LoopGroup::LoopGroup(std::size_t loops, EventLoop::Options options) : options_(std::move(options)) {
    if (loops == 0) throw std::invalid_argument("LoopGroup: the number of loops must be at least 1");
    for (std::size_t index = 0; index < loops; ++index) slots_.push_back(std::make_unique<Slot>());
}

LoopGroup::~LoopGroup() {
    stop();
    join_threads();
}

std::size_t LoopGroup::size() const noexcept {
    return slots_.size();
}

// All stand, or none runs.
void LoopGroup::start(Main main) {
    if (main_) throw std::logic_error("LoopGroup::start: it was started before");
    main_ = std::move(main);
    auto start = std::make_shared<Start>(size());
    std::exception_ptr failure;
    try {
        for (std::size_t index = 0; index < size(); ++index) {
            slots_[index]->thread = std::thread([this, index, start] { run(index, *start); });
        }
        for (std::promise<void>& stands : start->stands) stands.get_future().get();
    } catch (...) {
        failure = std::current_exception();
    }
    start->go.set_value(failure == nullptr);
    if (failure == nullptr) return;
    join_threads();
    std::rethrow_exception(failure);
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

bool LoopGroup::post(std::size_t index, std::function<void()> function) {
    Slot& slot = *slots_.at(index);
    std::lock_guard lock(slot.mutex);
    if (slot.loop == nullptr) return false;
    slot.loop->call_soon_threadsafe(std::move(function));
    return true;
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

void LoopGroup::run(std::size_t index, Start& start) noexcept {
    std::optional<EventLoop> loop;
    try {
        loop.emplace(options_);
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
        main.emplace(loop.create_task(main_(*this, index)));
    } catch (...) {
        return start.stands[index].set_exception(std::current_exception());
    }
    slot.main = &*main;
    {
        std::lock_guard lock(slot.mutex);
        slot.loop = &loop;
    }
    start.stands[index].set_value();
    struct CancelRest {
        EventLoop& loop;
        Slot& slot;
        ~CancelRest() {
            slot.main = nullptr;
            loop.cancel_all_tasks();
        }
    } cancel_rest{loop, slot};
    if (start.may_go.get()) loop.run_until_complete<void>(*main);
}

}  // namespace stepwise
