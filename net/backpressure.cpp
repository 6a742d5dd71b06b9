#include <stepwise/net/backpressure.hpp>
#include <stepwise/runtime/diagnostics/lint.hpp>
#include <stepwise/runtime/diagnostics/stack_trace.hpp>
#include <stepwise/runtime/wait_description.hpp>

#include <fmt/format.h>

namespace stepwise::net {

void report_no_backpressure(const Transport& transport, std::string_view what_follows, std::string_view cure) noexcept {
    if (!transport.loop().debug()) return;
    raise_made(Lint::Rule::no_backpressure, [&] {
        Lint lint{Lint::Rule::no_backpressure,
                  fmt::format("{} bytes are queued for descriptor {}{}: {}", transport.queued_bytes(), transport.fd(),
                              describe_socket(transport.fd()), what_follows),
                  {},
                  std::string(cure)};
        std::string site = detail::first_place_of_program(detail::capture_stack());
        if (!site.empty()) lint.details.push_back("written at " + site);
        return lint;
    });
}

}  // namespace stepwise::net
