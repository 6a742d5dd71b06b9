#include <doctest/doctest.h>

#include <array>
#include <iterator>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <stepwise/runtime/generator.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using stepwise::Generator;

namespace {

using Lines = std::vector<std::string>;

// Notes its name in `lines` when it goes: what a test sees of a destructor.
class Witness {
public:
    Witness(Lines& lines, std::string name) : lines_(lines), name_(std::move(name)) {}
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;
    ~Witness() { lines_.push_back(name_ + " destroyed"); }

private:
    Lines& lines_;
    std::string name_;
};

Generator<int> countdown(int from) {
    for (int value = from; value > 0; --value) co_yield value;
}

Generator<int> narrated(Lines& lines) {
    lines.push_back("start");
    co_yield 1;
    lines.push_back("after 1");
    co_yield 2;
    lines.push_back("end");
}

Generator<double, double> running_average() {
    double sum = 0;
    double count = 0;
    double average = 0;
    while (true) {
        sum += co_yield average;
        count += 1;
        average = sum / count;
    }
}

Generator<int> fails_after_one() {
    co_yield 1;
    throw std::runtime_error("the body failed");
}

Generator<int> with_witnesses(Lines& lines) {
    Witness first(lines, "first");
    co_yield 1;
    Witness second(lines, "second");
    co_yield 2;
}

}  // namespace

