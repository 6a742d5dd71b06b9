// A simulated machine and its network: what `STEPWISE_REACTOR=sim` gives a loop instead of the kernel's.
//
// A loop has one, where server and clients live together; threads that are started in it, and their loops, are in it,
// too, and take turns. It ends with the last of them. Descriptors are real numbers, of sockets that are never bound or
// connected, so that whatever a program asks of them by itself does no harm. A test may change the rules while it runs:
// sim::world().network.partition("10.0.0.7").
#pragma once

#include <stepwise/runtime/calls.hpp>
#include <stepwise/runtime/reactor/reactor.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>
#include <stepwise/runtime/sim/disk.hpp>
#include <stepwise/runtime/sim/network.hpp>
#include <stepwise/runtime/sim/turns.hpp>
#include <stepwise/runtime/sim/visitor.hpp>

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace stepwise {
class EventLoop;
}

namespace stepwise::sim {

class World final : public SimulatedCalls, public SimulatedThreads, public std::enable_shared_from_this<World> {
public:
    explicit World(const Options& options);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // A name that can be looked up from now on. localhost and numbers need none.
    void add_host(const std::string& name, std::vector<std::string> ips) { hosts_[name] = std::move(ips); }
    // Rules for the connection behind a descriptor.
    void reset(int fd);
    void pull_cable(int fd);
    void stall(int fd, Duration time);
    void read_slowly(int fd, Duration time);
    void half_close(int fd);

    // nullptr: it is none of ours.
    std::shared_ptr<Socket> socket_at(int fd) const noexcept;
    std::shared_ptr<OpenFile> file_at(int fd) const noexcept;
    // A program may make its listening socket before its loop: where it listens is the simulation's from here on.
    void adopt_listener(int fd);
    // The descriptor of an accepted connection, or minus an errno.
    int give_descriptor(const std::shared_ptr<Socket>& socket, int flags);
    // For a loop of its own.
    std::uint64_t entropy_seed() noexcept { return entropy_.next(); }
    Duration job_time() noexcept { return times_.between(options_.job_time.low, options_.job_time.high); }
    // Pieces take no time on their way, unless the options say how long.
    void arrive_at_once() noexcept;

    TimePoint now() noexcept override { return timeline.now(); }
    void sleep_for(Duration duration) override;
    void wait(TimePoint due, const std::function<bool()>& is_ready, bool for_an_end) override {
        turns.wait(due, is_ready, for_an_end);
    }
    std::thread start(std::function<void()> body) override;
    // Turns::prepare, in this world.
    Turns::Newcomer prepare(std::function<void()> body);

    bool owns(int fd) const noexcept override;
    void closing(int fd) noexcept override;
    int duplicate(int fd) noexcept override;
    int socket(int family, int type, int protocol) noexcept override;
    int socketpair(int family, int type, int protocol, int ends[2]) noexcept override;
    int pipe2(int ends[2], int flags) noexcept override;
    int bind(int fd, const sockaddr* address, socklen_t size) noexcept override;
    int listen(int fd, int backlog) noexcept override;
    int connect(int fd, const sockaddr* address, socklen_t size) noexcept override;
    int accept4(int fd, int flags) noexcept override;
    int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept override;
    int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept override;
    int shutdown(int fd, int how) noexcept override;
    int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept override;
    int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept override;
    int queued_bytes(int fd, unsigned long request) noexcept override;
    ssize_t send(int fd, const void* bytes, std::size_t size) noexcept override;
    ssize_t recv(int fd, void* bytes, std::size_t size) noexcept override;
    int open(const char* path, int flags, mode_t mode) noexcept override;
    int fstat(int fd, struct stat* status) noexcept override;
    off_t lseek(int fd, off_t offset, int whence) noexcept override;
    int unlink(const char* path) noexcept override;
    std::vector<std::string> look_up(std::string_view host) override;

private:
    struct Descriptor {
        std::shared_ptr<Socket> socket;
        std::shared_ptr<OpenFile> file;
    };

    // Throws nothing: a descriptor that is none of ours is a mistake of the caller's.
    Socket& at(int fd) const noexcept { return *descriptors_[static_cast<std::size_t>(fd)].socket; }
    Socket& checked(int fd) const;
    Descriptor& place(int fd);
    // `body`, for a thread that is in this world while it lasts.
    std::function<void()> inside(std::function<void()> body);
    int pair_of(Socket::Kind kind, int flags, int ends[2]);

    const Options options_;
    SeededRandom random_;
    SeededRandom entropy_;
    SeededRandom times_;
    std::vector<Descriptor> descriptors_;
    std::map<std::string, std::vector<std::string>, std::less<>> hosts_;
    std::vector<std::shared_ptr<Visitor>> visitors_;

public:
    Timeline timeline;
    Turns turns;
    Faults faults;
    Network network;
    Disk disk;
};

// While it lasts, this thread's calls are the world's.
class Inside {
public:
    explicit Inside(World& world) noexcept : outer_(std::exchange(detail::simulated_calls, &world)) {}
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { detail::simulated_calls = outer_; }

private:
    SimulatedCalls* outer_;
};

// The world that a thread brings its loops into; nullptr: each has one of its own.
std::shared_ptr<World>& world_of_thread() noexcept;

// A loop's seat in a world, and the threads of its executor: as many as that may have. Each takes a job from the queue,
// and runs it after a time that the seed chooses.
class Seat final : public Simulation {
public:
    // std::logic_error for options that the thread's world does not have.
    Seat(ReactorHost& host, const Options& options);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    World& world() const noexcept { return *world_; }
    // No job is to begin.
    bool has_nothing_to_do() const noexcept { return outside_ == 0; }
    // Whether the loop's clock is the world's.
    bool has_own_clock() const noexcept { return own_clock_; }

    Clock& clock() noexcept override { return world_->timeline; }
    void use_foreign_clock() noexcept override;
    std::uint64_t entropy_seed() noexcept override { return world_->entropy_seed(); }
    void set_threads_max(std::size_t threads) noexcept override { threads_max_ = threads; }
    void run_later(Job& job) override;
    Job* take_jobs() noexcept override;
    bool on_own_thread() const noexcept override { return detail::simulated_calls == world_.get(); }
    bool alone() const noexcept override { return world_->turns.alone(); }

private:
    class Worker;

    bool hire(Job& job);
    void work(Worker& worker) noexcept;
    void join_those_that_ended() noexcept;

    ReactorHost& host_;
    std::shared_ptr<World> world_;
    Inside inside_;
    bool own_clock_ = true;
    std::size_t threads_max_ = SIZE_MAX;
    std::list<std::shared_ptr<Worker>> workers_;
    std::size_t outside_ = 0;  // of those: their first job has not begun
    std::deque<Job*> queued_;  // for whoever is done first
    bool takes_none_ = false;  // the jobs were taken back
};

// Of the loop that runs on this thread, or of another. std::logic_error if that is no simulation.
World& world();
World& world_of(EventLoop& loop);

}  // namespace stepwise::sim
