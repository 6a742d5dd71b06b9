// The program behind `./stepwise explore`.
#include <stepwise/tests/sim/explore/properties.hpp>

namespace explore {

bool may_have_broken() {
    for (const sim::Faults::Struck& struck : sim::world().faults.struck()) {
        switch (struck.fault) {
            case sim::Fault::reset:
            case sim::Fault::cut:
            case sim::Fault::refuse:
            case sim::Fault::no_buffers:
            case sim::Fault::stall:
            case sim::Fault::half_close:
            case sim::Fault::partition:
            case sim::Fault::slow_reader:
                return true;
            default:
                break;
        }
    }
    return false;
}

std::string random_text(Trial& trial, std::size_t bytes_max) {
    // Mostly short.
    std::size_t size = trial.random.below(10) == 0 ? trial.random.below(bytes_max) : trial.random.below(100);
    std::string text(size, ' ');
    for (char& letter : text) letter = static_cast<char>('a' + trial.random.below(26));
    return text;
}

}  // namespace explore

int main(int argc, char** argv) {
    using namespace explore;
    const std::vector<Property> properties{
        {"echo", echo},
        {"http", http_keep_alive},
        {"chat", chat},
    };
    return main_of(properties, argc, argv);
}
