// Where io_uring is forbidden or missing, and what is said then. A system call filter of one thread plays the
// container.
#include <stepwise/tests/runtime/reactor/contract.hpp>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <iterator>

using namespace contract;

namespace {

// From now on, on this thread, the call `number` fails with `error`. False: this machine allows no filters.
bool forbid(long number, unsigned error) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

struct Attempt {
    bool filtered = false;
    bool made = false;
    std::string why_not;
};

Attempt attempt_without(long number, unsigned error) {
    Attempt attempt;
    std::thread inside([&] {
        attempt.filtered = forbid(number, error);
        Loop loop;
        loop.reactor = make_uring_reactor(loop, {}, attempt.why_not);
        attempt.made = loop.reactor != nullptr;
    });
    inside.join();
    return attempt;
}

}  // namespace

TEST_CASE("there is an io_uring reactor, or one line that says why not") {
    Loop loop;
    std::string why_not = "left from before";
    loop.reactor = make_uring_reactor(loop, {}, why_not);
    CHECK((loop.reactor != nullptr) == why_not.empty());
    CHECK(why_not.find('\n') == std::string::npos);
    if (loop.reactor != nullptr) CHECK(loop.reactor->name() == "io_uring");
}

TEST_CASE("a container that forbids io_uring is named as the reason") {
    Loop loop;
    std::string why_not;
    loop.reactor = make_uring_reactor(loop, {}, why_not);
    if (loop.reactor == nullptr) return;
    for (long call : {SYS_io_uring_setup, SYS_io_uring_enter}) {
        CAPTURE(call);
        Attempt attempt = attempt_without(call, EPERM);
        if (!attempt.filtered) return;
        CHECK(!attempt.made);
        CHECK(attempt.why_not.find("forbidden") != std::string::npos);
    }
}

TEST_CASE("a kernel without io_uring is named as the reason") {
    Loop loop;
    std::string why_not;
    loop.reactor = make_uring_reactor(loop, {}, why_not);
    if (loop.reactor == nullptr) return;
    Attempt attempt = attempt_without(SYS_io_uring_setup, ENOSYS);
    if (!attempt.filtered) return;
    CHECK(!attempt.made);
    CHECK(attempt.why_not.find("no io_uring") != std::string::npos);
}

TEST_CASE("a kernel that registers nothing still gives a reason") {
    Loop loop;
    std::string why_not;
    loop.reactor = make_uring_reactor(loop, {}, why_not);
    if (loop.reactor == nullptr) return;
    Attempt attempt = attempt_without(SYS_io_uring_register, EPERM);
    if (!attempt.filtered) return;
    CHECK(!attempt.made);
    CHECK(!attempt.why_not.empty());
}

TEST_CASE("a number of receive buffers that is no power of two is the caller's mistake") {
    Loop loop;
    std::string why_not;
    loop.reactor = make_uring_reactor(loop, {}, why_not);
    if (loop.reactor == nullptr) return;
    loop.reactor.reset();
    CHECK_THROWS_AS(loop.reactor = make_uring_reactor(loop, {.receive_buffers = 100}, why_not), std::logic_error);
}
