#include <stepwise/runtime/wait.hpp>
#include <stepwise/tests/runtime/support.hpp>

#include <optional>
#include <stdexcept>

namespace {

using namespace runtime_test;

Coro<int> after(Duration duration, int value) {
    co_await sleep(duration);
    co_return value;
}

Coro<int> fails_after(Duration duration, std::string what) {
    co_await sleep(duration);
    throw std::runtime_error(what);
}

// "1 3 | 2": the results of those that are done, then how many are pending.
Coro<std::string> waited(std::vector<Task<int>> tasks, WaitFor until) {
    Waited<int> all = co_await wait(tasks, until);
    std::string text;
    for (const Future<int>& done : all.done) {
        text += done.cancelled() ? "cancelled " : done.exception() ? "failed " : std::to_string(done.result()) + " ";
    }
    co_return text + "| " + std::to_string(all.pending.size());
}

Coro<Log> in_order_of_ends(std::vector<Task<int>> tasks) {
    Log log;
    auto completed = as_completed(tasks);
    while (auto next = co_await completed.next()) {
        log.push_back(next->exception() ? "failed" : std::to_string(next->result()));
    }
    co_return log;
}

struct Scene : World {
    std::vector<Task<int>> tasks() {
        return {loop.create_task(after(3s, 3)), loop.create_task(fails_after(2s, "broke")),
                loop.create_task(after(1s, 1))};
    }
    std::vector<Coro<int>> bodies() {
        std::vector<Coro<int>> all;
        all.push_back(after(3s, 3));
        all.push_back(after(1s, 1));
        return all;
    }
};

}  // namespace

TEST_CASE("wait gives those that are done and those that are not, in the order in which they were given") {
    Scene scene;
    CHECK(scene.run(waited(scene.tasks(), WaitFor::first_completed)) == "1 | 2");
    CHECK(scene.elapsed() == 1s);
    CHECK(scene.run(waited(scene.tasks(), WaitFor::first_exception)) == "failed 1 | 1");
    CHECK(scene.elapsed() == 3s);
    CHECK(scene.run(waited(scene.tasks(), WaitFor::all)) == "3 failed 1 | 0");
    CHECK(scene.elapsed() == 6s);
    CHECK(scene.run(waited({}, WaitFor::all)) == "| 0");
}

TEST_CASE("wait is over at once where it was over before") {
    Scene scene;
    std::vector<Task<int>> tasks = scene.tasks();
    CHECK(scene.run(waited(tasks, WaitFor::all)) == "3 failed 1 | 0");
    for (WaitFor until : {WaitFor::all, WaitFor::first_completed, WaitFor::first_exception}) {
        CHECK(scene.run(waited(tasks, until)) == "3 failed 1 | 0");
    }
    CHECK(scene.elapsed() == 3s);
    tasks.push_back(scene.loop.create_task(after(1s, 4)));
    CHECK(scene.run(waited(tasks, WaitFor::first_exception)) == "3 failed 1 | 1");
    CHECK(scene.run(waited(tasks, WaitFor::all)) == "3 failed 1 4 | 0");
    CHECK(scene.elapsed() == 4s);
}

TEST_CASE("a cancelled task counts as an exception for wait") {
    Scene scene;
    std::vector<Task<int>> tasks = {scene.loop.create_task(after(5s, 5)), scene.loop.create_task(after(1h, 0))};
    scene.turns(1);
    tasks[1].cancel();
    CHECK(scene.run(waited(tasks, WaitFor::first_exception)) == "cancelled | 1");
}

TEST_CASE("a cancelled wait leaves the futures alone") {
    Scene scene;
    std::vector<Task<int>> tasks = {scene.loop.create_task(after(2s, 2)), scene.loop.create_task(after(3s, 3))};
    Task<std::string> waiting = scene.loop.create_task(waited(tasks, WaitFor::all));
    scene.turns(2);
    waiting.cancel();
    scene.turns(1);
    CHECK(waiting.cancelled());
    scene.run(sleep_for(4s));
    CHECK(tasks[0].result() == 2);
    CHECK(tasks[1].result() == 3);
}

