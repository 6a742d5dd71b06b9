#include <fmt/format.h>
#include <stepwise/net/http/router.hpp>

#include <algorithm>
#include <stdexcept>

namespace stepwise::http {

namespace {

bool is_parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
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
    std::string_view encoded = request.raw_path();
    if (encoded.find('%') == std::string_view::npos) return false;
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

}  // namespace

const Handler* Router::Methods::find(std::string_view method) const {
    for (const auto& [name, handler] : handlers) {
        if (name == method) return &handler;
    }
    return method == "HEAD" ? find("GET") : nullptr;
}

void Router::add(std::string_view method, std::string_view path, Handler handler) {
    if (path.empty() || path.front() != '/') {
        throw std::invalid_argument(fmt::format("a route's path starts with '/', got '{}'", path));
    }
    Methods* methods = nullptr;
    if (path.find('{') == std::string_view::npos) {
        methods = &exact_[std::string(path)];
    } else {
        std::vector<std::string> segments = split(path);
        for (const std::string& segment : segments) {
            if (is_parameter(segment) || segment.find_first_of("{}") == std::string::npos) continue;
            throw std::invalid_argument(fmt::format("a parameter is a whole segment, '{{name}}', in '{}'", path));
        }
        for (Pattern& pattern : patterns_) {
            if (pattern.segments == segments) methods = &pattern.methods;
        }
        if (methods == nullptr) methods = &patterns_.emplace_back(Pattern{std::move(segments), {}}).methods;
    }
    for (const auto& entry : methods->handlers) {
        if (entry.first != method) continue;
        throw std::invalid_argument(fmt::format("{} {} has a handler already", method, path));
    }
    methods->handlers.emplace_back(method, std::move(handler));
}

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
        if (last == (encoded.find('/') != std::string_view::npos)) return false;
        std::string_view segment = path.substr(0, decoded_size(take_segment(encoded)));
        path.remove_prefix(last ? path.size() : segment.size() + 1);
        if (is_parameter(wanted)) {
            if (segment.empty()) return false;
            request.add_path_parameter(std::string_view(wanted).substr(1, wanted.size() - 2), segment);
        } else if (segment != wanted) {
            return false;
        }
    }
    return true;
}

void Router::add_methods(const Methods& methods, std::string& allow) {
    auto add = [&allow](const std::string& name) {
        if (fmt::format(", {}, ", allow).find(fmt::format(", {}, ", name)) != std::string::npos) return;
        if (!allow.empty()) allow += ", ";
        allow += name;
    };
    for (const auto& entry : methods.handlers) {
        add(entry.first);
        if (entry.first == "GET") add("HEAD");
    }
}

Router::Match Router::match(Request& request) const {
    Match match;
    auto exact = exact_.find(request.path());
    if (exact != exact_.end() && !has_escaped_slash(request)) {
        match.handler = exact->second.find(request.method());
        if (match.handler == nullptr) add_methods(exact->second, match.allow);
        return match;
    }
    for (const Pattern& pattern : patterns_) {
        if (!matches(pattern, request)) continue;
        match.handler = pattern.methods.find(request.method());
        if (match.handler != nullptr) return match;
        add_methods(pattern.methods, match.allow);
    }
    request.clear_path_parameters();
    if (match.allow.empty() && fallback_) match.handler = &*fallback_;
    return match;
}

}  // namespace stepwise::http
