// stepwise-step: runs a program and tells what its loops did, one sentence a step; on a terminal, step by step.
#include <stepwise/runtime/trace/tools/narration.hpp>
#include <stepwise/runtime/trace/tools/stage.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace stepwise::trace;

struct Options {
    std::vector<std::string> words;
    std::string name;  // what people call the program
    std::string language = "en";
    std::string recorded;
    bool plain = false;
    bool everything = false;
};

void complain(const std::string& what) {
    fmt::print(stderr, "stepwise-step: {}\n", what);
}

// False: it is no trace.
bool read_into(Recording& recording, const std::string& path, const std::string& name) {
    std::string why_not;
    std::vector<char> bytes = read_whole(path, why_not);
    recording.receive_data(bytes);
    recording.receive_end();
    if (why_not.empty()) why_not = recording.problem();
    if (!why_not.empty()) complain(fmt::format("{}: {}", name, why_not));
    return recording.reader().has_header();
}

void tell(const Recording& recording, const Options& options) {
    Language language = *language_of(options.language);
    for (const Record& event : recording.events()) {
        if (options.everything || is_worth_telling(event)) {
            fmt::print("{}\n", told_line(recording, event, language));
        }
    }
}

int tell_recorded(const Options& options) {
    Recording recording;
    if (!read_into(recording, options.recorded, options.recorded)) return 2;
    tell(recording, options);
    return recording.problem().empty() ? 0 : 1;
}

int run_and_tell(const Options& options) {
    TraceFolder folder;
    Stage stage;
    ::signal(SIGINT, SIG_IGN);
    std::string why_not = stage.start(options.words, "file:" + folder.file(), STDERR_FILENO);
    if (!why_not.empty()) {
        complain(why_not);
        return 2;
    }
    stage.wait();
    std::vector<std::string> traces = folder.traces();
    for (const std::string& trace : traces) {
        Recording recording;
        if (!read_into(recording, trace, options.name)) continue;
        if (traces.size() > 1) fmt::print("-- loop {}\n", recording.reader().header().loop);
        tell(recording, options);
    }
    if (stage.exit_code() != 0) complain(fmt::format("{} {}", options.name, stage.how_it_ended()));
    if (traces.empty()) complain(fmt::format("{} made no loop: nothing to show", options.name));
    return stage.exit_code();
}

}  // namespace

int main(int count, char** arguments) {
    CLI::App app("Runs a program and tells what its loops did. Exits with the program's own code; 2: it did not start.",
                 "stepwise-step");
    Options options;
    app.add_flag("--plain", options.plain, "one line a step on standard output; the program's own goes to stderr");
    app.add_option("--lang", options.language, "en or zh")->check(CLI::IsMember({"en", "zh"}));
    app.add_flag("--all", options.everything, "every event, not those alone that a person wants to hear of");
    app.add_option("--trace", options.recorded, "show what STEPWISE_TRACE=file:FILE has left, run nothing");
    app.add_option("--name", options.name, "what the program is called");
    app.add_option("PROGRAM", options.words, "the program and its flags");
    app.positionals_at_end();
    CLI11_PARSE(app, count, arguments);
    if (options.words.empty() == options.recorded.empty()) {
        complain("name a program, or a trace with --trace");
        return 2;
    }
    if (options.name.empty() && !options.words.empty()) options.name = options.words[0];
    return options.words.empty() ? tell_recorded(options) : run_and_tell(options);
}
