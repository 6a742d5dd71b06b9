// What may stand in a file that is taken for a template, for http::Template.
//
// It is a template or a TemplateError that names its line, and what it renders to is the same each time. With no markup
// of its own and no "raw", nothing of the data becomes markup, whatever is done to it.
#include <nlohmann/json.hpp>
#include <stepwise/net/http/template.hpp>
#include <stepwise/tests/fuzz/support.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

namespace {

// Loops within loops: no more of them than this has room for.
constexpr std::size_t template_bytes_max = 256;

const nlohmann::json& data() {
    static const nlohmann::json instance = {
        {"user", {{"name", "<b>\"Ada\" & 'co'"}, {"age", 36}}},
        {"list", {"<1>", "two", nlohmann::json::object({{"deep", "<&>"}})}},
        {"yes", true},
        {"no", false},
        {"none", nullptr},
        {"pi", 3.25},
        {"<k>", "<v>"},
    };
    return instance;
}

std::string outcome(std::string_view text, bool& rendered) {
    rendered = false;
    try {
        const http::Template page("t", text, {{"url", [](std::string_view path) { return "<" + std::string(path); }}});
        std::string out = page.render(data());
        rendered = true;
        return out;
    } catch (const http::TemplateError& error) {
        const std::string_view message = error.what();
        expect(message.starts_with("t:") && message.find(": ") != std::string_view::npos, "an error names its line",
               text);
        return std::string(message);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const LentBytes lent({reinterpret_cast<const char*>(bytes), std::min(size, template_bytes_max)});
    const std::string_view text = lent.view();
    bool rendered = false;
    const std::string out = outcome(text, rendered);
    expect_equal(outcome(text, rendered), out, "the same each time");
    if (!rendered) return 0;
    if (text.find("{") == std::string_view::npos) expect_equal(out, text, "without blanks it is what it was");
    const bool has_markup = text.find_first_of("<>\"'") != std::string_view::npos;
    if (has_markup || text.find("raw") != std::string_view::npos) return 0;
    expect(out.find_first_of("<>\"'") == std::string::npos, "no value becomes markup", text);
    return 0;
}
