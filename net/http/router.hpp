// Which handler answers which request: by path, exact or with {names} for whole segments, then by method.
//
//     http::Router router;
//     router.get("/", hello);            // http::Response hello(const http::Request& request)
//     router.get("/users/{id}", user);   // or Coro<http::Response>: request.path_parameter("id")
//
// A handler is a plain function (Response), a coroutine (Coro<Response>) or an UpgradeHandler that takes the connection
// over. GET answers HEAD too. Exact paths win over patterns, patterns count in the order in which they were added.
// Filled before the server starts, and only read afterwards.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stepwise/net/http/message.hpp>
#include <stepwise/runtime/coro.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace stepwise::http {

class Upgrade;

// Takes a connection over for another protocol, after HTTP's last response on it.
class UpgradeHandler {
public:
    virtual ~UpgradeHandler() = default;
    // Nothing: `upgrade` was taken. A Response: it was refused. `request` is borrowed for the call; own() it to keep
    // it.
    virtual std::optional<Response> accept(Request& request, Upgrade& upgrade) = 0;
};

// The request is valid until the handler returns: for a coroutine, until its frame ends.
using PlainHandler = std::function<Response(const Request&)>;
using CoroHandler = std::function<Coro<Response>(const Request&)>;
using Handler = std::variant<PlainHandler, CoroHandler, std::shared_ptr<UpgradeHandler>>;

class Router {
public:
    template <class Function>
    Router& get(std::string_view path, Function handler) {
        return route("GET", path, std::move(handler));
    }
    template <class Function>
    Router& post(std::string_view path, Function handler) {
        return route("POST", path, std::move(handler));
    }
    // `path`: "/", "/users/{id}/posts". Throws std::invalid_argument for one that is not a path, or a second handler
    // for the same path and method.
    template <class Function>
    Router& route(std::string_view method, std::string_view path, Function handler) {
        add(method, path, make_handler(std::move(handler)));
        return *this;
    }
    // For every request whose path has no route, whatever its method.
    template <class Function>
    Router& fallback(Function handler) {
        fallback_ = make_handler(std::move(handler));
        return *this;
    }

    struct Match {
        const Handler* handler = nullptr;  // nullptr: no such path, or not this method
        std::string allow;                 // the methods that the path has, when the method is the reason
    };
    // Adds the path's parameters to `request`.
    Match match(Request& request) const;

private:
    struct Methods {
        std::vector<std::pair<std::string, Handler>> handlers;
        const Handler* find(std::string_view method) const;
    };
    struct Pattern {
        std::vector<std::string> segments;  // "{id}" is a parameter
        Methods methods;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
    };

    template <class Function>
    static Handler make_handler(Function handler) {
        if constexpr (std::is_convertible_v<Function, std::shared_ptr<UpgradeHandler>>) {
            return std::shared_ptr<UpgradeHandler>(std::move(handler));
        } else {
            static_assert(std::is_invocable_v<Function&, const Request&>, "a handler takes (const http::Request&)");
            using Result = std::invoke_result_t<Function&, const Request&>;
            static_assert(std::is_same_v<Result, Response> || std::is_same_v<Result, Coro<Response>>,
                          "a handler returns http::Response or Coro<http::Response>");
            if constexpr (std::is_same_v<Result, Response>) {
                return PlainHandler(std::move(handler));
            } else {
                return CoroHandler(std::move(handler));
            }
        }
    }
    void add(std::string_view method, std::string_view path, Handler handler);
    static void add_methods(const Methods& methods, std::string& allow);
    static bool matches(const Pattern& pattern, Request& request);

    std::unordered_map<std::string, Methods, Hash, std::equal_to<>> exact_;
    std::vector<Pattern> patterns_;
    std::optional<Handler> fallback_;
};

}  // namespace stepwise::http
