#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <stepwise/net/options.hpp>
#include <string>
#include <vector>

using stepwise::net::DemoOptions;
using stepwise::net::Language;
using stepwise::net::Options;
using stepwise::net::ServerOptions;

namespace {

std::optional<Options::Leave> parse(Options& options, const std::vector<const char*>& arguments) {
    std::vector<const char*> argv{"/somewhere/build/demos/program"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return options.try_parse(static_cast<int>(argv.size()), argv.data());
}

std::optional<Options::Leave> parse_server(ServerOptions& server, const std::vector<const char*>& arguments) {
    Options options("A server.");
    options.add_server_options(server);
    return parse(options, arguments);
}

std::optional<Options::Leave> parse_demo(DemoOptions& demo, const std::vector<const char*>& arguments) {
    Options options("A demo.");
    options.add_demo_options(demo);
    return parse(options, arguments);
}

// The one line for stderr, without what every such line begins and ends with.
std::string refusal(const std::optional<Options::Leave>& leave) {
    REQUIRE(leave);
    CHECK(leave->exit_code == 2);
    const std::string begin = "program: ";
    const std::string end = "; --help lists the flags\n";
    const std::string& text = leave->text;
    REQUIRE(text.size() > begin.size() + end.size());
    CHECK(text.substr(0, begin.size()) == begin);
    CHECK(text.substr(text.size() - end.size()) == end);
    CHECK(text.find('\n') == text.size() - 1);
    return text.substr(begin.size(), text.size() - begin.size() - end.size());
}

// The language variables for as long as it lives; after that they are as before.
class Environment {
public:
    explicit Environment(const std::map<std::string, std::string>& variables) {
        for (const char* const name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
            if (const char* const value = std::getenv(name)) before_[name] = value;
            unsetenv(name);
        }
        for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    ~Environment() {
        for (const char* const name : {"LC_ALL", "LC_MESSAGES", "LANG"}) unsetenv(name);
        for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
    }

private:
    std::map<std::string, std::string> before_;
};

int exit_code_of(const std::vector<const char*>& arguments) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        ServerOptions server;
        Options options("A server.");
        options.add_server_options(server);
        std::vector<const char*> argv{"program"};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        options.parse(static_cast<int>(argv.size()), argv.data());
        _exit(77);
    }
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

}  // namespace

TEST_SUITE("Options") {
    TEST_CASE("a server without arguments keeps its defaults") {
        ServerOptions server;
        server.port = 8000;
        CHECK_FALSE(parse_server(server, {}));
        CHECK(server.host == "127.0.0.1");
        CHECK(server.port == 8000);
        CHECK(server.reactor.empty());
        CHECK(server.threads == 1);
    }

    TEST_CASE("a server takes host, port and reactor, with a space or an equals sign") {
        ServerOptions server;
        CHECK_FALSE(parse_server(server, {"--host", "0.0.0.0", "--port=9090", "--reactor", "epoll"}));
        CHECK(server.host == "0.0.0.0");
        CHECK(server.port == 9090);
        CHECK(server.reactor == "epoll");
        CHECK_FALSE(parse_server(server, {"--host=::1", "--port", "0", "--reactor=io_uring"}));
        CHECK(server.host == "::1");
        CHECK(server.port == 0);
        CHECK(server.reactor == "io_uring");
        CHECK_FALSE(parse_server(server, {"--port", "65535"}));
        CHECK(server.port == 65535);
    }

    TEST_CASE("a server takes 1 to 256 threads") {
        ServerOptions server;
        CHECK_FALSE(parse_server(server, {"--threads", "256"}));
        CHECK(server.threads == 256);
        for (const char* const argument : {"--threads=0", "--threads=257", "--threads=two", "--threads=-1"}) {
            const std::string typed = std::string(argument).substr(10);
            CHECK(refusal(parse_server(server, {argument})) ==
                  "--threads needs a whole number from 1 to 256, not '" + typed + "'");
        }
    }

    TEST_CASE("a flag that is given twice counts as given last") {
        ServerOptions server;
        CHECK_FALSE(parse_server(server, {"--port", "1", "--port", "2"}));
        CHECK(server.port == 2);
    }

    TEST_CASE("a port that is no decimal number from 0 to 65535 is refused in one line") {
        for (const char* const port :
             {"x", "65536", "99999999999999999999", "-1", "0x50", "80x", " 80", "8.0", "+80"}) {
            CAPTURE(port);
            ServerOptions server;
            const std::string argument = std::string("--port=") + port;
            CHECK(refusal(parse_server(server, {argument.c_str()})) ==
                  "--port needs a whole number from 0 to 65535, not '" + std::string(port) + "'");
        }
        ServerOptions server;
        refusal(parse_server(server, {"--port="}));
        refusal(parse_server(server, {"--port", ""}));
    }

    TEST_CASE("a leading zero does not make a number octal") {
        ServerOptions server;
        CHECK_FALSE(parse_server(server, {"--port", "0080"}));
        CHECK(server.port == 80);
    }

    TEST_CASE("an unknown reactor is refused with the names that exist") {
        ServerOptions server;
        CHECK(refusal(parse_server(server, {"--reactor", "kqueue"})) ==
              "--reactor needs one of epoll, io_uring, not 'kqueue'");
    }

    TEST_CASE("an unknown flag, a stray word and a missing value are refused") {
        ServerOptions server;
        CHECK(refusal(parse_server(server, {"--prot", "80"})) == "unknown argument '--prot'");
        CHECK(refusal(parse_server(server, {"word"})) == "unknown argument 'word'");
        CHECK(refusal(parse_server(server, {"--port"})).find("--port") != std::string::npos);
    }

    TEST_CASE("what the user typed cannot break the one line") {
        ServerOptions server;
        CHECK(refusal(parse_server(server, {"--reactor=a\nb\033[2J"})) ==
              "--reactor needs one of epoll, io_uring, not 'a?b?[2J'");
        CHECK(refusal(parse_server(server, {"--a\nb"})) == "unknown argument '--a?b'");
        const std::string long_value = "--port=" + std::string(10'000, '9');
        CHECK(refusal(parse_server(server, {long_value.c_str()})).size() < 200);
    }

    TEST_CASE("help names the program, every flag and every default, and leaves with 0") {
        ServerOptions server;
        server.port = 8000;
        const auto leave = parse_server(server, {"--port", "1", "--help"});
        REQUIRE(leave);
        CHECK(leave->exit_code == 0);
        for (const char* const part : {"A server.", "program", "--host", "127.0.0.1", "--port", "8000", "--reactor",
                                       "epoll|io_uring", "--help"}) {
            CAPTURE(part);
            CHECK(leave->text.find(part) != std::string::npos);
        }
    }

    TEST_CASE("parse leaves the process with 0 after help and with 2 after a wrong argument, else goes on") {
        CHECK(exit_code_of({"--help"}) == 0);
        CHECK(exit_code_of({"--port=x"}) == 2);
        CHECK(exit_code_of({"--nope"}) == 2);
        CHECK(exit_code_of({"--port=1"}) == 77);
    }

    TEST_CASE("a demo takes its language and its scale") {
        DemoOptions demo;
        CHECK_FALSE(parse_demo(demo, {"--lang", "zh", "--scale", "0.01"}));
        CHECK(demo.language == Language::chinese);
        CHECK(demo.scale == 0.01);
        CHECK_FALSE(parse_demo(demo, {"--lang=en"}));
        CHECK(demo.language == Language::english);
        CHECK(refusal(parse_demo(demo, {"--lang", "fr"})) == "--lang needs one of zh, en, not 'fr'");
    }

    TEST_CASE("a scale that is no number from 0.0001 to 100 is refused") {
        for (const char* const scale : {"0", "-1", "101", "nan", "inf", "fast", "1e9"}) {
            CAPTURE(scale);
            DemoOptions demo;
            const std::string argument = std::string("--scale=") + scale;
            CHECK(refusal(parse_demo(demo, {argument.c_str()})) ==
                  "--scale needs a number from 0.0001 to 100, not '" + std::string(scale) + "'");
        }
    }

    TEST_CASE("the environment decides the language where no flag does") {
        const std::vector<std::pair<std::map<std::string, std::string>, Language>> rows{
            {{}, Language::english},
            {{{"LANG", "zh_CN.UTF-8"}}, Language::chinese},
            {{{"LANG", "zh"}}, Language::chinese},
            {{{"LANG", "zh-CN"}}, Language::chinese},
            {{{"LANG", "zhuang"}}, Language::english},
            {{{"LANG", "de_DE.UTF-8"}}, Language::english},
            {{{"LANG", "C.UTF-8"}}, Language::english},
            {{{"LANG", "zh_TW"}, {"LC_ALL", "C.UTF-8"}}, Language::chinese},
            {{{"LANG", "zh_CN"}, {"LC_ALL", "en_US.UTF-8"}}, Language::english},
            {{{"LANG", "en_US.UTF-8"}, {"LC_MESSAGES", "zh_CN.UTF-8"}}, Language::chinese},
        };
        for (const auto& [variables, language] : rows) {
            const Environment environment(variables);
            CHECK(stepwise::net::language_from_environment() == language);
            CHECK(DemoOptions().language == language);
        }
    }

    TEST_CASE("help lists flags of a program's own with type, help and default") {
        bool verbose = false;
        std::string name = "nobody";
        int rooms = 4;
        double limit = 1.5;
        std::string color = "red";
        std::vector<std::string> tags;
        Options options("Own flags.");
        options.add_flag("--verbose", verbose, "Say more")
            .add_option("--name", name, "Who")
            .add_option("--rooms", rooms, 1, 200, "How many")
            .add_option("--limit", limit, 0.5, 2.5, "How far")
            .add_choice("--color", color, {"red", "blue"}, "Which")
            .add_list("--tag", tags, "What for");
        const std::optional<Options::Leave> leave = parse(options, {"--help"});
        REQUIRE(leave);
        CHECK(leave->exit_code == 0);
        // Without what lines them up.
        std::string text;
        for (const char byte : leave->text) {
            if (byte != ' ' || text.empty() || text.back() != ' ') text += byte;
        }
        for (const char* line : {"\n --verbose Say more\n", "\n --name TEXT Who (default nobody)\n",
                                 "\n --rooms N How many (default 4)\n", "\n --limit NUMBER How far (default 1.5)\n",
                                 "\n --color red|blue Which (default red)\n", "\n --tag TEXT ... What for\n"}) {
            CAPTURE(line);
            CHECK(text.find(line) != std::string::npos);
        }
    }

    TEST_CASE("a program adds flags of its own") {
        bool verbose = false;
        std::string name = "nobody";
        std::uint8_t rooms = 4;
        std::string color = "red";
        double limit = 1.5;
        Options options("Own flags.");
        options.add_flag("--verbose", verbose, "Say more")
            .add_option("--name", name, "Who")
            .add_option("--rooms", rooms, 1, 200, "How many")
            .add_option("--limit", limit, 0.5, 2.5, "How far")
            .add_choice("--color", color, {"red", "blue"}, "Which");
        CHECK_FALSE(parse(options, {"--verbose", "--name", "Ann", "--rooms", "200", "--color", "blue", "--limit=2.5"}));
        CHECK(verbose);
        CHECK(name == "Ann");
        CHECK(rooms == 200);
        CHECK(color == "blue");
        CHECK(limit == 2.5);
        CHECK(refusal(parse(options, {"--rooms", "201"})) == "--rooms needs a whole number from 1 to 200, not '201'");
        CHECK(refusal(parse(options, {"--limit", "3"})) == "--limit needs a number from 0.5 to 2.5, not '3'");
    }
}
