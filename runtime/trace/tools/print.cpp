// stepwise-trace: prints a trace that STEPWISE_TRACE=file:PATH has left, one event a line, as text or as JSON.
#include <stepwise/runtime/trace/text.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>

namespace {

using namespace stepwise::trace;

int print(const std::string& path, bool json) {
    std::string why_not;
    std::vector<char> bytes = read_whole(path, why_not);
    if (!why_not.empty()) {
        fmt::print(stderr, "stepwise-trace: {}: {}\n", path, why_not);
        return 2;
    }
    Reader reader;
    reader.receive_data(bytes);
    reader.receive_end();
    bool first = true;
    while (std::optional<Record> event = reader.next_event()) {
        if (json && first) fmt::print("{}\n", header_as_json(reader));
        first = false;
        fmt::print("{}\n", json ? as_json(reader, *event) : as_text(reader, *event));
    }
    if (reader.problem().empty()) return 0;
    fmt::print(stderr, "stepwise-trace: {}: {}\n", path, reader.problem());
    return reader.has_header() ? 1 : 2;
}

}  // namespace

int main(int count, char** arguments) {
    CLI::App app("Prints a trace: one event a line. Exit code 1: it stops short; 2: it is none.", "stepwise-trace");
    std::string path;
    std::string format = "text";
    app.add_option("FILE", path, "what STEPWISE_TRACE=file:FILE has left; - for standard input")->required();
    app.add_option("--format", format, "text or json")->check(CLI::IsMember({"text", "json"}));
    CLI11_PARSE(app, count, arguments);
    return print(path, format == "json");
}
