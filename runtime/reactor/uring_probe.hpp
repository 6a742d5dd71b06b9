// What io_uring can do here: found out by doing it, in a small ring that is thrown away.
//
// Version numbers tell nothing: containers forbid it, distributions disable it, kernels are patched.
#pragma once

#include <string>

namespace stepwise {

struct UringSupport {
    std::string why_not;  // not empty: no io_uring here, and this is the reason, in one line
    unsigned setup_flags = 0;
    bool multishot = false;  // multishot receive, with a ring of provided buffers, and so accept too (Linux 6.0)
};

UringSupport probe_uring();

}  // namespace stepwise
