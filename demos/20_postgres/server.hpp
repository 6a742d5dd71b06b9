// TemporaryServer: a PostgreSQL of this program's own, from Debian's package, in a temporary folder.
//
// It listens on a Unix socket in that folder only, which nobody else may enter, and belongs to an unprivileged user
// when this program is root, as PostgreSQL refuses to be. It is stopped, and its folder removed, when it is no longer
// needed: with_temporary_server() sees to that, also at SIGINT and SIGTERM. If this program is killed the kernel stops
// the server; the folder stays then. The loop's thread.
#pragma once

#include <optional>
#include <stepwise/runtime/process.hpp>
#include <string>

namespace postgres {

// The folder of initdb and postgres: $POSTGRES_PROGRAMS, else that of the newest version in /usr/lib/postgresql, else
// the first one of PATH. Nothing: there is none.
std::optional<std::string> find_programs();
// What to say where they are not.
inline constexpr const char* how_to_get_it = "sudo apt-get install postgresql";

class TemporaryServer {
public:
    // Takes a second or two. Throws std::runtime_error with what the server said.
    static stepwise::Coro<TemporaryServer> start();
    TemporaryServer(TemporaryServer&&) noexcept = default;
    TemporaryServer& operator=(TemporaryServer&&) = delete;
    ~TemporaryServer() = default;

    std::string conninfo() const { return "host=" + folder_.path + " user=postgres dbname=postgres"; }
    // Every client is cut off, then it ends.
    stepwise::Coro<> stop();

private:
    struct Folder {
        explicit Folder(std::string own_path) : path(std::move(own_path)) {}
        Folder(Folder&& other) noexcept : path(std::exchange(other.path, {})) {}
        Folder& operator=(Folder&&) = delete;
        ~Folder();

        std::string path;  // empty: moved away
    };

    TemporaryServer(Folder folder, stepwise::Process process)
        : folder_(std::move(folder)), process_(std::move(process)) {}
    static Folder make_folder();
    stepwise::Coro<> wait_until_it_answers();

    Folder folder_;
    stepwise::Process process_;  // ends before the folder does
};

// Runs `body` with the conninfo of such a server. Throws CancelledError at SIGINT and SIGTERM, once all is put away.
stepwise::Coro<> with_temporary_server(stepwise::Coro<> (*body)(std::string conninfo));

}  // namespace postgres
