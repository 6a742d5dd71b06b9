#!/usr/bin/env python3
"""What the demos print: in both languages, with waits scaled down, and for threads only what must come before what.

Usage: demos_test.py FOLDER_WITH_THE_BUILT_DEMOS
"""

import concurrent.futures
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from demo_runs import LANGUAGES, SOURCES, DemoCase, lines_of, output, start  # noqa: E402

PLAIN = ("sync", "generator", "future_task")
TIMED = ("sync_slow", "callback", "coroutine_v1", "coroutine_v2", "coroutine_v3", "coroutine")
TALKING = ("on_close", "gather", "sender", "students", "polling")  # what they print: talking_demos_test.py
THREADS = ("background_loop", "thread_push")  # thread_demos_test.py
BANNER_LINES_MAX = 15


def answers_of(lines):
    return [line.text for line in lines if " got: " in line.text]


class Sync(DemoCase):
    def test_sync_prints_all_of_A_and_then_all_of_B(self):
        self.assertEqual(output("sync", "en"), "A in\nA out\nB in\nB out\n")
        self.assertEqual(output("sync", "zh"), "A 进入\nA 离开\nB 进入\nB 离开\n")

    def test_sync_slow_keeps_B_and_C_waiting_until_A_is_out(self):
        def check(lines):
            self.assert_thread(lines, "main", [
                "A in", "io begins", "io ends", "A got: data-A", "A out", "B in", "B out", "C in", "C out"])
            self.assert_takes(lines, "A in", "B in", 5)
            self.assert_takes(lines, "B in", "B out", 2)
            self.assert_takes(lines, "A in", "C out", 7)

        self.check_in_both_languages(check, "sync_slow")

    def test_sync_slow_draws_bars_that_do_not_overlap(self):
        bars = re.findall(r"^([ABC]) ( *)(\|=*)$", output("sync_slow", "en"), re.MULTILINE)
        self.assertEqual([name for name, _, _ in bars], ["A", "B", "C"])
        end = 0
        for name, before, bar in bars:
            self.assertGreaterEqual(len(before), end, f"{name} begins before the one ahead of it ends")
            end = len(before) + len(bar) - 1
        self.assertGreaterEqual(end, 14)


class Callback(DemoCase):
    def test_A_leaves_before_its_answer_comes_and_B_and_C_are_served_meanwhile(self):
        def check(lines):
            self.assert_thread(lines, "main", ["A in", "A out", "B in", "B out", "C in", "C out"])
            self.assert_thread(lines, "io", ["io begins", "io ends", "callback in", "A got: data-A", "callback out"])
            self.assert_order(lines, "A in", "io begins")
            self.assert_order(lines, "C out", "io ends", "A got: data-A")
            self.assert_takes(lines, "io begins", "io ends", 5)

        self.check_in_both_languages(check, "callback")

    def test_the_process_waits_for_the_last_line_of_its_thread(self):
        def check(lines):
            self.assertEqual(lines[-1].text, "callback out")

        self.check_in_both_languages(check, "callback")


class Generator(DemoCase):
    def test_values_flow_out_and_in_and_the_end_is_a_value(self):
        self.assertEqual(output("generator", "en").splitlines(), [
            "made: nothing runs yet", "  countdown begins", "took 3", "took 2", "took 1", "  countdown ends",
            "the end: no value, no error", "average of 10 20 30 so far: 10 15 20",
            "  countdown begins", "a for loop took 2", "a for loop took 1", "  countdown ends"])
        self.assertEqual(output("generator", "zh").splitlines(), [
            "已创建: 什么都没运行", "  倒数开始", "取出 3", "取出 2", "取出 1", "  倒数结束",
            "到头了: 没有值，也没有错误", "10 20 30 一路的平均: 10 15 20",
            "  倒数开始", "for 循环取出 2", "for 循环取出 1", "  倒数结束"])


TWO_AT_ONCE = "-- two at once: D, A"
END = "the generator is at its end, which is no error"


def split_at_two(lines):
    at = next(place for place, line in enumerate(lines) if line.text == TWO_AT_ONCE)
    return lines[:at], lines[at + 1:]


