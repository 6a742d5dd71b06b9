// stepwise-trace: prints a trace that STEPWISE_TRACE=file:PATH has left, as text, as JSON, as sentences or as a
// diagram.
#include <stepwise/runtime/trace/reducer.hpp>
#include <stepwise/runtime/trace/text.hpp>
#include <stepwise/runtime/trace/tools/writers.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

namespace {

using namespace stepwise::trace;

struct Options {
    std::string path;
    std::string format = "text";
    std::string output = "-";
    std::string lanes = "peers,kernel,loop,tasks,threads";
    std::string hidden;
    std::string range;
    std::string until;
    std::string language = "en";
    std::string title;
    bool times = false;
    bool check = false;
    Wanted wanted;
};

// "12..90", "12..", "..90": numbers of events.
bool take_range(std::string_view text, Wanted& wanted) {
    std::size_t dots = text.find("..");
    if (dots == std::string_view::npos) return false;
    auto take = [](std::string_view digits, std::uint64_t& number) {
        if (digits.empty()) return true;
        auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
        return error == std::errc() && end == digits.end();
    };
    return take(text.substr(0, dots), wanted.first) && take(text.substr(dots + 2), wanted.last) &&
           wanted.first <= wanted.last;
}

// Text and JSON, as the events come: nothing is kept. The end of the trace is told as of any other.
int print_lines(const Options& options, std::FILE* to) {
    Reader reader;
    bool has_header = false;
    auto print_events = [&] {
        while (std::optional<Record> event = reader.next_event()) {
            if (!std::exchange(has_header, true) && options.format == "json") {
                fmt::print(to, "{}\n", header_as_json(reader));
            }
            if (event->seq < options.wanted.first || event->seq > options.wanted.last) continue;
            fmt::print(to, "{}\n", options.format == "json" ? as_json(reader, *event) : as_text(reader, *event));
        }
        return !reader.has_ended();
    };
    std::string problem = read_in_blocks(options.path, [&](std::span<const char> block) {
        reader.receive_data(block);
        return print_events();
    });
    reader.receive_end();
    print_events();
    if (problem.empty()) problem = reader.problem();
    if (problem.empty()) return 0;
    fmt::print(stderr, "stepwise-trace: {}: {}\n", options.path, problem);
    return reader.has_header() ? 1 : 2;
}

std::string sentences_of(const Recording& recording, const Options& options) {
    std::string text;
    for (const Record& event : recording.events()) {
        if (event.seq < options.wanted.first || event.seq > options.wanted.last) continue;
        if (options.wanted.everything || is_worth_telling(event)) {
            text += told_line(recording, event, options.wanted.language) + "\n";
        }
    }
    return text;
}

// The first event of the kind that the story is told until is its last. False: there is none.
bool find_end(const Recording& recording, Options& options) {
    for (const Record& event : recording.events()) {
        if (event.seq < options.wanted.first || name_of(event.kind) != options.until) continue;
        options.wanted.last = std::min(options.wanted.last, event.seq);
        return true;
    }
    return options.until.empty();
}

std::string written(const Recording& recording, const Options& options) {
    if (options.format == "perfetto") return as_perfetto(recording, options.wanted);
    if (options.format == "told") return sentences_of(recording, options);
    Sequence sequence = sequence_of(recording, options.wanted);
    if (sequence.rows_left_out != 0) {
        fmt::print(stderr, "stepwise-trace: {} more rows are left out: choose a part with --range A..B or --lanes\n",
                   sequence.rows_left_out);
    }
    if (options.format == "mermaid") return as_mermaid(sequence, options.wanted.language);
    std::string title = options.title.empty() ? recording.reader().header().program : options.title;
    return as_svg(sequence, title, options.wanted.language, options.times);
}

// Whether the events tell what the runtime has seen in its own lists.
int check_snaps(const Options& options) {
    Reader reader;
    Reducer reducer;
    std::string wrong;
    std::size_t snaps = 0;
    std::size_t events = 0;
    auto check_events = [&] {
        for (std::optional<Record> event; wrong.empty() && (event = reader.next_event()); ++events) {
            if (event->kind == Kind::snap && !reducer.lost()) {
                ++snaps;
                bool same = reducer.state().hash() == static_cast<std::uint64_t>(event->a);
                if (!same) wrong = fmt::format("the snap at event {} is not what the events tell", event->seq);
            }
            reducer.apply(*event);
        }
        return wrong.empty() && !reader.has_ended();
    };
    std::string problem = read_in_blocks(options.path, [&](std::span<const char> block) {
        reader.receive_data(block);
        return check_events();
    });
    reader.receive_end();
    check_events();
    if (!wrong.empty()) problem = wrong;
    if (problem.empty()) problem = reader.problem();
    if (!problem.empty()) fmt::print(stderr, "stepwise-trace: {}: {}\n", options.path, problem);
    if (!problem.empty()) return reader.has_header() ? 1 : 2;
    fmt::print("{} events, {} snaps, each what the events tell\n", events, snaps);
    return 0;
}

int print_diagram(Options options, std::FILE* to) {
    Recording recording;
    std::string why_not = recording.read_file(options.path);
    std::string problem = why_not.empty() ? recording.problem() : why_not;
    if (!problem.empty()) fmt::print(stderr, "stepwise-trace: {}: {}\n", options.path, problem);
    if (!why_not.empty() || !recording.reader().has_header()) return 2;
    if (!find_end(recording, options)) {
        fmt::print(stderr, "stepwise-trace: {}: no event is {}\n", options.path, options.until);
        return 2;
    }
    std::string text = written(recording, options);
    std::fwrite(text.data(), 1, text.size(), to);
    return problem.empty() ? 0 : 1;
}

int print(const Options& options) {
    if (options.check) return check_snaps(options);
    bool to_stdout = options.output == "-";
    std::FILE* file = to_stdout ? stdout : std::fopen(options.output.c_str(), "wb");
    bool of_lines = options.format == "text" || options.format == "json";
    int code = file == nullptr ? 2 : of_lines ? print_lines(options, file) : print_diagram(options, file);
    bool whole = file != nullptr && std::ferror(file) == 0;
    if (file != nullptr) whole = (to_stdout ? std::fflush(file) : std::fclose(file)) == 0 && whole;
    if (whole) return code;
    fmt::print(stderr, "stepwise-trace: {}: {}\n", to_stdout ? "standard output" : options.output,
               std::strerror(errno));
    return 2;
}

}  // namespace

