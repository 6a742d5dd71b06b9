#include <stepwise/runtime/event_loop.hpp>
#include <stepwise/runtime/executor.hpp>
#include <stepwise/runtime/reactor/simulation.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <latch>

namespace stepwise::detail {

LoopJob::LoopJob(EventLoop& loop, Job::Run on_run, ReadyNode::Run on_return) noexcept
    : Job(on_run), ReadyNode(on_return), loop_(loop) {
    ++loop_.executor_.jobs_;
    if (loop_.tracer() != nullptr) trace::job_submitted(*loop_.tracer(), *this);
}

LoopJob::~LoopJob() {
    --loop_.executor_.jobs_;
}

bool LoopJob::begin() noexcept {
    if (!leave_queue_for(State::begun)) return false;
    if (loop_.tracer() != nullptr) trace::job_started(*loop_.tracer(), *this);
    return true;
}

void LoopJob::post_back() noexcept {
    if (loop_.tracer() != nullptr) trace::job_ended(*loop_.tracer(), *this);
    loop_.post_threadsafe(*this);
}

// One read or write of a file. The operation points back to it, so that an awaiter that ends early can wait for it.
class Executor::FileJob final : public LoopJob {
public:
    FileJob(EventLoop& loop, Operation& operation) noexcept
        : LoopJob(loop, &FileJob::run_here, &FileJob::returned), operation_(&operation), request_(operation) {}

    bool take_back() noexcept {
        if (!withdraw()) return false;
        operation_ = nullptr;
        return true;
    }
    void abandon() noexcept {
        if (take_back()) return;
        ran_.wait();
        operation_ = nullptr;
    }

private:
    // What the thread needs, copied: the operation itself belongs to the loop's thread.
    struct Request {
        explicit Request(const Operation& operation) noexcept
            : kind(operation.kind),
              fd(operation.fd),
              buffer(operation.buffer),
              size(operation.size),
              offset(operation.offset) {}
        OperationKind kind;
        int fd;
        void* buffer;
        std::size_t size;
        std::int64_t offset;
    };

    static ssize_t perform(const Request& request) noexcept {
        bool at_offset = request.offset != Operation::current_offset;
        if (request.kind == OperationKind::read) {
            return at_offset ? ::pread(request.fd, request.buffer, request.size, request.offset)
                             : ::read(request.fd, request.buffer, request.size);
        }
        return at_offset ? ::pwrite(request.fd, request.buffer, request.size, request.offset)
                         : ::write(request.fd, request.buffer, request.size);
    }
    static void run_here(Job& job) noexcept {
        auto& self = static_cast<FileJob&>(job);
        if (!self.begin()) return self.post_back();
        ssize_t count;
        do {
            count = perform(self.request_);
        } while (count < 0 && errno == EINTR);
        self.result_ = count < 0 ? -errno : static_cast<int>(count);
        self.ran_.count_down();
        self.post_back();
    }
    static void returned(ReadyNode& node) {
        std::unique_ptr<FileJob> self(&static_cast<FileJob&>(node));
        if (self->operation_ == nullptr) return;
        // Also while the loop ends: the operation must not point here any more.
        self->operation_->result = self->result_;
        self->loop_.reactor().finish_offloaded(*self->operation_);
    }

    Operation* operation_;
    Request request_;
    int result_ = 0;
    std::latch ran_{1};
};

void Executor::submit(EventLoop& loop, LoopJob& job) {
    if (loop.simulation() == nullptr) return pool_.submit(job);
    // The job counts itself already.
    if (jobs_ > options_.threads_max + options_.queued_jobs_max) {
        throw LimitError(fmt::format("the thread pool's queue is full: {} jobs wait for {} threads (queued_jobs_max)",
                                     options_.queued_jobs_max, options_.threads_max));
    }
    loop.reactor().simulation()->run_later(job);  // it has something to do now
}

void Executor::offload(EventLoop& loop, Operation& operation) {
    auto job = std::make_unique<FileJob>(loop, operation);
    pool_.submit(*job);
    operation.offloaded_job = job.release();
}

bool Executor::withdraw_offloaded(Operation& operation) noexcept {
    return static_cast<FileJob*>(operation.offloaded_job)->take_back();
}

void Executor::abandon_offloaded(Operation& operation) noexcept {
    static_cast<FileJob*>(operation.offloaded_job)->abandon();
}

void Executor::stop(Simulation* simulation) noexcept {
    Job* job = pool_.stop();
    if (simulation != nullptr) job = simulation->take_jobs();
    while (job != nullptr) {
        Job* next = job->next_job;
        delete static_cast<LoopJob*>(job);
        job = next;
    }
}

}  // namespace stepwise::detail
