// stepwise-trace: prints a trace that STEPWISE_TRACE=file:PATH has left, as text, as JSON, as sentences or as a
// diagram.
#include <stepwise/runtime/trace/text.hpp>
#include <stepwise/runtime/trace/tools/writers.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

namespace {

using namespace stepwise::trace;

struct Options {
    std::string path;
    std::string format = "text";
    std::string output = "-";
    std::string lanes = "peers,kernel,loop,tasks,threads";
    std::string range;
    std::string language = "en";
    std::string title;
    bool times = false;
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

std::string lines_of(const Recording& recording, const Options& options) {
    std::string text = options.format == "json" ? header_as_json(recording.reader()) + "\n" : "";
    for (const Record& event : recording.events()) {
        if (event.seq < options.wanted.first || event.seq > options.wanted.last) continue;
        if (options.format == "json") {
            text += as_json(recording.reader(), event);
        } else if (options.format == "text") {
            text += as_text(recording.reader(), event);
        } else if (options.wanted.everything || is_worth_telling(event)) {
            text += told_line(recording, event, options.wanted.language);
        } else {
            continue;
        }
        text += '\n';
    }
    return text;
}

std::string written(const Recording& recording, const Options& options) {
    if (options.format == "perfetto") return as_perfetto(recording, options.wanted);
    if (options.format != "mermaid" && options.format != "svg") return lines_of(recording, options);
    Sequence sequence = sequence_of(recording, options.wanted);
    if (sequence.rows_left_out != 0) {
        fmt::print(stderr, "stepwise-trace: {} more rows are left out: choose a part with --range A..B or --lanes\n",
                   sequence.rows_left_out);
    }
    if (options.format == "mermaid") return as_mermaid(sequence, options.wanted.language);
    std::string title = options.title.empty() ? recording.reader().header().program : options.title;
    return as_svg(sequence, title, options.wanted.language, options.times);
}

bool put(const std::string& text, const std::string& path) {
    bool to_stdout = path == "-";
    std::FILE* file = to_stdout ? stdout : std::fopen(path.c_str(), "wb");
    bool whole = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file != nullptr) whole = (to_stdout ? std::fflush(file) : std::fclose(file)) == 0 && whole;
    if (!whole) {
        fmt::print(stderr, "stepwise-trace: {}: {}\n", to_stdout ? "standard output" : path, std::strerror(errno));
    }
    return whole;
}

int print(const Options& options) {
    std::string why_not;
    std::vector<char> bytes = read_whole(options.path, why_not);
    if (!why_not.empty()) {
        fmt::print(stderr, "stepwise-trace: {}: {}\n", options.path, why_not);
        return 2;
    }
    Recording recording;
    recording.receive_data(bytes);
    recording.receive_end();
    std::string problem = recording.problem();
    if (!problem.empty()) fmt::print(stderr, "stepwise-trace: {}: {}\n", options.path, problem);
    if (!recording.reader().has_header()) return 2;
    if (!put(written(recording, options), options.output)) return 2;
    return problem.empty() ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    CLI::App app("Prints a trace. Exit code 1: it stops short; 2: it is none, or cannot be written.", "stepwise-trace");
    Options options;
    app.add_option("FILE", options.path, "what STEPWISE_TRACE=file:FILE has left; - for standard input")->required();
    app.add_option("--format", options.format, "text, json, told (sentences), mermaid, svg or perfetto")
        ->check(CLI::IsMember({"text", "json", "told", "mermaid", "svg", "perfetto"}));
    app.add_option("--lanes", options.lanes, "of a diagram: some of peers,kernel,loop,tasks,threads");
    app.add_option("--range", options.range, "numbers of events: 12..90, 12.. or ..90");
    app.add_option("--lang", options.language, "en or zh")->check(CLI::IsMember({"en", "zh"}));
    app.add_option("--title", options.title, "of an SVG");
    app.add_option("-o,--output", options.output, "a file instead of standard output");
    app.add_flag("--times", options.times, "in an SVG, the seconds beside each row");
    app.add_flag("--all", options.wanted.everything, "every event, not those alone that a person wants to hear of");
    CLI11_PARSE(app, count, arguments);
    options.wanted.language = *language_of(options.language);
    if (!choose_lanes(options.lanes, options.wanted)) {
        fmt::print(stderr, "stepwise-trace: --lanes takes some of peers,kernel,loop,tasks,threads, not '{}'\n",
                   options.lanes);
        return 2;
    }
    if (!options.range.empty() && !take_range(options.range, options.wanted)) {
        fmt::print(stderr, "stepwise-trace: --range takes A..B, not '{}'\n", options.range);
        return 2;
    }
    return print(options);
}
