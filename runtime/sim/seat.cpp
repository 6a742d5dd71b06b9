// Who is in a world: loops, each on its seat, and threads.
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sim/world.hpp>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace stepwise {

namespace sim {

std::shared_ptr<World>& world_of_thread() noexcept {
    static thread_local std::shared_ptr<World> world;
    return world;
}

World& world_of(EventLoop& loop) {
    Simulation* simulation = loop.simulation();
    if (simulation == nullptr) throw std::logic_error("sim::world: this loop is not simulated");
    return static_cast<Seat*>(simulation)->world();
}

World& world() {
    return world_of(EventLoop::current());
}

void World::sleep_for(Duration duration) {
    const TimePoint present = timeline.present();
    const TimePoint due = duration > TimePoint::max() - present ? TimePoint::max() : present + duration;
    turns.wait(due, [] { return false; });
}

std::thread World::start(std::function<void()> body) {
    std::shared_ptr<World> self = shared_from_this();
    // A loop that is never at rest looks, from here on, whether it is another's turn.
    if (EventLoop* loop = EventLoop::running()) loop->reactor();
    auto inside = [self, body = std::move(body)] {
        world_of_thread() = self;
        Inside here(*self);
        body();
        world_of_thread() = nullptr;
    };
    return turns.start(std::move(inside), std::move(self));
}

// ---- a loop's seat

Seat::Seat(ReactorHost& host, const Options& options)
    : host_(host),
      world_(world_of_thread() != nullptr ? world_of_thread() : std::make_shared<World>(with_environment(options))),
      inside_(*world_) {}

Seat::~Seat() {
    take_jobs();
    // A thread that has only its loop in the world leaves with that.
    if (world_of_thread() == nullptr) world_->turns.leave();
}

void Seat::use_foreign_clock() noexcept {
    own_clock_ = false;
    world_->arrive_at_once();
}

class Seat::RunsJob final : public Happening {
public:
    RunsJob(Seat& seat, Job& job) noexcept : seat_(seat), job_(&job) {}

    void happen(unsigned) override {
        // Unless the loop has taken it back.
        if (job_ != nullptr) seat_.begin(*job_);
    }
    bool is_for(const Job& job) const noexcept { return job_ == &job; }
    Job& let_go() noexcept { return *std::exchange(job_, nullptr); }

private:
    Seat& seat_;
    Job* job_;
};

void Seat::run_later(Job& job) {
    jobs_.push_back(std::make_shared<RunsJob>(*this, job));
    world_->timeline.add(world_->timeline.present() + world_->job_time(), jobs_.back(), 0);
}

void Seat::begin(Job& job) {
    join_those_that_ended();
    Worker& worker = workers_.emplace_back();
    worker.thread = world_->start([this, &job, &worker] {
        host_.run_job(job);
        worker.ended = true;
    });
    std::erase_if(jobs_, [&job](const std::shared_ptr<RunsJob>& runs) { return runs->is_for(job); });
}

void Seat::join_those_that_ended() noexcept {
    workers_.remove_if([](Worker& worker) {
        // The one that leaves may be who goes on in time, and begins the next.
        if (!worker.ended || worker.thread.get_id() == std::this_thread::get_id()) return false;
        worker.thread.join();
        return true;
    });
}

Job* Seat::take_jobs() noexcept {
    Job* list = nullptr;
    for (; !jobs_.empty(); jobs_.pop_back()) {
        Job& job = jobs_.back()->let_go();
        job.next_job = std::exchange(list, &job);
    }
    const auto all_ended = [this] { return std::ranges::all_of(workers_, &Worker::ended); };
    if (!all_ended()) world_->turns.wait(TimePoint::max(), all_ended, true);
    join_those_that_ended();
    return list;
}

}  // namespace sim

// ---- a thread's

namespace {

// A program that is simulated before, between and after its loops.
struct Program {
    Program() : world(std::make_shared<sim::World>(sim::with_environment(sim::Options()))), inside(*world) {
        sim::world_of_thread() = world;
    }
    ~Program() {
        sim::world_of_thread() = nullptr;
        world->turns.leave();
    }

    std::shared_ptr<sim::World> world;
    sim::Inside inside;
};

bool simulation_is_wanted() noexcept {
    const char* reactor = std::getenv("STEPWISE_REACTOR");
    return reactor != nullptr && std::string_view(reactor) == "sim";
}

}  // namespace

SimulatedThreads* detail::simulated_threads() {
    if (simulated_calls == nullptr && EventLoop::running() == nullptr && simulation_is_wanted()) {
        static thread_local Program program;
    }
    return static_cast<sim::World*>(simulated_calls);
}

}  // namespace stepwise
