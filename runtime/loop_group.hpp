// LoopGroup: several loops, each on a thread of its own, for a server that is to use several cores.
//
//     LoopGroup group(4);
//     group.start(serve);               // Coro<void> serve(LoopGroup& group, std::size_t index), on each loop
//     group.post(2, [] { reload(); });  // on loop 2, from any thread
//     group.join();                     // when all have returned; throws the first error
//
// What one loop owns stays on it (law 5): hand over values, sockets by their UniqueFd, immutable bytes by SharedBytes.
// Every loop is made, run and ended on its thread. The group itself is used from the thread that made it, but for
// post() and stop(), which any thread may call. A program that has nothing else to do there calls run().
// With STEPWISE_REACTOR=sim the loops are in the program's simulation; listeners that share a port get their
// connections by the seed.
#pragma once

#include <stepwise/runtime/event_loop.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace stepwise {

class SimulatedThreads;

class LoopGroup {
public:
    using Main = std::function<Coro<void>(LoopGroup&, std::size_t)>;

    // At least one: std::invalid_argument. `options` are every loop's; a clock in them must bear several threads.
    explicit LoopGroup(std::size_t loops, EventLoop::Options options = {});
    LoopGroup(const LoopGroup&) = delete;
    LoopGroup& operator=(const LoopGroup&) = delete;
    // Stops what still runs, and waits for it.
    ~LoopGroup();

    std::size_t size() const noexcept;

    // main(group, index) is called and awaited on every loop; returns when all loops stand and take posts. Once:
    // std::logic_error. Throws std::system_error when there is no thread or no reactor to be had; then nothing runs.
    void start(Main main);
    // Waits until every main has ended; tasks that are left are cancelled. Throws the first error that one ended with,
    // by time. Once.
    void join();
    // start and join in one, with loop 0 on the calling thread, where no loop runs yet: std::logic_error.
    void run(Main main);
    // Asks every main to stop, by cancelling it. Any thread.
    void stop();

    // function() runs and ends on that loop's thread, soon; it need not be copyable, so it may own a socket. False if
    // the loop has ended, or has not been started: then it is dropped here. One that the loop has no turn left for is
    // dropped there. Any thread.
    template <class Function>
    bool post(std::size_t index, Function function) {
        Posting posting(*this, index);
        if (posting.loop() == nullptr) return false;
        posting.loop()->call_soon_threadsafe(std::move(function));
        return true;
    }

private:
    struct Slot;
    struct Start;

    // Holds the loop, if it stands: it does not end meanwhile.
    class Posting {
    public:
        Posting(LoopGroup& group, std::size_t index);
        Posting(const Posting&) = delete;
        Posting& operator=(const Posting&) = delete;
        ~Posting();
        EventLoop* loop() const noexcept;

    private:
        Slot& slot_;
    };

    SimulatedThreads* simulated_threads() const;
    std::shared_ptr<Start> start_threads(Main main, std::size_t first);
    void run_loop(std::size_t index, Start& start) noexcept;
    void run_main(EventLoop& loop, std::size_t index, Start& start);
    void finish_start(Start& start);
    void join_threads() noexcept;
    void keep_error(std::exception_ptr error) noexcept;

    EventLoop::Options options_;
    Main main_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::exception_ptr first_error_;  // slots_[0]'s mutex guards it
};

}  // namespace stepwise
