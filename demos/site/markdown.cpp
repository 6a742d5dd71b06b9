#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stepwise/demos/site/highlight.hpp>
#include <stepwise/demos/site/markdown.hpp>
#include <vector>

namespace course {

namespace {

struct NodeDeleter {
    void operator()(cmark_node* node) const noexcept { cmark_node_free(node); }
};
struct ParserDeleter {
    void operator()(cmark_parser* parser) const noexcept { cmark_parser_free(parser); }
};
struct IteratorDeleter {
    void operator()(cmark_iter* iterator) const noexcept { cmark_iter_free(iterator); }
};
struct TextDeleter {
    void operator()(char* text) const noexcept { cmark_get_default_mem_allocator()->free(text); }
};
using Document = std::unique_ptr<cmark_node, NodeDeleter>;

std::string_view text_of(const char* text) {
    return text != nullptr ? text : "";
}

Document parse(std::string_view text, cmark_syntax_extension* tables) {
    std::unique_ptr<cmark_parser, ParserDeleter> parser(cmark_parser_new(CMARK_OPT_DEFAULT));
    cmark_parser_attach_syntax_extension(parser.get(), tables);
    cmark_parser_feed(parser.get(), text.data(), text.size());
    return Document(cmark_parser_finish(parser.get()));
}

// All nodes of these types, in the order of the text. The tree may be changed once they are known.
std::vector<cmark_node*> nodes_of(cmark_node* document, std::initializer_list<cmark_node_type> types) {
    std::unique_ptr<cmark_iter, IteratorDeleter> iterator(cmark_iter_new(document));
    std::vector<cmark_node*> found;
    for (cmark_event_type event; (event = cmark_iter_next(iterator.get())) != CMARK_EVENT_DONE;) {
        if (event != CMARK_EVENT_ENTER) continue;
        cmark_node* const node = cmark_iter_get_node(iterator.get());
        for (const cmark_node_type type : types) {
            if (cmark_node_get_type(node) == type) found.push_back(node);
        }
    }
    return found;
}

// `html` where `node` stands; the node is freed.
void replace_by_html(cmark_node* node, const std::string& html) {
    cmark_node* const block = cmark_node_new(CMARK_NODE_CUSTOM_BLOCK);
    cmark_node_set_on_enter(block, html.c_str());
    cmark_node_replace(node, block);
    cmark_node_free(node);
}

std::string plain_text(cmark_node* parent) {
    std::string text;
    for (cmark_node* node : nodes_of(parent, {CMARK_NODE_TEXT, CMARK_NODE_CODE})) {
        text += text_of(cmark_node_get_literal(node));
    }
    return text;
}

// As the pages' checker and Git hosting sites make it: words of any language, joined by hyphens.
std::string anchor_of(std::string_view heading) {
    static constexpr std::string_view wide_marks[] = {"，", "。", "：", "；", "、", "？", "！", "（", "）", "《",
                                                      "》", "“",  "”",  "‘",  "’",  "…",  "—",  "·",  "→"};
    std::string anchor;
    for (std::size_t at = 0; at < heading.size(); ++at) {
        const char byte = heading[at];
        bool is_mark = false;
        for (const std::string_view mark : wide_marks) {
            if (heading.substr(at, mark.size()) != mark) continue;
            at += mark.size() - 1;
            is_mark = true;
            break;
        }
        if (is_mark) continue;
        if (byte >= 'A' && byte <= 'Z') {
            anchor += static_cast<char>(byte - 'A' + 'a');
        } else if (byte == ' ') {
            anchor += '-';
        } else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' ||
                   static_cast<unsigned char>(byte) >= 0x80) {
            anchor += byte;
        }
    }
    return anchor;
}

void add_anchors(cmark_node* document) {
    for (cmark_node* heading : nodes_of(document, {CMARK_NODE_HEADING})) {
        cmark_node* const anchor = cmark_node_new(CMARK_NODE_CUSTOM_INLINE);
        cmark_node_set_on_enter(anchor,
                                fmt::format("<a id=\"{}\"></a>", escape_html(anchor_of(plain_text(heading)))).c_str());
        cmark_node_prepend_child(heading, anchor);
    }
}

void rewrite_links(cmark_node* document, const LinkRewriter& rewrite_link) {
    for (cmark_node* link : nodes_of(document, {CMARK_NODE_LINK})) {
        const std::string address = rewrite_link(text_of(cmark_node_get_url(link)));
        cmark_node_set_url(link, address.c_str());
        if (!address.empty()) continue;
        while (cmark_node* child = cmark_node_first_child(link)) cmark_node_insert_before(link, child);
        cmark_node_unlink(link);
        cmark_node_free(link);
    }
}

// Written Chinese has no spaces, so none may come from a line that was broken beside one of its marks, or between two
// of its characters.
bool is_chinese(std::string_view character) {
    const auto lead = static_cast<unsigned char>(character.front());
    return (lead >= 0xE3 && lead <= 0xE9) || lead == 0xEF;
}

bool is_chinese_mark(std::string_view character) {
    const std::string_view block = character.substr(0, 2);
    return block == "\xE3\x80" || block == "\xEF\xBC" || block == "\xEF\xBD";
}

bool is_quote(std::string_view character) {
    return character.substr(0, 2) == "\xE2\x80";
}

bool joins_without_space(std::string_view before, std::string_view after) {
    const std::string_view last = before.substr(before.size() - std::min<std::size_t>(3, before.size()));
    const std::string_view first = after.substr(0, 3);
    if (last.empty() || first.empty()) return false;
    if (is_chinese_mark(last) || is_chinese_mark(first)) return true;
    return (is_chinese(last) && (is_chinese(first) || is_quote(first))) || (is_quote(last) && is_chinese(first));
}

void join_chinese_lines(cmark_node* document) {
    for (cmark_node* line_end : nodes_of(document, {CMARK_NODE_SOFTBREAK})) {
        cmark_node* const before = cmark_node_previous(line_end);
        cmark_node* const after = cmark_node_next(line_end);
        if (before == nullptr || after == nullptr) continue;
        if (!joins_without_space(plain_text(before), plain_text(after))) continue;
        cmark_node_unlink(line_end);
        cmark_node_free(line_end);
    }
}

// A listing's marker becomes the name of the file that is shown; every other HTML block goes.
void name_listings(cmark_node* document, const LinkRewriter& rewrite_link) {
    static constexpr std::string_view opening = "<!-- listing: ";
    for (cmark_node* block : nodes_of(document, {CMARK_NODE_HTML_BLOCK})) {
        std::string_view marker = text_of(cmark_node_get_literal(block));
        std::string html;
        if (marker.substr(0, opening.size()) == opening) {
            marker.remove_prefix(opening.size());
            const std::string path(marker.substr(0, marker.find_first_of(" \n")));
            const std::string address = rewrite_link("/" + path);
            if (!address.empty()) {
                html =
                    fmt::format("<p class=\"from\"><a href=\"{}\">{}</a></p>", escape_html(address), escape_html(path));
            }
        }
        replace_by_html(block, html);
    }
}

void draw_code(cmark_node* document) {
    for (cmark_node* code : nodes_of(document, {CMARK_NODE_CODE_BLOCK})) {
        replace_by_html(code,
                        code_box(text_of(cmark_node_get_fence_info(code)), text_of(cmark_node_get_literal(code))));
    }
}

void draw_figures(cmark_node* document) {
    for (cmark_node* image : nodes_of(document, {CMARK_NODE_IMAGE})) {
        cmark_node* const paragraph = cmark_node_parent(image);
        const bool alone = cmark_node_get_type(paragraph) == CMARK_NODE_PARAGRAPH &&
                           cmark_node_first_child(paragraph) == image && cmark_node_last_child(paragraph) == image;
        if (!alone) continue;
        replace_by_html(paragraph,
                        fmt::format("<figure tabindex=\"0\"><img src=\"{}\" alt=\"{}\"></figure>",
                                    escape_html(text_of(cmark_node_get_url(image))), escape_html(plain_text(image))));
    }
}

}  // namespace

