// Who is in a world: loops, each on its seat, and threads.
#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/sim/world.hpp>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <tuple>
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
    // A loop that is never at rest looks, from here on, whether it is another's turn.
    if (EventLoop* loop = EventLoop::running()) loop->reactor();
    return turns.start(inside(std::move(body)), shared_from_this());
}

Turns::Newcomer World::prepare(std::function<void()> body) {
    return turns.prepare(inside(std::move(body)), shared_from_this());
}

std::function<void()> World::inside(std::function<void()> body) {
    return [self = shared_from_this(), body = std::move(body)] {
        world_of_thread() = self;
        Inside here(*self);
        body();
        world_of_thread() = nullptr;
    };
}

// ---- a loop's seat

namespace {

// All of them: who adds one is told of it here.
bool are_equal(const Options& one, const Options& other) {
    const auto fields = [](const Options& of) {
        const auto& [seed, latency, latency_shape, bytes_per_second, send_buffer_bytes, receive_buffer_bytes, job_time,
                     disk_time, disk_bytes_max, retransmission_max, stall_max, partition_max, chances, strikes,
                     faults_max, faults_left_out] = of;
        const Span way = latency.value_or(Span());
        std::vector<std::pair<Fault, std::uint64_t>> rules;
        for (const Strike& strike : strikes) rules.emplace_back(strike.fault, strike.occasion);
        return std::tuple(seed, latency.has_value(), way.low, way.high, latency_shape, bytes_per_second,
                          send_buffer_bytes, receive_buffer_bytes, job_time.low, job_time.high, disk_time.low,
                          disk_time.high, disk_bytes_max, retransmission_max, stall_max, partition_max, chances, rules,
                          faults_max, faults_left_out);
    };
    return fields(one) == fields(other);
}

std::shared_ptr<World> world_for(const Options& options) {
    const Options wanted = with_environment(options);
    std::shared_ptr<World> world = world_of_thread();
    if (world == nullptr) return std::make_shared<World>(wanted);
    if (are_equal(options, Options()) || are_equal(wanted, world->network.options)) return world;
    throw std::logic_error(
        "this loop's sim::Options cannot be used: its thread is in a simulation already, with others; leave them as "
        "they are, or give all of them to the first loop");
}

}  // namespace

Seat::Seat(ReactorHost& host, const Options& options) : host_(host), world_(world_for(options)), inside_(*world_) {}

Seat::~Seat() {
    take_jobs();
    // A thread that has only its loop in the world leaves with that.
    if (world_of_thread() == nullptr) world_->turns.leave();
}

void Seat::use_foreign_clock() noexcept {
    own_clock_ = false;
    world_->arrive_at_once();
}

// ---- the executor's threads

// It stands outside of the simulation until its first job's time has come: so a thread that cannot be had is missed
// when the job is given, and not when it is to begin.
class Seat::Worker final : public Happening {
public:
    Worker(Seat& seat, Job& first) noexcept : job(&first), seat_(seat) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        send_away();
        if (newcomer.thread.joinable()) newcomer.thread.join();
    }

    void happen(unsigned) override {
        if (!outside_) return;
        seat_.world_->turns.let_in(newcomer);
        come_in();
    }
    void stand_outside() noexcept {
        outside_ = true;
        ++seat_.outside_;
    }
    void send_away() noexcept {
        if (!outside_) return;
        come_in();
        ended = true;
        seat_.world_->turns.send_away(newcomer);
    }

    Turns::Newcomer newcomer;
    Job* job;  // nullptr: it has run
    bool ended = false;

private:
    void come_in() noexcept {
        outside_ = false;
        --seat_.outside_;
    }

    Seat& seat_;
    bool outside_ = false;
};

void Seat::run_later(Job& job) {
    if (takes_none_) throw std::logic_error("EventLoop::run_in_executor: the loop is ending");
    join_those_that_ended();
    const bool is_for_a_new_one = workers_.size() < threads_max_ && hire(job);
    if (!is_for_a_new_one) queued_.push_back(&job);
}

// False: the threads that there are must do.
bool Seat::hire(Job& job) {
    auto worker = std::make_shared<Worker>(*this, job);
    try {
        worker->newcomer = world_->prepare([this, self = worker.get()] { work(*self); });
    } catch (const std::system_error&) {
        if (workers_.empty()) throw;
        return false;
    }
    worker->stand_outside();
    workers_.push_back(worker);
    world_->timeline.add(world_->timeline.present() + world_->job_time(), std::move(worker), 0);
    return true;
}

void Seat::work(Worker& worker) noexcept {
    const auto is_over = [this] { return takes_none_; };
    for (;;) {
        host_.run_job(*std::exchange(worker.job, nullptr));
        if (queued_.empty()) break;
        worker.job = queued_.front();
        queued_.pop_front();
        world_->turns.wait(world_->timeline.present() + world_->job_time(), is_over);
        if (is_over()) break;
    }
    worker.ended = true;
}

void Seat::join_those_that_ended() noexcept {
    workers_.remove_if([](const std::shared_ptr<Worker>& worker) {
        if (worker->ended) worker->newcomer.thread.join();
        return worker->ended;
    });
}

Job* Seat::take_jobs() noexcept {
    takes_none_ = true;
    for (const std::shared_ptr<Worker>& worker : workers_) worker->send_away();
    const auto all_ended = [this] {
        return std::ranges::all_of(workers_, [](const auto& worker) { return worker->ended; });
    };
    if (!all_ended()) world_->turns.wait(TimePoint::max(), all_ended, true);
    Job* list = nullptr;
    const auto take = [&list](Job& job) { job.next_job = std::exchange(list, &job); };
    for (; !queued_.empty(); queued_.pop_back()) take(*queued_.back());
    for (const std::shared_ptr<Worker>& worker : workers_) {
        if (worker->job != nullptr) take(*std::exchange(worker->job, nullptr));
    }
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
    if (simulated_calls == nullptr && EventLoop::running() == nullptr) {
        // Asked often, of a thread that spins: getenv looks through all of them.
        static thread_local const bool wanted = simulation_is_wanted();
        if (wanted) {
            static thread_local Program program;
        }
    }
    return static_cast<sim::World*>(simulated_calls);
}

bool detail::is_simulated_thread() noexcept {
    return sim::world_of_thread() != nullptr;
}

}  // namespace stepwise
