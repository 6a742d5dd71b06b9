// An iterator: an object that knows where it stands, and takes one step each time that it is asked.
//
// For the glossary.
// Run:    ./stepwise run tiny_iterator
// Try:    count down in steps of two. When is the end reached?
// Prints: 3, 2 and 1
#include <fmt/core.h>

#include <iterator>
#include <stepwise/net/options.hpp>

namespace {

//[ countdown
class Countdown {
public:
    explicit Countdown(int from) : number_(from) {}

    Countdown begin() const { return *this; }
    std::default_sentinel_t end() const { return {}; }

    int operator*() const { return number_; }
    Countdown& operator++() {
        --number_;
        return *this;
    }
    bool operator==(std::default_sentinel_t) const { return number_ == 0; }

private:
    int number_;  // where it stands
};
//]

}  // namespace

int main(int argc, char** argv) {
    stepwise::net::parse_demo_options(argc, argv, "An iterator counts down.");

    for (const int number : Countdown(3)) fmt::print("{}\n", number);
}
