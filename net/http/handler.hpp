// What may answer a request, told apart by its parameters and by what it returns:
//
//     router.get("/", hello);            // http::Response hello(const http::Request&): plain
//     router.get("/user", user);         // Coro<http::Response> user(const http::Request&): may wait
//     router.post("/upload", upload);    // Coro<http::Response> upload(const http::Request&, http::RequestBody&)
//     router.get("/download", download); // Coro<> download(const http::Request&, http::ResponseWriter&), or all three
//     router.get("/ask", ask);           // void ask(const http::Request&, http::Responder): answers in a callback
//
// Who does not ask for the body gets it collected, in request.body(). The request is valid until the handler returns:
// of a coroutine until its frame ends, of a callback until the Responder has answered. All on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/responder.hpp>
#include <stepwise/runtime/coro.hpp>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace stepwise::http {

class RequestBody;
class ResponseWriter;
class Upgrade;

// Takes a connection over for another protocol, after HTTP's last response on it.
class UpgradeHandler {
public:
    virtual ~UpgradeHandler() = default;
    // Nothing: `upgrade` was taken. A Response: it was refused. `request` is borrowed for the call; own() it to keep
    // it.
    virtual std::optional<Response> accept(Request& request, Upgrade& upgrade) = 0;
};

using PlainHandler = std::function<Response(const Request&)>;
using CoroHandler = std::function<Coro<Response>(const Request&)>;
using BodyHandler = std::function<Coro<Response>(const Request&, RequestBody&)>;
using WriterHandler = std::function<Coro<void>(const Request&, ResponseWriter&)>;
using StreamHandler = std::function<Coro<void>(const Request&, RequestBody&, ResponseWriter&)>;
using CallbackHandler = std::function<void(const Request&, Responder)>;
using Handler = std::variant<PlainHandler, CoroHandler, BodyHandler, WriterHandler, StreamHandler, CallbackHandler,
                             std::shared_ptr<UpgradeHandler>>;

// Whether it reads the body itself.
inline bool streams_body(const Handler& handler) {
    return std::holds_alternative<BodyHandler>(handler) || std::holds_alternative<StreamHandler>(handler);
}

// Plain functions around the handlers of a router and of those that are mounted on it. `before`: a Response answers in
// the handler's place. `after`: changes what was answered, before it is written; of a streamed response the head, whose
// `body` is empty.
using BeforeFunction = std::function<std::optional<Response>(const Request&)>;
using AfterFunction = std::function<void(const Request&, Response&)>;

struct Middleware {
    std::vector<BeforeFunction> before;
    std::vector<AfterFunction> after;
    std::shared_ptr<const Middleware> outer;  // of the router on which this one is mounted

    bool empty() const { return before.empty() && after.empty() && (outer == nullptr || outer->empty()); }
    // From the outermost inwards, until one answers.
    std::optional<Response> answer_before(const Request& request) const;
    // From the innermost outwards.
    void change_after(const Request& request, Response& response) const;
};

namespace detail {

template <class Function, class... Args>
using ResultOf = std::invoke_result_t<Function&, const Request&, Args...>;

template <class Function>
Handler make_handler(Function handler) {
    if constexpr (std::is_convertible_v<Function, std::shared_ptr<UpgradeHandler>>) {
        return std::shared_ptr<UpgradeHandler>(std::move(handler));
    } else if constexpr (std::is_invocable_v<Function&, const Request&>) {
        using Result = ResultOf<Function>;
        static_assert(std::is_same_v<Result, Response> || std::is_same_v<Result, Coro<Response>>,
                      "a handler of (const http::Request&) returns http::Response or Coro<http::Response>");
        if constexpr (std::is_same_v<Result, Response>) {
            return PlainHandler(std::move(handler));
        } else {
            return CoroHandler(std::move(handler));
        }
    } else if constexpr (std::is_invocable_v<Function&, const Request&, RequestBody&>) {
        static_assert(std::is_same_v<ResultOf<Function, RequestBody&>, Coro<Response>>,
                      "a handler that reads its body returns Coro<http::Response>");
        return BodyHandler(std::move(handler));
    } else if constexpr (std::is_invocable_v<Function&, const Request&, ResponseWriter&>) {
        static_assert(std::is_same_v<ResultOf<Function, ResponseWriter&>, Coro<void>>,
                      "a handler that writes its response returns Coro<>");
        return WriterHandler(std::move(handler));
    } else if constexpr (std::is_invocable_v<Function&, const Request&, RequestBody&, ResponseWriter&>) {
        static_assert(std::is_same_v<ResultOf<Function, RequestBody&, ResponseWriter&>, Coro<void>>,
                      "a handler that reads its body and writes its response returns Coro<>");
        return StreamHandler(std::move(handler));
    } else {
        static_assert(std::is_invocable_v<Function&, const Request&, Responder>,
                      "a handler takes (const http::Request&), perhaps with an http::RequestBody&, an "
                      "http::ResponseWriter& or both behind it, or with an http::Responder");
        static_assert(std::is_void_v<ResultOf<Function, Responder>>, "a handler with an http::Responder returns void");
        return CallbackHandler(std::move(handler));
    }
}

}  // namespace detail

}  // namespace stepwise::http
