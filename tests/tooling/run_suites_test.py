#!/usr/bin/env python3
"""The collector's arithmetic: no way of ending badly may come out as a pass."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
import run_suites  # noqa: E402

DOCTEST = ("[doctest] test cases:  3 | {} passed | {} failed | {} skipped\n"
           "[doctest] assertions: 9 | 9 passed | 0 failed |\n")


def judge(stdout, result="OK", returncode=0):
    judged = run_suites.judge(
        {"name": "stepwise:unit / task", "stdout": stdout, "result": result, "returncode": returncode, "duration": 1.5})
    return (judged.passed, judged.failed, judged.skipped), judged


class CollectorTest(unittest.TestCase):
    def test_a_doctest_line_is_counted(self):
        counts, judged = judge(DOCTEST.format(3, 0, 0))
        self.assertEqual((counts, judged.note, judged.name), ((3, 0, 0), "", "task"))

    def test_a_plain_line_is_counted_and_the_last_one_wins(self):
        self.assertEqual(judge("1 passed, 0 failed, 0 skipped\n4 passed, 0 failed, 0 skipped\n")[0], (4, 0, 0))

    def test_failed_cases_are_counted(self):
        self.assertEqual(judge(DOCTEST.format(1, 2, 0), "FAIL", 1)[0], (1, 2, 0))

    def test_a_case_that_says_it_was_skipped_counts_as_skipped_with_its_reason(self):
        counts, judged = judge("SKIPPED io_uring: the kernel refuses it\n" + DOCTEST.format(3, 0, 0))
        self.assertEqual((counts, judged.reasons), ((2, 0, 1), ["io_uring: the kernel refuses it"]))

    def test_a_skip_without_a_reason_is_shown_as_such(self):
        self.assertEqual(judge(DOCTEST.format(3, 0, 2))[1].reasons, ["2 case(s) without a reason"])

    def test_a_suite_skipped_as_a_whole_needs_a_reason(self):
        self.assertEqual(judge("SKIPPED browser: no browser\n", "SKIP", 77)[0], (0, 0, 1))
        self.assertEqual(judge("", "SKIP", 77)[0], (0, 1, 0))

    def test_silence_is_a_failure(self):
        self.assertEqual(judge("all good\n")[0], (0, 1, 0))

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(judge("0 passed, 0 failed, 0 skipped\n")[0], (0, 1, 0))

    def test_a_crash_before_the_count_is_a_failure_with_the_signal(self):
        counts, judged = judge("", "FAIL", -11)
        self.assertEqual((counts, judged.note), ((0, 1, 0), "ended by signal 11"))

    def test_a_crash_after_the_count_is_a_failure(self):
        counts, judged = judge(DOCTEST.format(3, 0, 0), "FAIL", 66)
        self.assertEqual((counts, judged.note), ((3, 1, 0), "exit code 66, though no test case failed"))

    def test_a_timeout_is_a_failure(self):
        self.assertEqual(judge("", "TIMEOUT", -15)[1].note, "timed out")

    def test_an_exit_code_that_hides_failures_does_not(self):
        self.assertEqual(judge(DOCTEST.format(2, 1, 0))[0], (2, 1, 0))

    def test_a_failure_comes_with_the_case_that_failed(self):
        rule = "=" * 79 + "\n"
        case = "a_test.cpp:7:\nTEST CASE:  it rains\n\na_test.cpp:9: ERROR: CHECK( wet ) is NOT correct!\n"
        output = "noise\n" + rule + case + "\n" + rule + DOCTEST.format(2, 1, 0)
        self.assertEqual(judge(output, "FAIL", 1)[1].evidence, [line for line in case.splitlines() if line])

    def test_the_first_failed_case_of_a_script_is_named_with_the_end_of_its_traceback(self):
        frames = "".join(f"  frame {number}\n" for number in range(50))
        output = (f"ok      one\nFAILED  two\nTraceback:\n{frames}KeyError: 'why'\n\n" +
                  "".join(f"ok      number {number}\n" for number in range(50)) + "51 passed, 1 failed, 0 skipped\n")
        evidence = judge(output, "FAIL", 1)[1].evidence
        self.assertEqual((evidence[0], evidence[-1], len(evidence)),
                         ("FAILED  two", "KeyError: 'why'", run_suites.EVIDENCE_LINES_MAX))

    def test_a_failure_without_a_case_comes_with_its_last_lines(self):
        output = "".join(f"line {number}\n" for number in range(100))
        evidence = judge(output, "TIMEOUT", -15)[1].evidence
        self.assertEqual((evidence[-1], len(evidence)), ("line 99", run_suites.EVIDENCE_LINES_MAX))

    def test_a_pass_needs_no_evidence(self):
        self.assertEqual(judge(DOCTEST.format(3, 0, 0))[1].evidence, [])

    def test_meson_options_are_compared_as_meson_writes_them(self):
        self.assertTrue(run_suites.same_value("true", True))
        self.assertTrue(run_suites.same_value("enabled", "enabled"))
        self.assertFalse(run_suites.same_value("address,undefined", "none"))
        self.assertTrue(run_suites.same_value("-g1", ["-g1"]))
        self.assertFalse(run_suites.same_value("-g1", []))


if __name__ == "__main__":
    python_suite.main()
