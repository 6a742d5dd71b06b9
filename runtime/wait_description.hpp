// What a suspended task waits for, told by its awaiter: in words for a reader, as futures for who looks for a cycle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stepwise {

class FutureBase;

// " to 127.0.0.1:80, 2400 bytes sent that the peer has not acknowledged"; empty for what is no socket. tcp(7).
std::string describe_socket(int socket);

struct WaitDescription {
    void waits_for_future(const FutureBase& future) { futures.push_back(&future); }
    void waits_for_descriptor(const char* call, int fd);

    std::string what;                        // "recv on descriptor 7"; empty: only the futures
    std::vector<const FutureBase*> futures;  // all of these, or one of these
    std::uint32_t holder_task_id = 0;        // the task that holds it; 0: none is known
    bool outside = false;                    // something outside of the program's tasks can end it: the kernel, a clock
};

}  // namespace stepwise
