// The floor of calls, timers and what other threads hand over.
#include <stepwise/tests/bench/runtime/delays.hpp>
#include <stepwise/tests/bench/runtime/floor.hpp>
#include <stepwise/tests/bench/runtime/floor_rows.hpp>
#include <stepwise/tests/bench/runtime/latency.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace bench::floor {

namespace {

struct Repost {
    std::size_t& left;
    void operator()() const {
        if (--left > 0) call_soon(*this);
    }
};

void reposting(std::size_t count) {
    std::size_t left = count;
    call_soon(Repost{left});
    run_until_idle();
}

void batches(std::size_t count) {
    std::size_t called = 0;
    for (std::size_t done = 0; done < count; done += 1000) {
        for (int index = 0; index < 1000; ++index) call_soon([&called] { ++called; });
        run_turn();
    }
    use(called);
}

template <void (*operations)(std::size_t)>
void calls(std::size_t count, Meter& meter) {
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
}

struct Timer : Node {
    std::size_t place = 0;
};

// The earliest on top; a timer knows its place, so it is taken out without a search.
class Heap {
public:
    bool empty() const noexcept { return entries_.empty(); }
    std::uint64_t first_due() const noexcept { return entries_.front().due; }
    Timer& first() const noexcept { return *entries_.front().timer; }

    void add(Timer& timer, std::uint64_t due) {
        entries_.push_back({due, &timer});
        rise(entries_.size() - 1, {due, &timer});
    }
    void remove(Timer& timer) noexcept {
        Entry last = entries_.back();
        entries_.pop_back();
        std::size_t hole = timer.place;
        if (hole == entries_.size()) return;
        if (hole > 0 && last.due < entries_[(hole - 1) / 4].due) {
            rise(hole, last);
        } else {
            sink(hole, last);
        }
    }

private:
    struct Entry {
        std::uint64_t due = 0;
        Timer* timer = nullptr;
    };
    void put(std::size_t place, Entry entry) noexcept {
        entries_[place] = entry;
        entry.timer->place = place;
    }
    void rise(std::size_t place, Entry entry) noexcept {
        while (place > 0 && entry.due < entries_[(place - 1) / 4].due) {
            put(place, entries_[(place - 1) / 4]);
            place = (place - 1) / 4;
        }
        put(place, entry);
    }
    void sink(std::size_t place, Entry entry) noexcept {
        for (std::size_t child = place * 4 + 1; child < entries_.size(); child = place * 4 + 1) {
            std::size_t end = child + 4 < entries_.size() ? child + 4 : entries_.size();
            std::size_t least = child;
            for (std::size_t other = child + 1; other < end; ++other) {
                if (entries_[other].due < entries_[least].due) least = other;
            }
            if (entry.due <= entries_[least].due) break;
            put(place, entries_[least]);
            place = least;
        }
        put(place, entry);
    }

    std::vector<Entry> entries_;
};

struct Timers {
    explicit Timers(std::size_t count) : nodes(count) {}

    std::uint64_t next_due() noexcept { return static_cast<std::uint64_t>(delays.next().count()); }

