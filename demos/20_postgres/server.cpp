#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stepwise/demos/20_postgres/connection.hpp>
#include <stepwise/demos/20_postgres/server.hpp>
#include <stepwise/runtime/finally.hpp>
#include <stepwise/runtime/timeout.hpp>
#include <vector>

namespace postgres {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::EventLoop;
using stepwise::Process;
using stepwise::ProcessEnd;
using stepwise::ProcessOptions;
using stepwise::ProcessOutput;
using stepwise::Stdio;
using stepwise::Task;

constexpr auto start_time_max = 60s;
constexpr auto stop_time_max = 10s;

bool has_programs(const fs::path& folder) {
    return ::access((folder / "initdb").c_str(), X_OK) == 0 && ::access((folder / "postgres").c_str(), X_OK) == 0;
}

// Who the server runs as where this program is root: Debian's package brings a user for it.
const passwd* unprivileged_user() {
    for (const char* name : {"postgres", "nobody"}) {
        if (const passwd* user = ::getpwnam(name)) return user;
    }
    throw std::runtime_error("there is no user postgres and no user nobody to run PostgreSQL as");
}

// The signal reaches the server when this program dies and can no longer stop it.
ProcessOptions as_unprivileged(std::vector<std::string> command) {
    std::vector<std::string> all{"setpriv", "--pdeathsig", "INT"};
    if (::geteuid() == 0) {
        const passwd* user = unprivileged_user();
        all.push_back(fmt::format("--reuid={}", user->pw_uid));
        all.push_back(fmt::format("--regid={}", user->pw_gid));
        all.push_back("--clear-groups");
    }
    all.insert(all.end(), std::make_move_iterator(command.begin()), std::make_move_iterator(command.end()));
    ProcessOptions options(std::move(all));
    options.folder = "/";
    options.input = Stdio::null;
    return options;
}

ProcessOptions initdb(const std::string& programs, const std::string& folder) {
    return as_unprivileged({programs + "/initdb", "--pgdata", folder + "/data", "--username=postgres", "--auth=trust",
                            "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"});
}

// Its errors come through a pipe that is read only when it ends: so little is said that the pipe cannot fill up.
ProcessOptions postgres(const std::string& programs, const std::string& folder) {
    ProcessOptions options =
        as_unprivileged({programs + "/postgres", "-D", folder + "/data", "-c", "listen_addresses=", "-c",
                         "unix_socket_directories=" + folder, "-c", "unix_socket_permissions=0700", "-c", "fsync=off",
                         "-c", "shared_buffers=16MB", "-c", "log_min_messages=fatal"});
    options.output = Stdio::null;
    return options;
}

Coro<> start_a_database(std::string programs, std::string folder) {
    const ProcessOptions options = initdb(programs, folder);
    const ProcessOutput made = co_await stepwise::run_process(options);
    if (!made.end.ok()) throw std::runtime_error("initdb failed: " + made.errors);
}

}  // namespace

std::optional<std::string> find_programs() {
    if (const char* named = std::getenv("POSTGRES_PROGRAMS")) {
        return has_programs(named) ? std::optional(std::string(named)) : std::nullopt;
    }
    std::vector<fs::path> found;
    std::error_code error;
    for (const fs::directory_entry& version : fs::directory_iterator("/usr/lib/postgresql", error)) {
        if (has_programs(version.path() / "bin")) found.push_back(version.path() / "bin");
    }
    const auto number = [](const fs::path& folder) { return std::atoi(folder.parent_path().filename().c_str()); };
    std::sort(found.begin(), found.end(), [number](auto& a, auto& b) { return number(a) > number(b); });
    const char* path = std::getenv("PATH");
    for (std::string_view rest = path != nullptr ? path : ""; !rest.empty();) {
        const std::size_t colon = std::min(rest.find(':'), rest.size());
        if (has_programs(fs::path(rest.substr(0, colon)))) found.emplace_back(rest.substr(0, colon));
        rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
    return found.empty() ? std::nullopt : std::optional(found.front().string());
}

TemporaryServer::Folder::~Folder() {
    std::error_code error;
    if (!path.empty()) fs::remove_all(path, error);
}

TemporaryServer::Folder TemporaryServer::make_folder() {
    std::string path = (fs::temp_directory_path() / "stepwise-postgres-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) stepwise::throw_system_error(errno, "mkdtemp(" + path + ")");
    Folder folder(path);
    if (::geteuid() != 0) return folder;
    const passwd* user = unprivileged_user();
    if (::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
        stepwise::throw_system_error(errno, "chown(" + path + ")");
    }
    return folder;
}

Coro<TemporaryServer> TemporaryServer::start() {
    const std::optional<std::string> programs = find_programs();
    if (!programs) throw std::runtime_error(fmt::format("there is no PostgreSQL here: {}", how_to_get_it));
    Folder folder = make_folder();
    co_await start_a_database(*programs, folder.path);
    Process process = Process::start(postgres(*programs, folder.path));
    TemporaryServer server(std::move(folder), std::move(process));
    Coro<> answers = server.wait_until_it_answers();
    co_await stepwise::timeout(start_time_max, std::move(answers));
    co_return server;
}

// It says nowhere that it is ready: who wants to know connects.
Coro<> TemporaryServer::wait_until_it_answers() {
    while (!process_.end()) {
        try {
            Connection first = co_await Connection::connect(conninfo());
            co_return;
        } catch (const Error&) {
        }
        try {
            Coro<ProcessEnd> ending = process_.wait();
            co_await stepwise::timeout(20ms, std::move(ending));
        } catch (const stepwise::TimeoutError&) {
        }
    }
    std::string said(4096, '\0');
    said.resize(co_await process_.read_errors(said));
    throw std::runtime_error("PostgreSQL ended as soon as it began: " + said);
}

Coro<> TemporaryServer::stop() {
    process_.send_signal(SIGINT);  // "fast shutdown"
    try {
        Coro<ProcessEnd> ending = process_.wait();
        co_await stepwise::timeout(stop_time_max, std::move(ending));
    } catch (const stepwise::TimeoutError&) {
        process_.kill();
    }
}

namespace {

Coro<> run_with_server(Coro<> (*body)(std::string conninfo)) {
    TemporaryServer server = co_await TemporaryServer::start();
    Coro<> work = body(server.conninfo());
    Coro<> stop = server.stop();
    Coro<> both = stepwise::finally(std::move(work), std::move(stop), stop_time_max + 5s);
    co_await std::move(both);
}

}  // namespace

Coro<> with_temporary_server(Coro<> (*body)(std::string conninfo)) {
    struct Signals {
        EventLoop& loop = EventLoop::current();
        ~Signals() {
            for (int signal : {SIGINT, SIGTERM}) loop.remove_signal_handler(signal);
        }
    } signals;
    Task<> working = signals.loop.create_task(run_with_server(body));
    for (int signal : {SIGINT, SIGTERM}) {
        signals.loop.add_signal_handler(signal, [working]() mutable { working.cancel(); });
    }
    co_await working;
}

}  // namespace postgres
