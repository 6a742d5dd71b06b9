#include <fmt/format.h>
#include <stepwise/net/http/router.hpp>
#include <stepwise/net/http/target.hpp>

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
    std::string_view path = request.path();
    if (path.empty() || path.front() != '/') return false;
    path.remove_prefix(1);
    request.clear_path_parameters();
    for (std::size_t index = 0; index < pattern.segments.size(); ++index) {
        const std::string& wanted = pattern.segments[index];
        bool last = index + 1 == pattern.segments.size();
        if (last == (path.find('/') != std::string_view::npos)) return false;
        std::string_view segment = take_segment(path);
        if (is_parameter(wanted)) {
            if (segment.empty()) return false;
            request.add_path_parameter(std::string_view(wanted).substr(1, wanted.size() - 2), segment);
        } else if (segment != wanted) {
            return false;
        }
    }
    return true;
}

const Router::Methods* Router::find(Request& request) const {
    auto found = exact_.find(request.path());
    if (found != exact_.end()) return &found->second;
    for (const Pattern& pattern : patterns_) {
        if (matches(pattern, request)) return &pattern.methods;
    }
    return nullptr;
}

Router::Match Router::match(Request& request) const {
    Match match;
    if (const Methods* methods = find(request)) {
        match.handler = methods->find(request.method());
        if (match.handler != nullptr) return match;
        for (const auto& entry : methods->handlers) {
            if (!match.allow.empty()) match.allow += ", ";
            match.allow += entry.first == "GET" ? "GET, HEAD" : entry.first;
        }
        return match;
    }
    if (fallback_) match.handler = &*fallback_;
    return match;
}

}  // namespace stepwise::http