class Coroutines(DemoCase):
    def test_one_request_waits_while_B_and_C_are_served_in_all_three_versions(self):
        def check(lines):
            alone, _ = split_at_two(lines)
            alone = [line for line in alone if line.text != END]
            self.assert_thread(alone, "main", ["A in", "B in", "B out", "C in", "C out", "A got: data-A", "A out"])
            self.assert_thread(alone, "io", ["io begins: A", "io ends: A"])
            self.assert_order(alone, "A in", "io begins: A")
            self.assert_order(alone, "C out", "io ends: A", "A got: data-A")
            self.assert_takes(alone, "io begins: A", "io ends: A", 5)

        self.check_in_both_languages(check, "coroutine_v1", "coroutine_v2", "coroutine_v3")

    def test_versions_1_and_2_come_to_the_end_of_a_generator_without_an_error(self):
        def check(lines):
            alone, _ = split_at_two(lines)
            self.assertEqual(alone[-1].text, END)

        self.check_in_both_languages(check, "coroutine_v1", "coroutine_v2")

    def test_versions_1_and_2_give_the_answer_for_D_to_A_and_lose_D_and_the_answer_for_A(self):
        def check(lines):
            _, both = split_at_two(lines)
            self.assert_thread(both, "main", [
                "D in", "A in", "A got: data-D", "A out", END, "nobody waits for data-A"])
            self.assert_order(both, "io ends: D", "A got: data-D")
            self.assert_order(both, "io ends: A", "nobody waits for data-A")

        self.check_in_both_languages(check, "coroutine_v1", "coroutine_v2")

    def test_version_3_gives_each_of_two_at_once_its_own_answer(self):
        def check(lines):
            _, both = split_at_two(lines)
            self.assert_thread(both, "main", [
                "D in", "A in", "D got: data-D", "D out", "A got: data-A", "A out"])
            self.assert_order(both, "A in", "io ends: D", "D got: data-D")
            self.assert_order(both, "io begins: A", "io ends: A", "A got: data-A")

        self.check_in_both_languages(check, "coroutine_v3")


class Runtime(DemoCase):
    def test_the_coroutine_waits_on_the_loop_while_B_and_C_go_on_and_C_does_not_wait_for_B(self):
        def check(lines):
            alone, both = split_at_two(lines)
            self.assert_thread(alone, "main", [
                "A in", "io begins: A", "B in", "C in", "C out", "B out", "io ends: A", "A got: data-A", "A out"])
            self.assert_takes(alone, "io begins: A", "io ends: A", 5)
            self.assert_takes(alone, "B in", "B out", 2)
            self.assert_thread(both, "main", [
                "D in", "io begins: D", "A in", "io begins: A", "io ends: D", "D got: data-D", "D out",
                "io ends: A", "A got: data-A", "A out"])
            self.assert_takes(both, "io begins: A", "io ends: A", 5)

        self.check_in_both_languages(check, "coroutine")

    def test_the_coroutine_starts_no_thread(self):
        for language in LANGUAGES:
            self.assertNotIn("| io", output("coroutine", language))

    def test_a_future_and_a_task_change_at_once_and_tell_in_the_next_turn(self):
        self.assertEqual(output("future_task", "en").splitlines(), [
            "future: pending", "set_result(42)", "future: result 42, no callback has run",
            "-- turn 1", "  callback 1 got 42", "  callback 2 got 42",
            "set_result(43): refused", "future: result 42",
            "broken: exception (no disk)", "given_up: cancelled",
            "task: pending",
            "-- turn 2", "  step: begins, awaits the number",
            "task: pending, suspended", "number.set_result(41): wakeup, the task is only queued",
            "-- turn 3", "  step: got 41, returns 42", "task: result 42",
            "-- turn 4", "  callback: the task gave 42"])
        self.assertEqual(output("future_task", "zh").splitlines(), [
            "future: pending", "set_result(42)", "future: result 42，回调还没运行",
            "-- 第 1 轮", "  回调 1 得到 42", "  回调 2 得到 42",
            "set_result(43): 被拒绝", "future: result 42",
            "broken: exception (no disk)", "given_up: cancelled",
            "task: pending",
            "-- 第 2 轮", "  step: 开始，等 number",
            "task: pending, suspended", "number.set_result(41): wakeup，task 只是排进队列",
            "-- 第 3 轮", "  step: 得到 41，返回 42", "task: result 42",
            "-- 第 4 轮", "  回调: task 给出 42"])