TEST_SUITE("Generator") {
    TEST_CASE("next gives each value in order, then the end again and again") {
        auto numbers = countdown(3);
        CHECK(numbers.next() == 3);
        CHECK(numbers.next() == 2);
        CHECK(numbers.next() == 1);
        CHECK_FALSE(numbers.done());
        CHECK(numbers.next() == std::nullopt);
        CHECK(numbers.done());
        CHECK(numbers.next() == std::nullopt);
    }

    TEST_CASE("nothing of the body runs before the first next, and nothing beyond the co_yield") {
        Lines lines;
        auto steps = narrated(lines);
        CHECK(lines.empty());
        steps.next();
        CHECK(lines == Lines{"start"});
        steps.next();
        CHECK(lines == Lines{"start", "after 1"});
        steps.next();
        CHECK(lines == Lines{"start", "after 1", "end"});
    }

    TEST_CASE("a body that yields nothing is at its end after the first next") {
        auto none = countdown(0);
        CHECK_FALSE(none.done());
        CHECK(none.next() == std::nullopt);
        CHECK(none.done());
    }

    TEST_CASE("a range-for sees every value of a temporary generator") {
        std::vector<int> seen;
        for (int value : countdown(3)) seen.push_back(value);
        CHECK(seen == std::vector{3, 2, 1});
    }

    TEST_CASE("a range-for goes on from where next stopped, and a break leaves the rest") {
        auto numbers = countdown(5);
        numbers.next();
        for (int value : numbers) {
            if (value == 3) break;
        }
        CHECK(numbers.next() == 2);
        for (int value : numbers) CHECK(value == 1);
        for ([[maybe_unused]] int value : numbers) FAIL("a generator at its end gives nothing");
    }

    TEST_CASE("a generator is an input range of the standard library") {
        static_assert(std::ranges::input_range<Generator<int>>);
        static_assert(std::ranges::input_range<Generator<const std::string&>>);
        static_assert(std::ranges::input_range<Generator<std::unique_ptr<int>>>);
        auto numbers = countdown(3);
        auto odd = numbers | std::views::filter([](int value) { return value % 2 == 1; });
        std::vector<int> seen;
        for (int value : odd) seen.push_back(value);
        CHECK(seen == std::vector{3, 1});
    }

    TEST_CASE("send makes co_yield return the value and gives the next one") {
        auto average = running_average();
        CHECK(average.next() == 0.0);
        CHECK(average.send(10) == 10.0);
        CHECK(average.send(20) == 15.0);
        CHECK(average.send(30) == 20.0);
    }

    TEST_CASE("send before the first next is a logic_error and leaves the generator as it was") {
        auto average = running_average();
        CHECK_THROWS_WITH_AS(average.send(10),
                             "Generator::send(): no co_yield waits for a value yet; call next() once before",
                             std::logic_error);
        CHECK(average.next() == 0.0);
        CHECK(average.send(10) == 10.0);
    }

    TEST_CASE("a second next where the body waits for a value is a logic_error, and send still works") {
        auto average = running_average();
        average.next();
        CHECK_THROWS_WITH_AS(average.next(), "Generator::next(): co_yield waits for a value here; call send(value)",
                             std::logic_error);
        CHECK(average.send(8) == 8.0);
    }

    TEST_CASE("send that makes the body end gives the end, and later sends too") {
        Lines lines;
        const auto ask_once = [](Lines& answers) -> Generator<std::string, std::string> {
            answers.push_back(co_yield "name?");
        };
        auto dialogue = ask_once(lines);
        CHECK(dialogue.next() == "name?");
        CHECK(dialogue.send("Ann") == std::nullopt);
        CHECK(dialogue.done());
        CHECK(dialogue.send("Bo") == std::nullopt);
        CHECK(dialogue.next() == std::nullopt);
        CHECK(lines == Lines{"Ann"});
    }

    TEST_CASE("send takes a move-only value") {
        const auto unwrap = []() -> Generator<int, std::unique_ptr<int>> {
            std::unique_ptr<int> box = co_yield 0;
            while (box) box = co_yield *box;
        };
        auto boxes = unwrap();
        boxes.next();
        CHECK(boxes.send(std::make_unique<int>(7)) == 7);
        auto box = std::make_unique<int>(8);
        CHECK(boxes.send(std::move(box)) == 8);
        CHECK(boxes.send(nullptr) == std::nullopt);
    }

    TEST_CASE("an exception of the body comes out of next, and then it is the end") {
        auto failing = fails_after_one();
        CHECK(failing.next() == 1);
        CHECK_THROWS_WITH_AS(failing.next(), "the body failed", std::runtime_error);
        CHECK(failing.done());
        CHECK(failing.next() == std::nullopt);
    }

    TEST_CASE("an exception of the body comes out of send") {
        const auto picky = []() -> Generator<int, int> {
            int value = co_yield 0;
            if (value < 0) throw std::out_of_range("negative");
            co_yield value;
        };
        auto generator = picky();
        generator.next();
        CHECK_THROWS_AS(generator.send(-1), std::out_of_range);
        CHECK(generator.send(1) == std::nullopt);
    }

    TEST_CASE("an exception of the body comes out of a range-for, at the first step and at a later one") {
        const auto fails_at_once = []() -> Generator<int> {
            throw std::runtime_error("at once");
            co_return;
        };
        CHECK_THROWS_AS(
            [&] {
                for ([[maybe_unused]] int value : fails_at_once()) FAIL("no value");
            }(),
            std::runtime_error);
        int seen = 0;
        CHECK_THROWS_AS(
            [&] {
                for (int value : fails_after_one()) seen += value;
            }(),
            std::runtime_error);
        CHECK(seen == 1);
    }

    TEST_CASE("the body can catch what goes wrong inside it and go on") {
        const auto careful = []() -> Generator<int> {
            try {
                co_yield 1;
                throw std::runtime_error("inside");
            } catch (const std::runtime_error&) {
            }
            co_yield 2;
        };
        auto generator = careful();
        CHECK(generator.next() == 1);
        CHECK(generator.next() == 2);
        CHECK(generator.next() == std::nullopt);
    }

    TEST_CASE("a generator destroyed midway destroys the locals that live at its pause, last one first") {
        Lines lines;
        {
            auto generator = with_witnesses(lines);
            generator.next();
            CHECK(lines.empty());
        }
        CHECK(lines == Lines{"first destroyed"});
        lines.clear();
        {
            auto generator = with_witnesses(lines);
            generator.next();
            generator.next();
        }
        CHECK(lines == Lines{"second destroyed", "first destroyed"});
    }

    TEST_CASE("a generator destroyed unstarted runs nothing of its body and lets go of its arguments") {
        auto alive = std::make_shared<int>(1);
        const auto holds = [](std::shared_ptr<int> value) -> Generator<int> { co_yield *value; };
        {
            auto generator = holds(alive);
            CHECK(alive.use_count() == 2);
        }
        CHECK(alive.use_count() == 1);
    }

    TEST_CASE("a generator moves with its place, and what it moved from is at its end") {
        static_assert(!std::is_copy_constructible_v<Generator<int>>);
        static_assert(!std::is_copy_assignable_v<Generator<int>>);
        static_assert(std::is_nothrow_move_constructible_v<Generator<int>>);
        auto first = countdown(3);
        first.next();
        auto second = std::move(first);
        CHECK(first.done());  // NOLINT(bugprone-use-after-move): that state is what is tested
        CHECK(first.next() == std::nullopt);
        CHECK(second.next() == 2);
    }

    TEST_CASE("assigning another generator destroys the one that was there") {
        Lines lines;
        auto generator = with_witnesses(lines);
        generator.next();
        generator = countdown(1);
        CHECK(lines == Lines{"first destroyed"});
        CHECK(generator.next() == 1);
        auto& same = generator;
        generator = std::move(same);
        CHECK(generator.next() == std::nullopt);
    }

    TEST_CASE("an empty generator is at its end") {
        Generator<int, int> empty;
        CHECK(empty.done());
        CHECK(empty.next() == std::nullopt);
        CHECK(empty.send(1) == std::nullopt);
        for ([[maybe_unused]] int value : Generator<int>()) FAIL("an empty generator gives nothing");
    }

    TEST_CASE("values may be move-only, out of next and out of a range-for") {
        const auto boxes = []() -> Generator<std::unique_ptr<int>> {
            co_yield std::make_unique<int>(1);
            auto named = std::make_unique<int>(2);
            co_yield std::move(named);
        };
        auto generator = boxes();
        auto box = generator.next();
        REQUIRE(box);
        CHECK(**box == 1);
        int sum = 0;
        for (std::unique_ptr<int> value : boxes()) sum += *value;
        CHECK(sum == 3);
    }

    TEST_CASE("a yielded temporary is destroyed once, a yielded variable is copied and stays the body's") {
        auto counted = std::make_shared<int>(0);
        const auto copies = [](std::shared_ptr<int> value) -> Generator<std::shared_ptr<int>> {
            co_yield std::shared_ptr<int>(value);
            co_yield value;
            co_yield value;
        };
        {
            auto generator = copies(counted);
            while (auto value = generator.next()) CHECK(*value == counted);
        }
        CHECK(counted.use_count() == 1);
    }

    TEST_CASE("a Yield that is a reference lets the caller change the body's own value") {
        const auto cells = [](std::array<int, 3>& values) -> Generator<int&> {
            for (int& value : values) co_yield value;
        };
        std::array<int, 3> values{1, 2, 3};
        for (int& value : cells(values)) value *= 10;
        CHECK(values == std::array{10, 20, 30});
        auto generator = cells(values);
        int* first = generator.next();
        REQUIRE(first != nullptr);
        CHECK(first == &values[0]);
        generator.next();
        generator.next();
        CHECK(generator.next() == nullptr);
    }

    TEST_CASE("a reference to a temporary is good until the generator goes on") {
        const auto words = []() -> Generator<const std::string&> {
            co_yield std::string("a word that is too long for the small string");
            co_yield "another word that is too long for the small string";
        };
        Lines seen;
        for (const std::string& word : words()) seen.push_back(word);
        CHECK(seen == Lines{"a word that is too long for the small string",
                            "another word that is too long for the small string"});
    }

    TEST_CASE("a generator can be the value that another one yields") {
        const auto rows = []() -> Generator<Generator<int>> {
            co_yield countdown(2);
            co_yield countdown(1);
        };
        std::vector<int> seen;
        for (Generator<int> row : rows()) {
            for (int value : row) seen.push_back(value);
        }
        CHECK(seen == std::vector{2, 1, 1});
    }

    TEST_CASE("two generators of one function keep their places apart") {
        auto left = countdown(3);
        auto right = countdown(3);
        left.next();
        left.next();
        CHECK(right.next() == 3);
        CHECK(left.next() == 1);
    }
}