void prepare_markdown() {
    cmark_gfm_core_extensions_ensure_registered();
}

std::string code_box(std::string_view language, std::string_view text) {
    const bool is_cpp = language == "cpp" || language == "hpp";
    return fmt::format("<pre class=\"{}\" tabindex=\"0\"><code>{}</code></pre>", is_cpp ? "cpp" : escape_html(language),
                       is_cpp ? highlight_cpp(text) : escape_html(text));
}

std::string markdown_to_html(std::string_view text, const LinkRewriter& rewrite_link) {
    cmark_syntax_extension* const tables = cmark_find_syntax_extension("table");
    const Document document = parse(text, tables);
    add_anchors(document.get());
    join_chinese_lines(document.get());
    rewrite_links(document.get(), rewrite_link);
    name_listings(document.get(), rewrite_link);
    draw_code(document.get());
    draw_figures(document.get());
    std::unique_ptr<cmark_llist, void (*)(cmark_llist*)> extensions(
        cmark_llist_append(cmark_get_default_mem_allocator(), nullptr, tables),
        [](cmark_llist* list) { cmark_llist_free(cmark_get_default_mem_allocator(), list); });
    const std::unique_ptr<char, TextDeleter> html(
        cmark_render_html(document.get(), CMARK_OPT_DEFAULT, extensions.get()));
    return std::string(text_of(html.get()));
}

}  // namespace course
