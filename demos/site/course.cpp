#include <fmt/format.h>

#include <algorithm>
#include <course_page.hpp>
#include <fstream>
#include <optional>
#include <sstream>
#include <stepwise/demos/site/course.hpp>
#include <stepwise/demos/site/highlight.hpp>
#include <stepwise/demos/site/markdown.hpp>

namespace course {

// What the pages say around a chapter.
struct Words {
    std::string_view language, html_language, other, other_html, other_name;
    std::string_view course, about, no_chapter, further, glossary, reference, previous, next, not_found, back;
};

namespace {

namespace fs = std::filesystem;

constexpr Words words_of[] = {
    {"en", "en", "zh", "zh-CN", "中文", "The course",
     "Each chapter has one idea, one program that you can run, and what it really printed.",
     "No chapter was found: --course names the folder that they are in.", "Beside the chapters", "Glossary",
     "Reference", "Before", "Next", "There is no such page", "All chapters"},
    {"zh", "zh-CN", "en", "en", "English", "教程", "一章只讲一件事：一个能运行的程序，和它真实的输出。",
     "没有找到任何章节：请用 --course 指定它们所在的文件夹。", "章节之外", "术语表", "参考手册", "上一页", "下一页",
     "没有这一页", "全部章节"},
};

// Whose sources the chapters may link to.
constexpr std::string_view source_folders[] = {"demos", "runtime", "net", "ws", "tests", "tutorial"};
constexpr std::string_view source_endings[] = {".cpp", ".hpp", ".md"};

const Words* find_words(std::string_view language) {
    for (const Words& words : words_of) {
        if (words.language == language) return &words;
    }
    return nullptr;
}

// The first of the languages that a browser lists; it lists them in the order of its preference.
const Words& preferred_words(std::string_view accept_language) {
    return words_of[accept_language.substr(0, 2) == "zh" ? 1 : 0];
}

// A name that can stand for a file or a folder, and for nothing else: no dots but the one before the ending.
bool is_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char byte) {
        return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
               byte == '-' || byte == '_';
    });
}

bool is_file_name(std::string_view name, std::string_view ending) {
    return name.size() > ending.size() && name.substr(name.size() - ending.size()) == ending &&
           is_name(name.substr(0, name.size() - ending.size()));
}

// 01-sync is a chapter; a page without a number stands beside them.
bool has_number(std::string_view slug) {
    return slug.substr(0, 1) >= "0" && slug.substr(0, 1) <= "9";
}

std::pair<std::string_view, std::string_view> split_first(std::string_view path) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos) return {path, {}};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

bool is_source(std::string_view path) {
    auto [folder, rest] = split_first(path);
    if (std::find(std::begin(source_folders), std::end(source_folders), folder) == std::end(source_folders))
        return false;
    for (; rest.find('/') != std::string_view::npos; rest = split_first(rest).second) {
        if (!is_name(split_first(rest).first)) return false;
    }
    return std::any_of(std::begin(source_endings), std::end(source_endings),
                       [rest = rest](std::string_view ending) { return is_file_name(rest, ending); });
}

std::optional<std::string> read_file(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return std::nullopt;
    return std::move(text).str();
}

std::string title_of(std::string_view text, std::string_view otherwise) {
    const std::string_view line = text.substr(0, text.find('\n'));
    return std::string(line.substr(0, 2) == "# " ? line.substr(2) : otherwise);
}

// The page with each {{name}} replaced once; what is put in is not looked at again.
std::string fill(std::string_view page, std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
    std::string filled;
    while (true) {
        const std::size_t open = page.find("{{");
        filled += page.substr(0, open);
        if (open == std::string_view::npos) return filled;
        const std::size_t close = page.find("}}", open);
        const std::string_view name = page.substr(open + 2, close - open - 2);
        for (const auto& [key, value] : values) {
            if (key == name) filled += value;
        }
        page.remove_prefix(close + 2);
    }
}

std::string link_to(std::string_view address, std::string_view text, std::string_view attributes = {}) {
    return fmt::format("<a href=\"{}\"{}>{}</a>", escape_html(address), attributes, escape_html(text));
}

http::Response redirect(const std::string& address) {
    http::Response response(302);
    response.headers.set("Location", address);
    response.headers.set("Vary", "Accept-Language");
    return response;
}

}  // namespace

Course::Course(fs::path folder) {
    folder = fs::absolute(folder).lexically_normal();
    if (folder.filename().empty()) folder = folder.parent_path();
    root_ = folder.parent_path();
    folder_name_ = folder.filename().string();
    prepare_markdown();
}

http::Response Course::answer(std::string_view path, std::string_view accept_language) const {
    if (path.empty()) return redirect(fmt::format("/course/{}/", preferred_words(accept_language).language));
    const auto [first, rest] = split_first(path);
    if (first == "source") return source(preferred_words(accept_language), rest);
    const Words* const words = find_words(first);
    if (words == nullptr) return not_found(preferred_words(accept_language));
    if (path.size() == first.size()) return redirect(fmt::format("/course/{}/", first));
    if (rest.empty()) return list(*words);
    const auto [second, third] = split_first(rest);
    return second == "figures" ? figure(*words, third) : chapter(*words, rest);
}

std::vector<Course::Chapter> Course::chapters(const Words& words) const {
    std::vector<Chapter> found;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(root_ / folder_name_ / words.language, error)) {
        const std::string name = entry.path().filename().string();
        if (!is_file_name(name, ".md")) continue;
        const std::string slug = name.substr(0, name.size() - 3);
        found.push_back({slug, title_of(read_file(entry.path()).value_or(""), slug)});
    }
    // Digits stand before letters: first the chapters, then the pages beside them.
    std::sort(found.begin(), found.end(), [](const Chapter& a, const Chapter& b) { return a.slug < b.slug; });
    return found;
}

