// A generator: a function that keeps its place. The same numbers as tiny_iterator, written as the loop that they are.
//
// For the glossary.
// Run:    ./stepwise run tiny_generator
// Try:    count down in steps of two. Was it easier than in tiny_iterator?
// Prints: 3, 2 and 1
#include <fmt/core.h>

#include <stepwise/net/options.hpp>
#include <stepwise/runtime/generator.hpp>

namespace {

//[ countdown
stepwise::Generator<int> countdown(int from) {
    for (int number = from; number > 0; --number) co_yield number;
}
//]

}  // namespace

int main(int argc, char** argv) {
    stepwise::net::parse_demo_options(argc, argv, "A generator counts down.");

    for (const int number : countdown(3)) fmt::print("{}\n", number);
}
