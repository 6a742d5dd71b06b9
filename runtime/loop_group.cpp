#include <stepwise/runtime/loop_group.hpp>

#include <optional>
#include <stdexcept>
#include <utility>

namespace stepwise {

LoopGroup::LoopGroup(std::size_t loops, EventLoop::Options options) : options_(std::move(options)) {
    if (loops == 0) throw std::invalid_argument("LoopGroup: the number of loops must be at least 1");
    for (std::size_t index = 0; index < loops; ++index) slots_.push_back(std::make_unique<Slot>());
}

LoopGroup::~LoopGroup() {
    stop();
    join_threads();
}

// All stand, or none runs.
void LoopGroup::start(Main main) {
    if (main_) throw std::logic_error("LoopGroup::start: it was started before");
    main_ = std::move(main);
    std::promise<bool> go;
    std::shared_future<bool> may_go = go.get_future().share();
    std::vector<std::future<void>> standing;
    std::exception_ptr failure;
    try {
        for (std::size_t index = 0; index < size(); ++index) {
            std::promise<void> stands;
            standing.push_back(stands.get_future());
            slots_[index]->thread = std::thread(&LoopGroup::run, this, index, std::move(stands), may_go);
        }
        for (std::future<void>& stands : standing) stands.get();
    } catch (...) {
        failure = std::current_exception();
    }
    go.set_value(failure == nullptr);
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

void LoopGroup::stop() {
    for (std::size_t index = 0; index < size(); ++index) {
        post(index, [slot = slots_[index].get()] {
            if (slot->main != nullptr) slot->main->cancel("LoopGroup::stop");
        });
    }
}

void LoopGroup::run(std::size_t index, std::promise<void> stands, std::shared_future<bool> go) noexcept {
    std::optional<EventLoop> loop;
    try {
        loop.emplace(options_);
    } catch (...) {
        return stands.set_exception(std::current_exception());
    }
    Slot& slot = *slots_[index];
    try {
        run_main(*loop, slot, index, stands, go);
    } catch (const CancelledError&) {
        // stop()
    } catch (...) {
        std::lock_guard lock(mutex_);
        if (!first_error_) first_error_ = std::current_exception();
    }
    std::lock_guard lock(slot.mutex);
    slot.loop = nullptr;
}

void LoopGroup::run_main(EventLoop& loop, Slot& slot, std::size_t index, std::promise<void>& stands,
                         const std::shared_future<bool>& go) {
    std::optional<Task<void>> task;
    try {
        task.emplace(loop.create_task(main_(*this, index)));
    } catch (...) {
        return stands.set_exception(std::current_exception());
    }
    Task<void>& main = *task;
    slot.main = &main;
    {
        std::lock_guard lock(slot.mutex);
        slot.loop = &loop;
    }
    stands.set_value();
    struct CancelRest {
        EventLoop& loop;
        Slot& slot;
        ~CancelRest() {
            slot.main = nullptr;
            loop.cancel_all_tasks();
        }
    } cancel_rest{loop, slot};
    if (go.get()) loop.run_until_complete<void>(main);
}

}  // namespace stepwise
