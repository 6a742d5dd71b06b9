// What a server may send to ws::Protocol.
#include <stepwise/tests/fuzz/websocket.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

const ws::Role stepwise::fuzz::fuzzed_role = ws::Role::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    check_conversation(fuzzed_role, input);
    check_functions(fuzzed_role, input);
    return 0;
}
