// Two transfers, each of which has locked one account and wants the other one.
//
// For the page on pitfalls, #deadlock. Its twin: cured_deadlock.
// Run:    STEPWISE_DEBUG=1 ./stepwise run broken_deadlock
// Try:    take out the sleep. Why is there no deadlock any more, and why is it no cure?
// Prints: ended: ...                        stepwise: deadlock: 2 task(s) wait for each other in a circle
#include <fmt/core.h>

#include <chrono>
#include <stdexcept>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/lock.hpp>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::Lock;

struct Account {
    int balance = 100;
    Lock lock;
};

//[ transfer
Coro<> transfer(Account& from, Account& to, int amount) {
    const Lock::Guard source = co_await from.lock.acquire();
    co_await stepwise::sleep(10ms);                         // asks the bank
    const Lock::Guard target = co_await to.lock.acquire();  // the mistake: who comes first depends on the caller
    from.balance -= amount;
    to.balance += amount;
}
//]

Coro<> app() {
    Account a;
    Account b;
    co_await stepwise::gather(transfer(a, b, 10), transfer(b, a, 20));
    fmt::print("A has {}, B has {}\n", a.balance, b.balance);
}

}  // namespace

int main() {
    try {
        stepwise::run(app());
    } catch (const std::logic_error& error) {
        fmt::print("ended: {}\n", error.what());
    }
}