    Heap heap;
    std::vector<Timer> nodes;
    Delays delays;
};

template <std::size_t pending>
void schedule_and_cancel(std::size_t count, Meter& meter) {
    Timers timers(pending + 1);
    for (std::size_t index = 0; index < pending; ++index) timers.heap.add(timers.nodes[index], timers.next_due());
    auto operations = [&](std::size_t wanted) {
        Timer& timer = timers.nodes.back();
        for (std::size_t done = 0; done < wanted; ++done) {
            timers.heap.add(timer, timers.next_due());
            timers.heap.remove(timer);
        }
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
}

// As call_later(...).cancel(): the call stands in a node from the free list.
void call_later_and_cancel(std::size_t count, Meter& meter) {
    Timers timers(0);
    struct Call : Timer, Pooled {};
    auto operations = [&](std::size_t wanted) {
        for (std::size_t done = 0; done < wanted; ++done) {
            auto* call = new Call;
            call->run = [](Node&) {};
            timers.heap.add(*call, timers.next_due());
            timers.heap.remove(*call);
            delete call;
        }
    };
    operations(warm_up_count);
    meter.start();
    operations(count);
    meter.stop();
}

void insert_and_fire(std::size_t count, Meter& meter) {
    struct Call : Timer, Pooled {};
    Timers timers(0);
    timers.delays = Delays(count);
    std::size_t called = 0;
    auto operations = [&](std::size_t wanted) {
        for (std::size_t done = 0; done < wanted; ++done) {
            auto* call = new Call;
            call->run = [](Node& node) { delete static_cast<Call*>(&node); };
            timers.heap.add(*call, timers.next_due());
        }
        while (!timers.heap.empty()) {
            Timer& timer = timers.heap.first();
            timers.heap.remove(timer);
            make_ready(timer);
            ++called;
        }
        run_turn();
    };
    operations(count);
    meter.start();
    operations(count);
    meter.stop();
    use(called);
}

// What other threads hand over: a stack, and an eventfd that is written when the loop sleeps.
class Door {
public:
    Door() : wake_(eventfd(0, EFD_CLOEXEC)) {}
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    ~Door() { close(wake_); }

    void post(Node& node) noexcept {
        node.next = top_.load(std::memory_order_relaxed);
        while (!top_.compare_exchange_weak(node.next, &node)) {
        }
        if (sleeping_.load() && sleeping_.exchange(false)) {
            std::uint64_t one = 1;
            use(write(wake_, &one, sizeof one));
        }
    }
    // Runs what came, the oldest first; waits for it.
    void run_what_came() {
        sleeping_.store(true);
        if (top_.load() == nullptr) {
            std::uint64_t count = 0;
            use(read(wake_, &count, sizeof count));
        }
        sleeping_.store(false);
        Node* oldest = nullptr;
        for (Node* newest = top_.exchange(nullptr); newest != nullptr;) {
            Node* below = std::exchange(newest->next, oldest);
            oldest = std::exchange(newest, below);
        }
        while (oldest != nullptr) {
            Node& now = *std::exchange(oldest, oldest->next);
            now.run(now);
        }
    }

private:
    std::atomic<Node*> top_ = nullptr;
    std::atomic<bool> sleeping_ = false;
    int wake_;
};

void posts(std::size_t count, Meter& meter) {
    struct Call : Node {
        std::size_t* called = nullptr;
    };
    Door door;
    std::size_t called = 0;
    std::vector<Call> calls(count);
    for (Call& call : calls) {
        call.called = &called;
        call.run = [](Node& node) { ++*static_cast<Call&>(node).called; };
    }
    std::thread poster([&] {
        meter.start();
        for (Call& call : calls) door.post(call);
        meter.stop();
    });
    while (called < count) door.run_what_came();
    poster.join();
}

void latency(std::size_t count, Meter& meter) {
    struct Call : Node {
        Latency* measured = nullptr;
        Latency::Clock::time_point posted;
    };
    Door door;
    Latency measured(count);
    std::thread poster([&] {
        Call call;
        call.measured = &measured;
        call.run = [](Node& node) {
            auto& self = static_cast<Call&>(node);
            self.measured->arrived(self.posted);
        };
        measured.post_each([&](Latency::Clock::time_point posted) {
            call.posted = posted;
            door.post(call);
        });
    });
    while (!measured.complete()) door.run_what_came();
    poster.join();
    meter.set_ns(measured.median_ns());
}

constexpr std::array rows{
    Row{"call_soon_reposting", 8'000'000, calls<reposting>},
    Row{"call_soon_batches_1000", 8'000'000, calls<batches>},
    Row{"timer_cancel", 8'000'000, schedule_and_cancel<0>},
    Row{"timer_cancel_100000_pending", 4'000'000, schedule_and_cancel<100'000>},
    Row{"call_later_cancel", 4'000'000, call_later_and_cancel},
    Row{"timer_insert_fire", 1'000'000, insert_and_fire},
    Row{"call_soon_threadsafe", 1'000'000, posts},
    Row{"thread_latency_p50", 5'000, latency},
};

}  // namespace

std::span<const Row> loop_rows() {
    return rows;
}

}  // namespace bench::floor
