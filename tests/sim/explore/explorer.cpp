// The explorer: seeds over processes, and a failing one brought down to what it needs.
#include <stepwise/tests/sim/explore/explorer.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace explore {

namespace {

using Wall = std::chrono::steady_clock;

// Of the processor's time: a busy machine makes nobody hang. Who waits for ever uses none, and has half as long again.
constexpr unsigned seconds_per_trial_max = 5;
// Of one that hung: how long it is looked at, with fewer faults, until it counts as hanging still.
constexpr unsigned seconds_of_hanging = 1;

struct Request {
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 1000;
    std::optional<std::chrono::seconds> time;
    std::optional<std::uint64_t> only;
    std::string settings;  // as in STEPWISE_SIM, over the seed's weather
};

// What a child says of one trial, by its pipe: nothing, when it held.
struct Verdict {
    bool held = true;
    std::string text;
    std::size_t faults = 0;
};

[[noreturn]] void stop(const std::string& why) {
    fmt::print(stderr, "explore: {}\n", why);
    std::exit(2);
}

std::uint64_t number_of(std::string_view text) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) stop(fmt::format("'{}' is not a number", text));
    return value;
}

std::chrono::seconds time_of(std::string_view text) {
    int unit = text.ends_with('h') ? 3600 : text.ends_with('m') ? 60 : text.ends_with('s') ? 1 : 0;
    if (unit == 0) stop(fmt::format("--for takes 30s, 10m or 2h, not '{}'", text));
    return std::chrono::seconds(number_of(text.substr(0, text.size() - 1)) * static_cast<std::uint64_t>(unit));
}

// SIGVTALRM or SIGALRM for who needs longer; 0 takes it back.
void give(unsigned seconds) {
    const itimerval of_processor{{}, {static_cast<time_t>(seconds), 0}};
    ::setitimer(ITIMER_VIRTUAL, &of_processor, nullptr);
    ::alarm(seconds + seconds / 2);
}

bool is_over(int status) {
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGVTALRM || WTERMSIG(status) == SIGALRM);
}

// The worker's seeds follow each other in steps of how many workers there are. What it is at stands in shared memory,
// so that a crash or a hang has a seed.
struct Shared {
    std::atomic<std::uint64_t> done;
    std::atomic<std::uint64_t> failed_seed;  // 0: none yet
    std::atomic<bool> stopping;
    std::atomic<std::uint64_t> at[64];
};

[[noreturn]] void work(const Property& property, const Request& request, Shared& shared, std::size_t worker,
                       std::size_t workers, Wall::time_point until) {
    // What a program says of each fault is of interest for one seed only.
    static_cast<void>(!std::freopen("/dev/null", "w", stderr));
    for (std::uint64_t index = worker; request.time ? Wall::now() < until : index < request.seeds; index += workers) {
        if (shared.stopping) break;
        std::uint64_t seed = request.first_seed + index;
        shared.at[worker] = seed;
        give(seconds_per_trial_max);
        bool failed = !failure_of(property, weather_of(seed)).empty();
        give(0);
        if (failed) {
            shared.failed_seed = seed;
            shared.stopping = true;
            ::_exit(1);
        }
        ++shared.done;
    }
    ::_exit(0);
}

// In a process of its own, whatever happens to it.
Verdict try_one(const Property& property, std::uint64_t seed, const std::string& settings,
                unsigned seconds_max = seconds_per_trial_max) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) stop("pipe2 failed");
    pid_t child = ::fork();
    if (child == 0) {
        give(seconds_max);
        sim::Options options = weather_of(seed);
        sim::apply(options, settings);
        std::string text = failure_of(property, options);
        static_cast<void>(!::write(ends[1], text.data(), text.size()));
        ::_exit(text.empty() ? 0 : 1);
    }
    ::close(ends[1]);
    Verdict verdict;
    char block[4096];
    for (ssize_t count; (count = ::read(ends[0], block, sizeof block)) > 0;) {
        verdict.text.append(block, static_cast<std::size_t>(count));
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    verdict.held = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (WIFSIGNALED(status)) {
        verdict.text = is_over(status) ? fmt::format("it does not end: {} s are over\n", seconds_per_trial_max)
                                       : fmt::format("it crashed: {}\n", ::strsignal(WTERMSIG(status)));
    }
    return verdict;
}

