// stepwise-step: runs a program and tells what its loops did, one sentence a step; on a terminal, step by step.
#include <stepwise/runtime/errors.hpp>
#include <stepwise/runtime/trace/tools/listener.hpp>
#include <stepwise/runtime/trace/tools/stage.hpp>
#include <stepwise/runtime/trace/tools/stepper.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
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
    std::string why_not = recording.read_file(path);
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
    std::string why_not =
        stage.start(options.words, {"STEPWISE_TRACE=file:" + folder.file()}, STDERR_FILENO, STDERR_FILENO);
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

// What the program prints is kept until its screen is gone.
struct Printed {
    Printed() : file(std::tmpfile()) {}
    Printed(const Printed&) = delete;
    Printed& operator=(const Printed&) = delete;
    ~Printed() {
        if (file == nullptr) return;
        std::rewind(file);
        char block[4096];
        while (std::size_t count = std::fread(block, 1, sizeof block, file)) std::fwrite(block, 1, count, stdout);
        std::fclose(file);
    }
    std::FILE* file;
};

// Draws what stands, takes one key. False: quit.
bool show_and_ask(Terminal& terminal, Screen& screen, Stepper& stepper, const Recording& recording, Shown& shown,
                  int wait_ms) {
    shown.footer = stepper.footer();
    shown.runs = stepper.runs();
    terminal.show(screen.draw(recording, stepper.timeline(), shown, terminal.size()));
    return stepper.press(terminal.next_key(wait_ms));
}

int step_recorded(const Options& options) {
    Recording recording;
    if (!read_into(recording, options.recorded, options.recorded)) return 2;
    Shown shown;
    shown.name = recording.reader().header().program;
    shown.language = *language_of(options.language);
    std::vector<std::string> folders = folders_above(options.recorded);
    for (const char* here : {".", "build"}) folders.emplace_back(here);
    Screen screen(std::move(folders));
    Stepper stepper(recording, shown.language, options.everything, false);
    Terminal terminal;
    stepper.press({Key::letter, 'n'});
    while (show_and_ask(terminal, screen, stepper, recording, shown, -1)) {
    }
    return 0;
}

// The program is held before its first handle; the person lets it go on, step by step.
void walk(const Options& options, Stage& stage, Listener& listener, Recording& recording) {
    Shown shown;
    shown.name = options.name;
    shown.language = *language_of(options.language);
    Screen screen(folders_above(options.words[0]));
    Stepper stepper(recording, shown.language, options.everything, true);
    Terminal terminal;
    for (bool goes_on = true; goes_on;) {
        // Asked before the socket is read: what it told last is there by now.
        bool ended = stage.has_ended();
        recording.receive_data(listener.more());
        if (ended && shown.how_ended.empty()) {
            recording.receive_end();
            shown.how_ended = stage.how_it_ended();
            stepper.ended();
        }
        stepper.follow();
        if (ended && !recording.reader().has_header()) return;
        // The answer to a command comes at once; whether the program has ended is looked at now and then.
        goes_on = show_and_ask(terminal, screen, stepper, recording, shown, stepper.runs() ? 5 : 100);
        if (std::string command = stepper.take_command(); !command.empty()) listener.command(command);
    }
}

int run_and_step(const Options& options) {
    TraceFolder folder;
    Printed printed;
    Stage stage;
    Recording recording;
    if (printed.file == nullptr) stepwise::throw_system_error(errno, "a temporary file for what the program prints");
    {
        Listener listener(folder.file());
        int output = ::fileno(printed.file);
        std::string why_not = stage.start(
            options.words, {"STEPWISE_TRACE=unix:" + folder.file(), "STEPWISE_TRACE_HELD=1"}, output, output);
        if (!why_not.empty()) {
            complain(why_not);
            return 2;
        }
        walk(options, stage, listener, recording);
    }
    bool ended_itself = stage.has_ended();
    if (!ended_itself) stage.end_in_order();
    if (!recording.reader().has_header()) complain(fmt::format("{} made no loop: nothing to show", options.name));
    if (!ended_itself) return 0;
    if (stage.exit_code() != 0) complain(fmt::format("{} {}", options.name, stage.how_it_ended()));
    return stage.exit_code();
}

bool is_plain(const Options& options) {
    if (options.plain || Terminal::is_there()) return options.plain;
    complain("this is no terminal: --plain");
    return true;
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
    try {
        if (is_plain(options)) return options.words.empty() ? tell_recorded(options) : run_and_tell(options);
        return options.words.empty() ? step_recorded(options) : run_and_step(options);
    } catch (const std::exception& error) {
        complain(error.what());
        return 2;
    }
}
