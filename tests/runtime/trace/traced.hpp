// What the tests of the trace share: runs something with STEPWISE_TRACE set, and reads what came of it.
#pragma once

#include <stepwise/runtime/trace/reader.hpp>
#include <stepwise/runtime/trace/text.hpp>

#include <doctest/doctest.h>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace trace_test {

using namespace stepwise::trace;

// A folder that ends with the test.
struct Folder {
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "stepwise-trace-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path); }

    std::vector<std::string> files() const {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(path)) found.push_back(entry.path().string());
        std::sort(found.begin(), found.end());
        return found;
    }
    std::filesystem::path path;
};

// While it lives, loops that are made are traced.
struct Tracing {
    explicit Tracing(const std::string& to) { ::setenv("STEPWISE_TRACE", to.c_str(), 1); }
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;
    ~Tracing() { ::unsetenv("STEPWISE_TRACE"); }
};

struct Story {
    Reader reader;
    std::vector<Record> events;

    const Record& of(std::uint64_t seq) const {
        auto before = [](const Record& event, std::uint64_t wanted) { return event.seq < wanted; };
        auto found = std::lower_bound(events.begin(), events.end(), seq, before);
        REQUIRE(found != events.end());
        REQUIRE(found->seq == seq);
        return *found;
    }
    std::vector<Record> all(Kind kind) const {
        std::vector<Record> found;
        for (const Record& event : events) {
            if (event.kind == kind) found.push_back(event);
        }
        return found;
    }
    std::string kinds() const {
        std::string text;
        for (const Record& event : events) text += (text.empty() ? "" : " ") + std::string(name_of(event.kind));
        return text;
    }
    // Up its causes: "run.begin ready.push wakeup timer.fire".
    std::string chain(const Record& event, int length) const {
        std::string text(name_of(event.kind));
        std::uint64_t by = event.by;
        while (--length > 0 && by != 0) {
            text += " " + std::string(name_of(of(by).kind));
            by = of(by).by;
        }
        return text;
    }
};

inline Story read(const std::string& path) {
    Story story;
    std::string why_not;
    story.reader.receive_data(read_whole(path, why_not));
    CHECK(why_not == "");
    story.reader.receive_end();
    while (auto event = story.reader.next_event()) story.events.push_back(*event);
    return story;
}

// Of the one loop that `run` makes.
template <class Run>
Story traced(Run run) {
    Folder folder;
    {
        Tracing tracing("file:" + (folder.path / "trace").string());
        run();
    }
    REQUIRE(folder.files().size() == 1);
    return read(folder.files().front());
}

}  // namespace trace_test
