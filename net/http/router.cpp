// g++ 12 with sanitizers warns of libstdc++'s own <regex> (a false alarm, in what is inlined of it).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <fmt/format.h>
#include <stepwise/net/http/router.hpp>

#include <algorithm>
#include <array>
#include <regex>
#include <stdexcept>

namespace stepwise::http {

struct Router::Compiled {
    // The flag: without it libstdc++'s matcher recurses once for each byte, and tries every way there is.
    explicit Compiled(const std::string& text)
        : regex(text, std::regex::ECMAScript | std::regex_constants::__polynomial) {}

    std::regex regex;
};

namespace {

bool is_parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool is_rest(std::string_view segment) {
    return is_parameter(segment) && segment.ends_with("...}");
}

std::string_view name_of(std::string_view parameter) {
    std::string_view name = parameter.substr(1, parameter.size() - 2);
    if (is_rest(parameter)) name.remove_suffix(3);
    return name;
}

// The text up to the next slash, which is taken off `path` together with it.
std::string_view take_segment(std::string_view& path) {
    std::size_t slash = path.find('/');
    std::string_view segment = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    return segment;
}

// The bytes that `encoded` decodes to; its escapes are whole ones.
std::size_t decoded_size(std::string_view encoded) {
    return encoded.size() - 2 * static_cast<std::size_t>(std::count(encoded.begin(), encoded.end(), '%'));
}

// A slash that was sent as %2F is part of a name and separates nothing.
bool has_escaped_slash(const Request& request) {
    if (!request.head().path_has_escapes()) return false;
    std::string_view encoded = request.raw_path();
    std::string_view path = request.path();
    return std::count(path.begin(), path.end(), '/') != std::count(encoded.begin(), encoded.end(), '/');
}

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> segments;
    path.remove_prefix(1);
    for (;;) {
        bool last = path.find('/') == std::string_view::npos;
        segments.emplace_back(take_segment(path));
        if (last) return segments;
    }
}

void check_segments(const std::vector<std::string>& segments, std::string_view path) {
    for (std::size_t index = 0; index < segments.size(); ++index) {
        const std::string& segment = segments[index];
        if (is_rest(segment) && index + 1 != segments.size()) {
            throw std::invalid_argument(
                fmt::format("'{}' takes all that is left: it must stand last, in '{}'", segment, path));
        }
        if (is_parameter(segment) && !name_of(segment).empty()) continue;
        if (segment.find_first_of("{}") == std::string::npos) continue;
        throw std::invalid_argument(fmt::format("a parameter is a whole segment, '{{name}}', in '{}'", path));
    }
}

void add_to(std::string& allow, std::string_view method) {
    if (fmt::format(", {}, ", allow).find(fmt::format(", {}, ", method)) != std::string::npos) return;
    if (!allow.empty()) allow += ", ";
    allow += method;
}

template <class Entries>
void add_methods(const Entries& entries, std::string& allow) {
    for (const auto& entry : entries) {
        add_to(allow, entry.first);
        if (entry.first == "GET") add_to(allow, "HEAD");
    }
}

}  // namespace

std::optional<Response> Middleware::answer_before(const Request& request) const {
    if (outer != nullptr) {
        if (std::optional<Response> answer = outer->answer_before(request)) return answer;
    }
    for (const BeforeFunction& function : before) {
        if (std::optional<Response> answer = function(request)) return answer;
    }
    return std::nullopt;
}

void Middleware::change_after(const Request& request, Response& response) const {
    for (const AfterFunction& function : after) function(request, response);
    if (outer != nullptr) outer->change_after(request, response);
}

// ---- filling it

const Router::Entry* Router::Methods::find(std::string_view method) const {
    for (const auto& [name, entry] : entries) {
        if (name == method) return &entry;
    }
    return method == "HEAD" ? find("GET") : nullptr;
}

void Router::Methods::add(std::string_view method, std::string_view path, Entry entry) {
    for (const auto& other : entries) {
        if (other.first == method)
            throw std::invalid_argument(fmt::format("{} {} has a handler already", method, path));
    }
    entries.emplace_back(method, std::move(entry));
}

Router::Methods& Router::methods_of_path(std::string_view path) {
    if (path.empty() || path.front() != '/') {
        throw std::invalid_argument(fmt::format("a route's path starts with '/', got '{}'", path));
    }
    if (path.find('{') == std::string_view::npos) return exact_[std::string(path)];
    std::vector<std::string> segments = split(path);
    check_segments(segments, path);
    for (Pattern& pattern : patterns_) {
        if (pattern.segments == segments) return pattern.methods;
    }
    return patterns_.emplace_back(Pattern{std::string(path), std::move(segments), {}}).methods;
}

Router::Methods& Router::methods_of_expression(const std::string& prefix, const std::string& text) {
    for (Expression& expression : expressions_) {
        if (expression.prefix == prefix && expression.text == text) return expression.methods;
    }
    try {
        return expressions_.emplace_back(Expression{prefix, text, std::make_shared<Compiled>(text), {}}).methods;
    } catch (const std::regex_error& error) {
        throw std::invalid_argument(fmt::format("'{}' is no expression: {}", text, error.what()));
    }
}

void Router::add_fallback(std::string prefix, Entry entry) {
    auto same = std::find_if(fallbacks_.begin(), fallbacks_.end(),
                             [&](const Fallback& other) { return other.prefix == prefix; });
    if (same != fallbacks_.end()) fallbacks_.erase(same);
    auto shorter = std::find_if(fallbacks_.begin(), fallbacks_.end(),
                                [&](const Fallback& other) { return other.prefix.size() < prefix.size(); });
    fallbacks_.insert(shorter, Fallback{std::move(prefix), std::move(entry)});
}

