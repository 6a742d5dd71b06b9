"""Runs the unittest cases of one script as a suite: one line per case, `SKIPPED name: reason` for what could not run,
and the closing line that tests/run_suites.py adds up. Does not look for tests in other files."""

import sys
import unittest


class LineResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = 0
        self.failed = 0
        self._case_failed = False

    @staticmethod
    def _title(test):
        # The sentence that the method's name spells.
        return test.id().split(".")[-1].removeprefix("test_").replace("_", " ")

    def startTest(self, test):
        super().startTest(test)
        self._case_failed = False

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        print(f"ok      {self._title(test)}", flush=True)

    def _add_failed(self, test, text):
        if not self._case_failed:
            self.failed += 1
        self._case_failed = True
        print(f"FAILED  {self._title(test)}\n{text}", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add_failed(test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._add_failed(test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._add_failed(test, f"with {dict(subtest.params)}:\n{self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIPPED {self._title(test)}: {reason}", flush=True)


def main():
    """Runs the cases of the script that calls this and ends the process with 0 if all of them passed."""
    result = LineResult()
    unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]).run(result)
    print(f"{result.passed} passed, {result.failed} failed, {len(result.skipped)} skipped", flush=True)
    sys.exit(1 if result.failed or not result.testsRun else 0)
