#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stepwise/net/options.hpp>

namespace stepwise::net {

namespace {

constexpr int exit_wrong_argument = 2;
constexpr std::size_t shown_bytes_max = 60;
constexpr std::int64_t threads_max = 256;

std::string one_line(std::string_view text) {
    std::string line(text);
    for (char& byte : line) {
        const auto code = static_cast<unsigned char>(byte);
        if (code < 0x20 || code == 0x7f) byte = '?';
    }
    return line;
}

// What the user typed, as it may stand in a message.
std::string shown(std::string_view typed) {
    if (typed.size() <= shown_bytes_max) return one_line(typed);
    return one_line(typed.substr(0, shown_bytes_max)) + "...";
}

template <class Number>
std::optional<Number> number_within(std::string_view text, Number least, Number most) {
    Number value{};
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    if (!(value >= least && value <= most)) return std::nullopt;  // a NaN is not within anything
    return value;
}

[[noreturn]] void refuse(std::string message) {
    throw CLI::ValidationError(std::move(message), CLI::ExitCodes::ValidationError);
}

std::string with_default(std::string_view help, std::string_view default_text) {
    return default_text.empty() ? std::string(help) : fmt::format("{} (default {})", help, default_text);
}

std::string program_name(int argc, const char* const* argv) {
    const std::string name = argc > 0 && argv[0] != nullptr ? std::filesystem::path(argv[0]).filename().string() : "";
    return name.empty() ? "program" : shown(name);
}

}  // namespace

Language language_from_environment() {
    for (const char* const variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
        const char* const value = std::getenv(variable);
        const std::string_view locale = value != nullptr ? value : "";
        const std::string_view language = locale.substr(0, locale.find_first_of("_.@-"));
        if (language.empty() || language == "C" || language == "POSIX") continue;
        return language == "zh" ? Language::chinese : Language::english;
    }
    return Language::english;
}

struct Options::Implementation {
    explicit Implementation(std::string_view description) : app(std::string(description)) {
        app.set_help_flag("--help", "Print this and leave");
    }

    void add(const std::string& name, std::string_view value_name, const std::string& help,
             const std::function<void(const std::string&)>& set) {
        app.add_option_function<std::string>(name, set, help)
            ->type_name(std::string(value_name))
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }

    CLI::App app;
};

Options::Options(std::string_view description) : implementation_(std::make_unique<Implementation>(description)) {}
Options::Options(Options&&) noexcept = default;
Options& Options::operator=(Options&&) noexcept = default;
Options::~Options() = default;

Options& Options::add_flag(const std::string& name, bool& target, std::string_view help) {
    implementation_->app
        .add_flag_callback(
            name, [&target] { target = true; }, std::string(help))
        ->disable_flag_override();
    return *this;
}

Options& Options::add_option(const std::string& name, std::string& target, std::string_view help) {
    implementation_->add(name, "TEXT", with_default(help, target),
                         [&target](const std::string& text) { target = text; });
    return *this;
}

Options& Options::add_option(const std::string& name, double& target, double least, double most,
                             std::string_view help) {
    implementation_->add(
        name, "NUMBER", with_default(help, fmt::format("{}", target)),
        [&target, name, least, most](const std::string& text) {
            const std::optional<double> value = number_within(text, least, most);
            if (!value) {
                refuse(fmt::format("{} needs a number from {:g} to {:g}, not '{}'", name, least, most, shown(text)));
            }
            target = *value;
        });
    return *this;
}

Options& Options::add_integer(const std::string& name, const std::string& default_text, std::int64_t least,
                              std::int64_t most, std::function<void(std::int64_t)> set, std::string_view help) {
    implementation_->add(
        name, "N", with_default(help, default_text),
        [set = std::move(set), name, least, most](const std::string& text) {
            const std::optional<std::int64_t> value = number_within(text, least, most);
            if (!value) {
                refuse(fmt::format("{} needs a whole number from {} to {}, not '{}'", name, least, most, shown(text)));
            }
            set(*value);
        });
    return *this;
}

Options& Options::add_list(const std::string& name, std::vector<std::string>& target, std::string_view help) {
    implementation_->app.add_option(name, target, std::string(help))->type_name("TEXT");
    return *this;
}

Options& Options::add_choice(const std::string& name, std::string& target, std::vector<std::string> choices,
                             std::string_view help) {
    const std::string value_name = fmt::format("{}", fmt::join(choices, "|"));
    implementation_->add(
        name, value_name, with_default(help, target),
        [&target, name, choices = std::move(choices)](const std::string& text) {
            if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
                refuse(fmt::format("{} needs one of {}, not '{}'", name, fmt::join(choices, ", "), shown(text)));
            }
            target = text;
        });
    return *this;
}

Options& Options::add_language(Language& target) {
    implementation_->add("--lang", "zh|en", "Language of what is printed (default: what LANG says)",
                         [&target](const std::string& text) {
                             if (text != "zh" && text != "en") {
                                 refuse(fmt::format("--lang needs one of zh, en, not '{}'", shown(text)));
                             }
                             target = text == "zh" ? Language::chinese : Language::english;
                         });
    return *this;
}

Options& Options::add_demo_options(DemoOptions& target) {
    add_language(target.language);
    return add_option("--scale", target.scale, 0.0001, 100, "Seconds that a wait of one second takes");
}

Options& Options::add_server_options(ServerOptions& target) {
    add_option("--host", target.host, "Address to listen on");
    add_option("--port", target.port, 0, 65535, "Port to listen on, 0 for any");
    add_choice("--reactor", target.reactor, {"epoll", "io_uring"}, "Which reactor to run on");
    add_option("--threads", target.threads, 1, threads_max, "Event loops, each on a thread of its own");
    add_option("--tls-cert", target.tls_cert, "https with the certificate in this file (PEM)");
    return add_option("--tls-key", target.tls_key, "The certificate's key, in PEM");
}

std::optional<Options::Leave> Options::try_parse(int argc, const char* const* argv) {
    const std::string program = program_name(argc, argv);
    const auto wrong = [&program](std::string_view what) {
        return Leave{exit_wrong_argument, fmt::format("{}: {}; --help lists the flags\n", program, what)};
    };
    CLI::App& app = implementation_->app;
    app.name(program);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return Leave{0, app.help()};
    } catch (const CLI::ExtrasError&) {
        const std::vector<std::string> unknown = app.remaining();
        return wrong(fmt::format("unknown argument '{}'", shown(unknown.empty() ? "" : unknown.front())));
    } catch (const CLI::ParseError& error) {
        return wrong(one_line(error.what()));
    }
    return std::nullopt;
}

void Options::parse(int argc, const char* const* argv) {
    const std::optional<Leave> leave = try_parse(argc, argv);
    if (!leave) return;
    std::fputs(leave->text.c_str(), leave->exit_code == 0 ? stdout : stderr);
    std::exit(leave->exit_code);
}

DemoOptions parse_demo_options(int argc, const char* const* argv, std::string_view description) {
    DemoOptions options;
    Options(description).add_demo_options(options).parse(argc, argv);
    return options;
}

ServerOptions parse_server_options(int argc, const char* const* argv, std::string_view description,
                                   ServerOptions defaults) {
    Options(description).add_server_options(defaults).parse(argc, argv);
    return defaults;
}

}  // namespace stepwise::net