int main(int count, char** arguments) {
    CLI::App app("Prints a trace. Exit code 1: it stops short; 2: it is none, or cannot be written.", "stepwise-trace");
    Options options;
    app.add_option("FILE", options.path, "what STEPWISE_TRACE=file:FILE has left; - for standard input")->required();
    app.add_option("--format", options.format, "text, json, told (sentences), mermaid, svg or perfetto")
        ->check(CLI::IsMember({"text", "json", "told", "mermaid", "svg", "perfetto"}));
    app.add_option("--lanes", options.lanes, "of a diagram: some of peers,kernel,loop,tasks,threads");
    app.add_option("--hide", options.hidden, "of a diagram: kinds and groups to leave out: timer,select.enter");
    app.add_option("--range", options.range, "numbers of events: 12..90, 12.. or ..90");
    app.add_option("--until", options.until, "of a diagram: a kind of event, whose first one is the last shown");
    app.add_option("--lang", options.language, "en or zh")->check(CLI::IsMember({"en", "zh"}));
    app.add_option("--title", options.title, "of an SVG");
    app.add_option("-o,--output", options.output, "a file instead of standard output");
    app.add_flag("--times", options.times, "in an SVG, the seconds beside each row");
    app.add_flag("--check", options.check, "print nothing else: is each snap what the events tell?");
    app.add_flag("--all", options.wanted.everything, "every event, not those alone that a person wants to hear of");
    CLI11_PARSE(app, count, arguments);
    options.wanted.language = *language_of(options.language);
    if (!choose_lanes(options.lanes, options.wanted)) {
        fmt::print(stderr, "stepwise-trace: --lanes takes some of peers,kernel,loop,tasks,threads, not '{}'\n",
                   options.lanes);
        return 2;
    }
    if (!hide_kinds(options.hidden, options.wanted)) {
        fmt::print(stderr,
                   "stepwise-trace: --hide takes kinds and groups of events, as --format text and json show "
                   "them, not '{}'\n",
                   options.hidden);
        return 2;
    }
    if (!options.range.empty() && !take_range(options.range, options.wanted)) {
        fmt::print(stderr, "stepwise-trace: --range takes A..B, not '{}'\n", options.range);
        return 2;
    }
    return print(options);
}
