// The hooks for what comes from outside of the loop: other threads, the kernel, peers.
#include <stepwise/runtime/reactor/operation.hpp>
#include <stepwise/runtime/trace/trace.hpp>
#include <stepwise/runtime/trace/tracer.hpp>

namespace stepwise::trace {

void woken_by_signal(Tracer& tracer) noexcept {
    tracer.add(Kind::wake, {.detail = static_cast<std::uint8_t>(WakeSource::signal)});
}

void threadsafe_pushed(Tracer& tracer, const ReadyNode& node) noexcept {
    tracer.told_elsewhere(Kind::threadsafe_push, node);
}

void job_started(Tracer& tracer, const ReadyNode& job) noexcept {
    tracer.told_elsewhere(Kind::job_start, job);
}

void job_ended(Tracer& tracer, const ReadyNode& job) noexcept {
    tracer.told_elsewhere(Kind::job_end, job);
}

void job_submitted(Tracer& tracer, const ReadyNode& job) noexcept {
    Tracer::Entry* entry = tracer.follow(Of::job, &job);
    std::uint64_t seq = tracer.add(Kind::job_submit, {.id = entry == nullptr ? 0 : entry->id});
    if (entry != nullptr) entry->cause = seq;
}

void take_foreign(Tracer& tracer) noexcept {
    tracer.take_foreign();
}

void operation_began(Tracer& tracer, const Operation& operation) noexcept {
    Tracer::Entry* entry = tracer.follow(Of::operation, &operation);
    std::uint64_t seq = tracer.add(Kind::sqe, {.id = entry == nullptr ? 0 : entry->id,
                                               .other = static_cast<std::uint32_t>(operation.fd),
                                               .a = tracer.literal(name_of(operation.kind)),
                                               .b = static_cast<std::int64_t>(operation.size)});
    if (entry != nullptr) entry->cause = seq;
}

namespace {

void operation_ended(Tracer& tracer, const Operation& operation, int result) noexcept {
    std::uint64_t began = 0;
    std::uint32_t id = 0;
    if (Tracer::Entry* entry = tracer.find(Of::operation, &operation)) {
        id = entry->id;
        began = entry->cause;
        tracer.forget(*entry);
    }
    tracer.add_by(began, Kind::cqe, {.id = id, .other = static_cast<std::uint32_t>(operation.fd), .a = result});
}

}  // namespace

void operation_abandoned(Tracer& tracer, const Operation& operation) noexcept {
    operation_ended(tracer, operation, -ECANCELED);
}

void complete(Tracer& tracer, Operation& operation) noexcept {
    operation_ended(tracer, operation, operation.result);
    Caused by_this(tracer);
    operation.complete(operation);
}

void ready(Tracer& tracer, int fd, std::uint32_t mask) noexcept {
    tracer.add(Kind::ready, {.other = static_cast<std::uint32_t>(fd), .a = mask});
}

void watched(Tracer& tracer, int fd, std::uint32_t mask) noexcept {
    tracer.add(Kind::watch, {.other = static_cast<std::uint32_t>(fd), .a = mask});
}

void unwatched(Tracer& tracer, int fd) noexcept {
    tracer.add(Kind::unwatch, {.other = static_cast<std::uint32_t>(fd)});
}

namespace {

void add_net(Tracer& tracer, Kind kind, int fd, Way way, std::size_t a) noexcept {
    tracer.add(kind, {.detail = static_cast<std::uint8_t>(way),
                      .other = static_cast<std::uint32_t>(fd),
                      .a = static_cast<std::int64_t>(a)});
}

}  // namespace

void bytes(Tracer& tracer, int fd, Way way, std::size_t count) noexcept {
    add_net(tracer, Kind::bytes, fd, way, count);
}

void paused(Tracer& tracer, int fd, Way way, std::size_t queued) noexcept {
    add_net(tracer, Kind::pause, fd, way, queued);
}

void resumed(Tracer& tracer, int fd, Way way, std::size_t queued) noexcept {
    add_net(tracer, Kind::resume, fd, way, queued);
}

void ws_frame(Tracer& tracer, Way way, std::uint8_t opcode, std::string_view payload) noexcept {
    // A message that came in parts is told whole.
    tracer.add(Kind::ws_frame, {.detail = static_cast<std::uint8_t>(way),
                                .other = opcode,
                                .a = static_cast<std::int64_t>(payload.size()),
                                .b = 1});
    if (!tracer.records_payloads()) return;
    std::uint64_t frame = tracer.last();
    std::uint32_t text = tracer.string(payload);
    tracer.add_by(frame, Kind::payload, {.a = text});
}

void ws_close(Tracer& tracer, Way way, int code) noexcept {
    tracer.add(Kind::ws_close, {.detail = static_cast<std::uint8_t>(way), .a = code});
}

}  // namespace stepwise::trace