class FourStyles(DemoCase):
    """Sync, callback, generator and coroutine on the runtime: one answer, four orders."""

    def lines_of_one_round(self, name):
        lines = lines_of(name, "en", self.scale)
        places = [place for place, line in enumerate(lines) if line.text == TWO_AT_ONCE]
        return lines[:places[0]] if places else lines

    def check_order_of_the_lesson(self, name, expected):
        def check():
            lines = self.lines_of_one_round(name)
            self.assertEqual(answers_of(lines), ["A got: data-A"])
            said = [line.text for line in lines]
            for text in ("A in", "B in", "B out", "C in", "C out"):
                self.assertIn(text, said)
            self.assertEqual([text for text in said if text in ("B in", "A got: data-A", "A out")], expected)

        self.in_time(check)

    def test_sync_answers_and_leaves_before_it_serves_the_next(self):
        self.check_order_of_the_lesson("sync_slow", ["A got: data-A", "A out", "B in"])

    def test_callback_leaves_serves_the_next_and_answers_last(self):
        self.check_order_of_the_lesson("callback", ["A out", "B in", "A got: data-A"])

    def test_generator_serves_the_next_and_still_leaves_after_its_answer(self):
        self.check_order_of_the_lesson("coroutine_v3", ["B in", "A got: data-A", "A out"])

    def test_coroutine_on_the_runtime_serves_the_next_and_still_leaves_after_its_answer(self):
        self.check_order_of_the_lesson("coroutine", ["B in", "A got: data-A", "A out"])


class Flags(DemoCase):
    def test_help_leaves_with_0_and_names_the_flags(self):
        for name in PLAIN + TIMED + TALKING + THREADS:
            with self.subTest(demo=name):
                done = start(name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("--lang", done.stdout)
                self.assertIn("--scale", done.stdout)

    def test_a_wrong_argument_leaves_with_2_and_one_line_on_stderr(self):
        for name in PLAIN + TIMED + TALKING + THREADS:
            for argument in ("--nope", "--lang=fr", "--scale=0"):
                with self.subTest(demo=name, argument=argument):
                    done = start(name, argument)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertRegex(done.stderr, rf"\A{name}: [^\n]+\n\Z")

    def test_LANG_chooses_the_language_and_the_flag_wins(self):
        self.assertEqual(start("sync", LANG="zh_CN.UTF-8").stdout, output("sync", "zh"))
        self.assertEqual(start("sync", LANG="en_US.UTF-8").stdout, output("sync", "en"))
        self.assertEqual(start("sync").stdout, output("sync", "en"))
        self.assertEqual(start("sync", "--lang", "en", LANG="zh_CN.UTF-8").stdout, output("sync", "en"))


class Sources(DemoCase):
    def test_a_demo_opens_with_a_banner_of_at_most_15_lines_that_says_how_to_run_it(self):
        sources = sorted(SOURCES.glob("[0-9][0-9]_*.cpp"))
        self.assertGreaterEqual(len(sources), len(PLAIN + TIMED + TALKING + THREADS))
        for source in sources:
            with self.subTest(demo=source.name):
                lines = source.read_text(encoding="utf-8").splitlines()
                banner = next(place for place, line in enumerate(lines) if not line.startswith("//"))
                self.assertTrue(0 < banner <= BANNER_LINES_MAX, f"{banner} lines")
                text = "\n".join(lines[:banner])
                for part in ("The demo before it:", "Run:", "Try:", "Prints:", f"run {source.name[:2]}"):
                    self.assertIn(part, text)

    def test_the_map_of_the_folder_names_every_demo(self):
        readme = (SOURCES / "README.md").read_text(encoding="utf-8")
        for source in SOURCES.glob("[0-9][0-9]_*.cpp"):
            self.assertIn(f"({source.name})", readme)


if __name__ == "__main__":
    # They sleep more than they work: all at once, before the cases look at what was printed.
    with concurrent.futures.ThreadPoolExecutor() as together:
        runs = [together.submit(output, name, language) for name in PLAIN + TIMED for language in LANGUAGES]
        concurrent.futures.wait(runs)  # what went wrong shows in the case that looks at it: a failed run is not cached
    python_suite.main()
