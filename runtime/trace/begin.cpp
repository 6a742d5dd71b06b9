#include <stepwise/runtime/trace/trace.hpp>
#include <stepwise/runtime/trace/tracer.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

namespace stepwise::trace {

// The tracers of one thread, the newest first, and those of the process for the child of a fork.
class Tracers {
public:
    static void add(Tracer& tracer) noexcept {
        tracer.next_ = std::exchange(newest, &tracer);
        ++tracers;
        static std::once_flag once;
        std::call_once(once, [] { ::pthread_atfork(nullptr, nullptr, &Tracers::forget_all); });
    }
    static void remove(Tracer& tracer) noexcept {
        Tracer** at = &newest;
        while (*at != nullptr && *at != &tracer) at = &(*at)->next_;
        if (*at != nullptr) *at = tracer.next_;
        --tracers;
    }
    static Tracer* of(const Scheduler* scheduler) noexcept {
        Tracer* tracer = newest;
        while (tracer != nullptr && static_cast<const Scheduler*>(&tracer->loop_) != scheduler) tracer = tracer->next_;
        return tracer;
    }
    static Tracer* of_this_thread() noexcept { return newest; }

private:
    // Only the thread that forked goes on in the child: its loops are all there is.
    static void forget_all() noexcept {
        for (Tracer* tracer = newest; tracer != nullptr; tracer = tracer->next_) tracer->abandon();
    }

    static constinit thread_local Tracer* newest;
};

constinit thread_local Tracer* Tracers::newest = nullptr;

namespace {

// Counts the loops that were to be traced to one place.
std::uint32_t next_number(const char* wanted) {
    static std::mutex mutex;
    static std::string last;
    static std::uint32_t count = 0;
    std::lock_guard lock(mutex);
    if (last != wanted) {
        last = wanted;
        count = 0;
    }
    return ++count;
}

bool is_set(const char* name) noexcept {
    const char* value = std::getenv(name);
    return value != nullptr && std::strcmp(value, "1") == 0;
}

template <std::size_t size>
void copy_text(char (&to)[size], std::string_view text) noexcept {
    std::memcpy(to, text.data(), std::min(size - 1, text.size()));
}

Header header_of(EventLoop& loop, std::uint32_t number) noexcept {
    Header header{};
    std::memcpy(header.magic, magic_bytes, sizeof magic_bytes);
    header.version = schema_version;
    header.header_bytes = sizeof(Header);
    header.record_bytes = sizeof(Record);
    header.loop = number;
    if (loop.has_own_clock()) {
        header.flags = own_clock;
    } else {
        auto wall = std::chrono::system_clock::now().time_since_epoch();
        header.wall_offset = std::chrono::nanoseconds(wall).count() - loop.time().time_since_epoch().count();
        header.process = static_cast<std::uint32_t>(::getpid());
    }
    const char* seed = std::getenv("STEPWISE_SEED");
    header.seed = seed == nullptr ? 0 : std::strtoull(seed, nullptr, 0);
    copy_text(header.reactor, loop.reactor_name());
#ifdef __clang__
    copy_text(header.build, "clang++ " __clang_version__);
#else
    copy_text(header.build, "g++ " __VERSION__);
#endif
    copy_text(header.program, program_invocation_short_name);
    return header;
}

}  // namespace

Tracer* begin(EventLoop& loop) noexcept {
    const char* wanted = std::getenv("STEPWISE_TRACE");
    if (wanted == nullptr || *wanted == '\0') return nullptr;
    try {
        std::uint32_t number = next_number(wanted);
        std::string to = wanted;
        bool to_file = to.starts_with("file:");
        if (!to_file && !to.starts_with("unix:")) {
            std::fprintf(stderr, "stepwise: no trace: STEPWISE_TRACE is '%s': set it to file:PATH or unix:PATH\n",
                         wanted);
            return nullptr;
        }
        // Each loop has a stream of its own: PATH, PATH.2, PATH.3; or a connection each.
        std::string path = to.substr(std::strlen("file:"));
        if (to_file && number > 1) path += "." + std::to_string(number);
        Header header = header_of(loop, number);
        std::unique_ptr<Sink> sink = to_file ? open_file(path.c_str(), header) : open_socket(path.c_str(), header);
        if (sink == nullptr) return nullptr;
        auto* tracer =
            new Tracer(loop, std::move(sink), header.wall_offset,
                       {.held = is_set("STEPWISE_TRACE_HELD"), .payloads = is_set("STEPWISE_TRACE_PAYLOAD")});
        Tracers::add(*tracer);
        return tracer;
    } catch (const std::bad_alloc&) {
        std::fputs("stepwise: no trace: out of memory\n", stderr);
        return nullptr;
    }
}

void end(Tracer* tracer) noexcept {
    if (tracer == nullptr) return;
    tracer->add_by(0, Kind::loop_end, {});
    Tracers::remove(*tracer);
    delete tracer;
}

void future_retrieved(const FutureBase& future) noexcept {
    Tracer* tracer = Tracers::of(&future.scheduler());
    if (tracer != nullptr) tracer->add(Kind::future_retrieved, {.id = tracer->id_of(Of::future, &future)});
}

void linted(const char* rule, const std::string& cause) noexcept {
    Tracer* tracer = Tracers::of_this_thread();
    if (tracer == nullptr) return;
    std::uint32_t name = tracer->literal(rule);
    tracer->add(Kind::lint_raise, {.a = name, .b = tracer->string(cause)});
}

void future_dropped(const Scheduler* scheduler, const FutureBase& future) noexcept {
    Tracer* tracer = Tracers::of(scheduler);
    Tracer::Entry* entry = tracer == nullptr ? nullptr : tracer->find(Of::future, &future);
    if (entry == nullptr) return;
    tracer->add(Kind::future_drop, {.id = entry->id});
    const auto* node = reinterpret_cast<const void*>(entry->info);
    tracer->forget(*entry);
    if (node != nullptr) tracer->forget(Of::node, node);
}

}  // namespace stepwise::trace
