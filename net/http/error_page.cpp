#include <stepwise/net/http/error_page.hpp>

#include <cxxabi.h>
#include <fmt/format.h>
#include <stepwise/net/http/http_error.hpp>
#include <stepwise/runtime/diagnostics/await_chain.hpp>
#include <stepwise/runtime/event_loop.hpp>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>

namespace stepwise::http {

namespace {

std::string name_of(const std::type_info& type) {
    std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, nullptr),
                                                     &std::free);
    return name != nullptr ? name.get() : type.name();
}

void append_awaits(std::string& text, const std::exception_ptr& error) {
    for (const std::string& line : await_chain(error)) text += fmt::format("    {}\n", line);
}

// The exception, and each that is nested in it (std::throw_with_nested): one line, and those of its awaits.
void append_causes(std::string& text, const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        text += fmt::format("  {}: {}\n", name_of(typeid(known)), known.what());
        append_awaits(text, error);
        const auto* nested = dynamic_cast<const std::nested_exception*>(&known);
        if (nested != nullptr && nested->nested_ptr() != nullptr) append_causes(text, nested->nested_ptr());
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        text += fmt::format("  {}\n", type != nullptr ? name_of(*type) : "an exception without a type");
        append_awaits(text, error);
    }
}

std::optional<Response> meant_by(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const HttpError& meant) {
        return Response::error(meant.status(), meant.what());
    } catch (...) {
        return std::nullopt;
    }
}

}  // namespace

Response error_page(const std::exception_ptr& error, std::string_view what, bool debug, std::string_view more) {
    if (std::optional<Response> meant = meant_by(error)) return std::move(*meant);
    Response page = Response::error(500);
    if (!debug) return page;
    page.body += fmt::format("{} has thrown:\n", what);
    append_causes(page.body, error);
    page.body += more;
    // Some browsers would guess that it is a page.
    page.headers.set("X-Content-Type-Options", "nosniff");
    page.body += "(Debug mode shows this; STEPWISE_DEBUG and EventLoop::Options::debug decide.)\n";
    return page;
}

Response tell_failure(std::string_view what, std::string_view more) noexcept {
    if (std::optional<Response> meant = meant_by(std::current_exception())) return std::move(*meant);
    EventLoop& loop = EventLoop::current();
    loop.call_exception_handler(std::current_exception(), what);
    return error_page(std::current_exception(), what, loop.debug(), more);
}

}  // namespace stepwise::http
