// Stands in for uring_reactor.cpp in a build without liburing.
#include <stepwise/runtime/reactor/reactor.hpp>

namespace stepwise {

std::unique_ptr<Reactor> make_uring_reactor(ReactorHost&, const ReactorOptions&, std::string& why_not) {
    why_not = "this build has no io_uring: liburing was not found, or disabled with -During=disabled";
    return nullptr;
}

}  // namespace stepwise
