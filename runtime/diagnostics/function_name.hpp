// A function's name as a person says it: what compilers, and demanglers, tell with its namespaces, types and arguments.
// Any thread.
#pragma once

#include <string>
#include <string_view>

namespace stepwise::detail {

// "stepwise::Coro<void> {anonymous}::serve(int)" and "serve(serve(int)::_Z….Frame*) [clone .actor]" are "serve()";
// "main()::<lambda(int)>" is "main::lambda()".
std::string plain_function_name(std::string_view full);

}  // namespace stepwise::detail
