// Command-line flags of programs: one contract for all of them.
//
//     int lines = 10;
//     net::Options options("Prints the first lines.");
//     options.add_option("--lines", lines, 1, 1000, "how many");
//     options.parse(argc, argv);
//
// `--help` prints and leaves with exit code 0; an argument that is wrong prints one line that says what was expected on
// stderr and leaves with exit code 2. A flag that is given twice counts as given last. Numbers are decimal and bounded.
// Ownership: an Options borrows every target; they outlive its parse. A target's value at that time is its default.
// Thread: the one that calls it, before others start. It does not read files, and of the environment only the language.
#pragma once

#include <cassert>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stepwise::net {

enum class Language { english, chinese };

// The first of LC_ALL, LC_MESSAGES and LANG that names a language decides (C and POSIX name none); else English.
Language language_from_environment();

struct DemoOptions {
    Language language = language_from_environment();
    double scale = 1.0;  // a wait of one second takes `scale` seconds
};

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free port
    std::string reactor;     // "epoll", "io_uring", or empty: the runtime chooses
    unsigned threads = 1;    // loops, each on a thread of its own
    std::string tls_cert;    // file in PEM: https instead of http, with tls_key
    std::string tls_key;
};

class Options {
public:
    // Why a program leaves instead of going on.
    struct Leave {
        int exit_code = 0;
        std::string text;  // for stdout when exit_code is 0, else one line for stderr
    };

    explicit Options(std::string_view description);
    Options(Options&&) noexcept;
    Options& operator=(Options&&) noexcept;
    ~Options();

    // `name` has its dashes: "--verbose".
    Options& add_flag(const std::string& name, bool& target, std::string_view help);
    Options& add_option(const std::string& name, std::string& target, std::string_view help);
    Options& add_option(const std::string& name, double& target, double least, double most, std::string_view help);
    template <std::integral Number>
    requires(!std::same_as<Number, bool>) Options& add_option(const std::string& name, Number& target,
                                                              std::int64_t least, std::int64_t most,
                                                              std::string_view help) {
        assert(std::in_range<Number>(least) && std::in_range<Number>(most));
        return add_integer(
            name, std::to_string(target), least, most,
            [&target](std::int64_t value) { target = static_cast<Number>(value); }, help);
    }
    // One value or several behind the flag; given again, more of them.
    Options& add_list(const std::string& name, std::vector<std::string>& target, std::string_view help);
    Options& add_choice(const std::string& name, std::string& target, std::vector<std::string> choices,
                        std::string_view help);

    Options& add_language(Language& target);             // --lang
    Options& add_demo_options(DemoOptions& target);      // --lang, --scale
    Options& add_server_options(ServerOptions& target);  // --host, --port, --reactor, --threads, --tls-…

    // Nothing if the program goes on. Never throws for what the user typed.
    std::optional<Leave> try_parse(int argc, const char* const* argv);
    // Prints and calls std::exit where the program must leave.
    void parse(int argc, const char* const* argv);

private:
    struct Implementation;

    Options& add_integer(const std::string& name, const std::string& default_text, std::int64_t least,
                         std::int64_t most, std::function<void(std::int64_t)> set, std::string_view help);

    std::unique_ptr<Implementation> implementation_;
};

// For a program without flags of its own.
DemoOptions parse_demo_options(int argc, const char* const* argv, std::string_view description);
ServerOptions parse_server_options(int argc, const char* const* argv, std::string_view description,
                                   ServerOptions defaults = {});

}  // namespace stepwise::net