TEST_CASE("a wait that was cancelled may be awaited again, and one that is over has nothing left") {
    Scene scene;
    struct Bodies {
        static Coro<std::string> waits_again(std::vector<Task<int>> tasks, std::optional<Task<std::string>>& self) {
            std::vector<Future<int>> futures(tasks.begin(), tasks.end());
            auto all = wait(futures);
            try {
                co_await all;
            } catch (const CancelledError&) {
                self->uncancel();
            }
            Waited<int> waited = co_await all;
            Waited<int> nothing = co_await all;
            co_return std::to_string(waited.done.size()) + " " + std::to_string(nothing.done.size());
        }
    };
    std::vector<Task<int>> tasks;
    for (int count = 0; count < 40; ++count) tasks.push_back(scene.loop.create_task(after(2s, count)));
    std::optional<Task<std::string>> waiting;
    waiting = scene.loop.create_task(Bodies::waits_again(tasks, waiting));
    scene.turns(2);
    waiting->cancel();
    CHECK(scene.loop.run_until_complete(*waiting) == "40 0");
}

TEST_CASE("as_completed gives futures in the order of their ends, those first that had ended") {
    Scene scene;
    CHECK(scene.run(in_order_of_ends(scene.tasks())) == Log{"1", "failed", "3"});
    std::vector<Task<int>> tasks = {scene.loop.create_task(after(1s, 1)), scene.loop.create_task(after(0s, 0))};
    scene.turns(3);
    CHECK(scene.run(in_order_of_ends(tasks)) == Log{"0", "1"});
    CHECK(scene.run(in_order_of_ends({})).empty());
}

TEST_CASE("a cancelled next has taken nothing") {
    Scene scene;
    std::vector<Task<int>> tasks = {scene.loop.create_task(after(2s, 2))};
    auto completed = as_completed(tasks);
    struct Bodies {
        static Coro<int> next(AsCompleted<int>& completed) {
            auto future = co_await completed.next();
            co_return future ? future->result() : -1;
        }
    };
    Task<int> first = scene.loop.create_task(Bodies::next(completed));
    scene.turns(1);
    first.cancel();
    scene.turns(1);
    CHECK(first.cancelled());
    CHECK(scene.run(Bodies::next(completed)) == 2);
    CHECK(scene.run(Bodies::next(completed)) == -1);
}

TEST_CASE("race gives the first result, and the others are cancelled before it returns") {
    Scene scene;
    CHECK(scene.run(race(scene.bodies())) == 1);
    CHECK(scene.elapsed() == 1s);
    CHECK(scene.loop.task_count() == 0);
    CHECK_THROWS_AS(scene.run(race(std::vector<Coro<int>>())), std::invalid_argument);
    std::vector<Coro<>> nothing;
    nothing.push_back(sleep_for(2s));
    scene.run(race(std::move(nothing)));
    CHECK(scene.lost.empty());
}

TEST_CASE("race throws what the first to end threw; what a loser still fails with is reported") {
    Scene scene;
    struct Bodies {
        static Coro<int> fails_when_cancelled() {
            try {
                co_await sleep(1h);
            } catch (const CancelledError&) {
                throw std::runtime_error("could not stop");
            }
            co_return 0;
        }
    };
    std::vector<Coro<int>> bodies = scene.bodies();
    bodies.push_back(fails_after(500ms, "broke first"));
    bodies.push_back(Bodies::fails_when_cancelled());
    CHECK_THROWS_WITH(scene.run(race(std::move(bodies))), "broke first");
    CHECK(scene.lost == Log{"could not stop"});
}

TEST_CASE("a cancelled race cancels all who run, and waits for them") {
    Scene scene;
    Task<int> racing = scene.loop.create_task(race(scene.bodies()));
    scene.turns(2);
    racing.cancel();
    scene.turns(4);
    CHECK(racing.cancelled());
    CHECK(scene.loop.task_count() == 0);
}
