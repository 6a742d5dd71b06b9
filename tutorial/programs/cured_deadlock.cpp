// Two transfers that lock the two accounts in the same order, whichever way the money goes.
//
// For the page on pitfalls, #deadlock. Its twin: broken_deadlock.
// Run:    STEPWISE_DEBUG=1 ./stepwise run cured_deadlock
// Try:    transfer from an account to itself. What is printed, and what would you have it do?
// Prints: A has 110, B has 90
#include <fmt/core.h>

#include <chrono>
#include <stepwise/runtime/gather.hpp>
#include <stepwise/runtime/sleep.hpp>
#include <stepwise/runtime/sync/lock.hpp>

namespace {

using namespace std::chrono_literals;
using stepwise::Coro;
using stepwise::Lock;

struct Account {
    int number;
    int balance = 100;
    Lock lock{};
};

//[ transfer
Coro<> transfer(Account& from, Account& to, int amount) {
    Account& first = from.number < to.number ? from : to;
    Account& second = from.number < to.number ? to : from;
    const Lock::Guard lower = co_await first.lock.acquire();
    co_await stepwise::sleep(10ms);  // asks the bank
    const Lock::Guard higher = co_await second.lock.acquire();
    from.balance -= amount;
    to.balance += amount;
}
//]

Coro<> app() {
    Account a{1};
    Account b{2};
    co_await stepwise::gather(transfer(a, b, 10), transfer(b, a, 20));
    fmt::print("A has {}, B has {}\n", a.balance, b.balance);
}

}  // namespace

int main() {
    stepwise::run(app());
}
