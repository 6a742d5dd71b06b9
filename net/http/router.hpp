// Which handler answers which request: by path, then by method.
//
//     http::Router router;
//     router.get("/", hello);            // http::Response hello(const http::Request& request)
//     router.get("/users/{id}", user);   // or Coro<http::Response>: request.path_parameter("id")
//
// What may be a handler says handler.hpp. "{id}" is one whole segment, a last "{path...}" all that is left. Exact paths
// win over patterns, those over expressions, these over fallbacks; among equals the first that was added. GET answers
// HEAD too, and OPTIONS is answered with what a path has. Filled before the server starts, only read afterwards.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stepwise/net/http/handler.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stepwise::http {

class Router {
public:
    using Place = std::source_location;

    // An expression looks at no more of a path than this; a longer one does not match it.
    static constexpr std::size_t matched_path_bytes_max = 1024;

    Router() : middleware_(std::make_shared<Middleware>()) {}

    template <class Function>
    Router& get(std::string_view path, Function handler, Place where = Place::current()) {
        return route("GET", path, std::move(handler), where);
    }
    template <class Function>
    Router& post(std::string_view path, Function handler, Place where = Place::current()) {
        return route("POST", path, std::move(handler), where);
    }
    // `path`: "/", "/users/{id}/posts", "/files/{path...}". Throws std::invalid_argument for one that is not a path, or
    // a second handler for the same path and method.
    template <class Function>
    Router& route(std::string_view method, std::string_view path, Function handler, Place where = Place::current()) {
        route_entry(method, path, Entry{detail::make_handler(std::move(handler)), middleware_, where});
        return *this;
    }
    // For paths that the whole of an ECMAScript expression matches: R"(/items/(\d+))". What its groups matched is
    // path_parameter("1") and so on. Takes polynomial time whatever the path. Throws std::invalid_argument for one that
    // is none.
    template <class Function>
    Router& route_matching(std::string_view method, std::string_view expression, Function handler,
                           Place where = Place::current()) {
        Entry entry{detail::make_handler(std::move(handler)), middleware_, where};
        methods_of_expression("", std::string(expression)).add(method, expression, std::move(entry));
        return *this;
    }
    // For every request whose path has no route, whatever its method; of a mounted router, below its prefix.
    template <class Function>
    Router& fallback(Function handler, Place where = Place::current()) {
        add_fallback("", Entry{detail::make_handler(std::move(handler)), middleware_, where});
        return *this;
    }
    // All routes of `other`, below `prefix`: "/api", which may have {names} too. What is done before and after them is
    // done within what is done before and after those of this one. Throws std::invalid_argument as route() does.
    Router& mount(std::string_view prefix, Router other);

    // Called around every handler of this router, in the order in which they are given: see Middleware.
    Router& before(BeforeFunction function);
    Router& after(AfterFunction function);

    struct Entry {
        Handler handler;
        std::shared_ptr<const Middleware> middleware;
        Place where;  // of the call that added it
    };
    struct Methods;
    struct Match {
        const Handler* handler = nullptr;  // nullptr: no such path, or not this method
        const Entry* entry = nullptr;      // whose handler it is
        std::string allow;                 // the methods that the path has, when the method is the reason

        bool take(const Methods& methods, std::string_view method);
    };
    // Adds the path's parameters to `request`.
    Match match(Request& request) const;
    // Of requests that no handler answers.
    const Middleware& middleware() const { return *middleware_; }

    // What one path has.
    struct Methods {
        std::vector<std::pair<std::string, Entry>> entries;
        const Entry* find(std::string_view method) const;
        void add(std::string_view method, std::string_view path, Entry entry);
    };

private:
    struct Pattern {
        std::string path;
        std::vector<std::string> segments;  // "{id}" is a parameter, a last "{path...}" the rest
        Methods methods;
    };
    struct Compiled;  // a std::regex, which is too heavy for a header
    struct Expression {
        std::string prefix;  // of mounts
        std::string text;
        std::shared_ptr<const Compiled> compiled;
        Methods methods;
    };
    struct Fallback {
        std::string prefix;
        Entry entry;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
    };

    void route_entry(std::string_view method, std::string_view path, Entry entry) {
        methods_of_path(path).add(method, path, std::move(entry));
    }
    void add_fallback(std::string prefix, Entry entry);
    Methods& methods_of_path(std::string_view path);
    Methods& methods_of_expression(const std::string& prefix, const std::string& text);
    bool match_patterns(Request& request, Match& match) const;
    bool match_expressions(Request& request, Match& match) const;
    void match_fallbacks(const Request& request, Match& match) const;
    static bool matches(const Pattern& pattern, Request& request);

    std::unordered_map<std::string, Methods, Hash, std::equal_to<>> exact_;
    std::vector<Pattern> patterns_;
    std::vector<Expression> expressions_;
    std::vector<Fallback> fallbacks_;  // the longest prefix first
    std::shared_ptr<Middleware> middleware_;
};

}  // namespace stepwise::http