Router& Router::mount(std::string_view prefix, Router other) {
    if (prefix.size() < 2 || prefix.front() != '/' || prefix.back() == '/') {
        throw std::invalid_argument(fmt::format("a prefix starts with '/' and does not end with it, got '{}'", prefix));
    }
    const std::string begin(prefix);
    const bool has_parameters = prefix.find('{') != std::string_view::npos;
    if (has_parameters && !(other.expressions_.empty() && other.fallbacks_.empty())) {
        throw std::invalid_argument(fmt::format("'{}' has parameters: no expression and no fallback below it", prefix));
    }
    for (auto& [path, methods] : other.exact_) {
        for (auto& [method, entry] : methods.entries) route_entry(method, begin + path, std::move(entry));
    }
    for (Pattern& pattern : other.patterns_) {
        for (auto& [method, entry] : pattern.methods.entries) {
            route_entry(method, begin + pattern.path, std::move(entry));
        }
    }
    for (Expression& expression : other.expressions_) {
        Methods& methods = methods_of_expression(begin + expression.prefix, expression.text);
        for (auto& [method, entry] : expression.methods.entries) methods.add(method, expression.text, std::move(entry));
    }
    for (Fallback& fallback : other.fallbacks_) add_fallback(begin + fallback.prefix, std::move(fallback.entry));
    other.middleware_->outer = middleware_;
    return *this;
}

Router& Router::before(BeforeFunction function) {
    middleware_->before.push_back(std::move(function));
    return *this;
}

Router& Router::after(AfterFunction function) {
    middleware_->after.push_back(std::move(function));
    return *this;
}

// ---- looking something up

bool Router::matches(const Pattern& pattern, Request& request) {
    std::string_view encoded = request.raw_path();
    std::string_view path = request.path();
    request.clear_path_parameters();
    if (encoded.empty() || encoded.front() != '/') return false;
    encoded.remove_prefix(1);
    path.remove_prefix(1);
    for (std::size_t index = 0; index < pattern.segments.size(); ++index) {
        const std::string& wanted = pattern.segments[index];
        bool last = index + 1 == pattern.segments.size();
        if (is_rest(wanted)) {
            request.add_path_parameter(name_of(wanted), path);
            return true;
        }
        if (last == (encoded.find('/') != std::string_view::npos)) return false;
        std::string_view segment = path.substr(0, decoded_size(take_segment(encoded)));
        path.remove_prefix(last ? path.size() : segment.size() + 1);
        if (is_parameter(wanted)) {
            if (segment.empty()) return false;
            request.add_path_parameter(name_of(wanted), segment);
        } else if (segment != wanted) {
            return false;
        }
    }
    return true;
}

bool Router::Match::take(const Methods& methods, std::string_view method) {
    entry = methods.find(method);
    if (entry == nullptr) add_methods(methods.entries, allow);
    return entry != nullptr;
}

bool Router::match_patterns(Request& request, Match& match) const {
    for (const Pattern& pattern : patterns_) {
        if (matches(pattern, request) && match.take(pattern.methods, request.method())) return true;
    }
    request.clear_path_parameters();
    return false;
}

bool Router::match_expressions(Request& request, Match& match) const {
    static constexpr std::array<std::string_view, 10> names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    if (expressions_.empty() || request.path().size() > matched_path_bytes_max || has_escaped_slash(request)) {
        return false;
    }
    for (const Expression& expression : expressions_) {
        if (!request.path().starts_with(expression.prefix)) continue;
        const std::string_view path = request.path().substr(expression.prefix.size());
        std::cmatch groups;
        if (!std::regex_match(path.data(), path.data() + path.size(), groups, expression.compiled->regex)) continue;
        if (!match.take(expression.methods, request.method())) continue;
        for (std::size_t number = 1; number < std::min(groups.size(), names.size()); ++number) {
            if (!groups[number].matched) continue;
            request.add_path_parameter(names[number], {groups[number].first, groups[number].second});
        }
        return true;
    }
    return false;
}

void Router::match_fallbacks(const Request& request, Match& match) const {
    const std::string_view path = request.path();
    for (const Fallback& fallback : fallbacks_) {
        if (!path.starts_with(fallback.prefix)) continue;
        if (!fallback.prefix.empty() && path.size() > fallback.prefix.size() && path[fallback.prefix.size()] != '/') {
            continue;
        }
        match.entry = &fallback.entry;
        return;
    }
    // "OPTIONS *" asks about the whole server (RFC 9110 §9.3.7).
    if (request.head().target_form() != TargetForm::asterisk) return;
    for (const auto& [path_of_it, methods] : exact_) add_methods(methods.entries, match.allow);
    for (const Pattern& pattern : patterns_) add_methods(pattern.methods.entries, match.allow);
    for (const Expression& expression : expressions_) add_methods(expression.methods.entries, match.allow);
}

Router::Match Router::match(Request& request) const {
    Match match;
    auto exact = exact_.find(request.path());
    if (exact != exact_.end() && !has_escaped_slash(request)) {
        match.take(exact->second, request.method());
    } else if (!match_patterns(request, match) && !match_expressions(request, match) && match.allow.empty()) {
        match_fallbacks(request, match);
    }
    if (match.entry != nullptr) {
        match.handler = &match.entry->handler;
        match.allow.clear();
    } else if (!match.allow.empty()) {
        add_to(match.allow, "OPTIONS");
    }
    return match;
}

}  // namespace stepwise::http