http::Response Course::list(const Words& words) const {
    const std::vector<Chapter> all = chapters(words);
    std::string numbered, further;
    for (const Chapter& chapter : all) {
        const std::size_t dot = has_number(chapter.slug) ? chapter.title.find(". ") : std::string::npos;
        if (dot == std::string::npos) {
            further += fmt::format("<li>{}</li>\n", link_to(chapter.slug, chapter.title));
        } else {
            numbered += fmt::format("<li><span>{}</span>{}</li>\n", chapter.title.substr(0, dot),
                                    link_to(chapter.slug, chapter.title.substr(dot + 2)));
        }
    }
    std::string content = fmt::format("<h1>{}</h1>\n<p>{}</p>\n<ol class=\"chapters\">\n{}</ol>\n", words.course,
                                      all.empty() ? words.no_chapter : words.about, numbered);
    if (!further.empty()) {
        content += fmt::format("<h2>{}</h2>\n<ul class=\"chapters further\">\n{}</ul>\n", words.further, further);
    }
    return page(words, 200, {std::string(words.course), content, fmt::format("/course/{}/", words.other), ""});
}

http::Response Course::chapter(const Words& words, std::string_view slug) const {
    if (!is_name(slug)) return not_found(words);
    const std::string path = fmt::format("{}/{}/{}.md", folder_name_, words.language, slug);
    const std::optional<std::string> text = read_file(root_ / path);
    if (!text) return not_found(words);
    return page(words, 200,
                {title_of(*text, slug), markdown(*text, path), fmt::format("/course/{}/{}", words.other, slug),
                 neighbours(words, slug)});
}

http::Response Course::figure(const Words& words, std::string_view name) const {
    if (!is_file_name(name, ".svg")) return not_found(words);
    std::optional<std::string> text = read_file(root_ / folder_name_ / words.language / "figures" / name);
    if (!text) return not_found(words);
    http::Response response(200, std::move(*text), "image/svg+xml");
    response.headers.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    return response;
}

http::Response Course::source(const Words& words, std::string_view path) const {
    if (!is_source(path)) return not_found(words);
    const std::optional<std::string> text = read_file(root_ / path);
    if (!text) return not_found(words);
    if (is_file_name(path.substr(path.rfind('/') + 1), ".md")) {
        return page(words, 200, {title_of(*text, path), markdown(*text, path), "", ""});
    }
    const std::string content = fmt::format("<h1 class=\"path\">{}</h1>\n{}\n", path, code_box("cpp", *text));
    return page(words, 200, {std::string(path), content, "", ""});
}

http::Response Course::not_found(const Words& words) const {
    const std::string content = fmt::format("<h1>{}</h1>\n<p>{}</p>\n", words.not_found,
                                            link_to(fmt::format("/course/{}/", words.language), words.back));
    return page(words, 404, {std::string(words.not_found), content, "", ""});
}

http::Response Course::page(const Words& words, int status, const Page& page) const {
    std::string change = page.switch_address.empty()
                             ? std::string()
                             : link_to(page.switch_address, words.other_name,
                                       fmt::format(" id=\"language\" lang=\"{0}\" hreflang=\"{0}\"", words.other_html));
    http::Response response =
        http::Response::html(fill(course_page, {{"language", words.html_language},
                                                {"title", escape_html(page.title)},
                                                {"list", fmt::format("/course/{}/", words.language)},
                                                {"course", words.course},
                                                {"glossary", words.glossary},
                                                {"reference", words.reference},
                                                {"switch", change},
                                                {"content", page.content},
                                                {"footer", page.footer}}));
    response.status = status;
    return response;
}

// Links of a text at `path` in the checkout, which are right there, made right on the site.
std::string Course::markdown(std::string_view text, std::string_view path) const {
    const fs::path folder = fs::path(path).parent_path();
    return markdown_to_html(text, [this, folder](std::string_view target) -> std::string {
        if (target.find("://") != std::string_view::npos || target.substr(0, 1) == "#") return std::string(target);
        const std::size_t hash = std::min(target.find('#'), target.size());
        const std::string_view file = target.substr(0, hash);
        const bool from_root = file.substr(0, 1) == "/";
        fs::path linked = (from_root ? fs::path(file.substr(1)) : folder / file).lexically_normal();
        if (linked.filename().empty() || !linked.has_extension()) linked /= "README.md";
        const std::string name = linked.generic_string();
        for (const Words& words : words_of) {
            const std::string chapters = fmt::format("{}/{}/", folder_name_, words.language);
            const std::string slug = linked.stem().string();
            if (name == chapters + slug + ".md") {
                return fmt::format("/course/{}/{}{}", words.language, slug, target.substr(hash));
            }
        }
        return is_source(name) ? fmt::format("/course/source/{}{}", name, target.substr(hash)) : "";
    });
}

// The way to the chapters before and after this one.
std::string Course::neighbours(const Words& words, std::string_view slug) const {
    const std::vector<Chapter> all = chapters(words);
    const auto here = std::find_if(all.begin(), all.end(), [slug](const Chapter& one) { return one.slug == slug; });
    std::string links;
    const auto add = [&links](const Chapter& chapter, std::string_view direction, std::string_view name) {
        links += fmt::format("<a rel=\"{0}\" class=\"{0}\" href=\"{1}\"><small>{2}</small> {3}</a>\n", direction,
                             chapter.slug, name, escape_html(chapter.title));
    };
    if (here != all.end() && here != all.begin()) add(*std::prev(here), "prev", words.previous);
    if (here != all.end() && std::next(here) != all.end()) add(*std::next(here), "next", words.next);
    return links;
}

}  // namespace course