// Fewer kinds of faults, then fewer faults: as long as it still fails.
std::string minimised(const Property& property, std::uint64_t seed, const std::string& given, unsigned seconds_max) {
    std::string settings = given;
    auto fails_with = [&](const std::string& more) {
        std::string all = settings.empty() ? more : settings + "," + more;
        if (try_one(property, seed, all, seconds_max).held) return false;
        settings = all;
        return true;
    };
    sim::Options weather = weather_of(seed);
    for (std::size_t kind = 0; kind < sim::fault_kinds; ++kind) {
        if (weather.chances[kind] == 0) continue;
        fails_with(fmt::format("{}=0", sim::name_of(static_cast<sim::Fault>(kind))));
    }
    // The fewest of the first so many.
    std::uint64_t few = 0;
    if (fails_with("faults_max=0")) return settings;
    std::uint64_t many = 1;
    while (many < 4096 && try_one(property, seed, settings + fmt::format(",faults_max={}", many), seconds_max).held) {
        few = many;
        many *= 2;
    }
    if (many == 4096) return settings;
    while (many - few > 1) {
        std::uint64_t middle = (few + many) / 2;
        bool held = try_one(property, seed, settings + fmt::format(",faults_max={}", middle), seconds_max).held;
        (held ? few : many) = middle;
    }
    if (!fails_with(fmt::format("faults_max={}", many))) return settings;
    for (std::uint64_t number = 0; number + 1 < std::min<std::uint64_t>(many, 64); ++number) {
        fails_with(fmt::format("without_fault={}", number));
    }
    return settings;
}

void report(const Property& property, std::uint64_t seed, const std::string& given, bool hung) {
    fmt::print("{}: seed {} fails\n", property.name, seed);
    std::fflush(stdout);
    std::string settings = minimised(property, seed, given, hung ? seconds_of_hanging : seconds_per_trial_max);
    Verdict verdict = try_one(property, seed, settings);
    // On a busy machine a second may be too short for what does not hang.
    if (verdict.held) verdict = try_one(property, seed, settings = given);
    fmt::print("{}", verdict.text);
    fmt::print("replay: ./stepwise explore {} --seed {}{}{}\n", property.name, seed, settings.empty() ? "" : " --with ",
               settings);
}

int replay(const Property& property, const Request& request) {
    Verdict verdict = try_one(property, *request.only, request.settings);
    fmt::print("{}: seed {} {}\n{}", property.name, *request.only, verdict.held ? "holds" : "fails", verdict.text);
    return verdict.held ? 0 : 1;
}

int search(const Property& property, const Request& request) {
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) stop("mmap failed");
    auto& shared = *new (memory) Shared();
    std::size_t workers = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 64);
    Wall::time_point began = Wall::now();
    Wall::time_point until = began + request.time.value_or(std::chrono::seconds(0));
    std::vector<pid_t> children;
    for (std::size_t worker = 0; worker < workers; ++worker) {
        pid_t child = ::fork();
        if (child == 0) work(property, request, shared, worker, workers, until);
        children.push_back(child);
    }
    std::optional<std::uint64_t> failed;
    bool hung = false;
    for (std::size_t left = workers; left > 0; --left) {
        int status = 0;
        pid_t ended = ::wait(&status);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
        auto worker = static_cast<std::size_t>(std::ranges::find(children, ended) - children.begin());
        shared.stopping = true;
        std::uint64_t seed = shared.at[worker];
        if (failed && *failed < seed) continue;
        failed = seed;
        hung = is_over(status);
    }
    std::chrono::duration<double> took = Wall::now() - began;
    std::uint64_t done = shared.done;
    fmt::print("{}: {} seeds held in {:.1f} s ({:.0f} a second)\n", property.name, done, took.count(),
               static_cast<double>(done) / took.count());
    if (failed) report(property, *failed, request.settings, hung);
    // As every suite ends that tests/run_suites.py collects.
    fmt::print("{} passed, {} failed, 0 skipped\n", failed ? 0 : 1, failed ? 1 : 0);
    return failed ? 1 : 0;
}

Request parse(int argc, char** argv) {
    Request request;
    for (int index = 2; index < argc; ++index) {
        std::string_view flag = argv[index];
        if (index + 1 == argc) stop(fmt::format("{} needs a value", flag));
        std::string_view value = argv[++index];
        if (flag == "--seeds") {
            request.seeds = number_of(value);
        } else if (flag == "--first-seed") {
            request.first_seed = number_of(value);
        } else if (flag == "--for") {
            request.time = time_of(value);
        } else if (flag == "--seed") {
            request.only = number_of(value);
        } else if (flag == "--with") {
            request.settings = value;
        } else {
            stop(fmt::format("there is no flag '{}'", flag));
        }
    }
    return request;
}

}  // namespace

int main_of(const std::vector<Property>& properties, int argc, char** argv) {
    if (argc < 2) {
        fmt::print("what can be explored:\n");
        for (const Property& property : properties) fmt::print("  {}\n", property.name);
        return 0;
    }
    auto found = std::ranges::find(properties, std::string_view(argv[1]), &Property::name);
    if (found == properties.end()) stop(fmt::format("there is no property '{}'", argv[1]));
    Request request = parse(argc, argv);
    return request.only ? replay(*found, request) : search(*found, request);
}

}  // namespace explore
