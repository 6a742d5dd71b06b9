#!/usr/bin/env python3
"""Builds each configuration of the matrix, runs its suites with Meson and adds up their test cases.

Called by `./stepwise test [--quick]`. A suite is one Meson test. It says how many cases it ran by doctest's closing
line or by `N passed, N failed, N skipped` alone on a line; a case that could not run prints `SKIPPED name: reason`.
Whatever hides a count (a crash, a timeout, a build that fails, no case at all) is itself a failed test with a name.
"""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCTEST_LINE = re.compile(
    r"^\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped", re.MULTILINE)
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
SKIPPED_LINE = re.compile(r"^SKIPPED (.+)$", re.MULTILINE)
# tests/python_suite.py: a case's line, and what it says of a failure until the next case's line or the counts.
SCRIPT_FAILED_CASE = re.compile(
    r"^FAILED  .*?(?=^ok      |^FAILED  |^SKIPPED |^\d+ passed, |\Z)", re.MULTILINE | re.DOTALL)
DOCTEST_RULE = "=" * 79
EVIDENCE_LINES_MAX = 20
SKIP_EXIT_CODE = 77  # Meson's and automake's word for "this whole suite could not run here"


@dataclasses.dataclass(frozen=True)
class Configuration:
    title: str
    folder: str
    options: tuple
    compiler: str = "ccache g++"
    suite: str = ""  # a Meson suite; empty means all of them
    environment: tuple = ()
    fixed_addresses: bool = False


COMMON = ("-Dwerror=true", "-Dtests=enabled")
# Precompiled headers and debug information of lines alone take a third off a build. The first configuration does
# without both: there, a file that leaves out a header fails, and a debugger sees variables.
UNIT_ONLY = COMMON + ("-Ddemos=disabled", "-Dbenches=disabled", "-Db_pch=true", "-Dcpp_args=-g1")
MATRIX = (
    Configuration("g++ debugoptimized, all suites", "build",
                  COMMON + ("-Dbuildtype=debugoptimized", "-Ddemos=enabled", "-Dbenches=enabled", "-Db_pch=false")),
    Configuration("g++ -O0", "build-debug", UNIT_ONLY + ("-Dbuildtype=debug",), suite="unit"),
    # Sanitizers see every access of a build that is not optimised; an optimised one takes g++ three to four times as
    # long (ASan + UBSan: 23 minutes of processor time instead of 9).
    Configuration("g++ ASan + UBSan", "build-asan",
                  UNIT_ONLY + ("-Dbuildtype=debug", "-Db_sanitize=address,undefined"), suite="unit",
                  environment=(("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1"),
                               ("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1"))),
    # ThreadSanitizer of g++ 12 cannot start where the kernel spreads addresses over more than 28 bits.
    Configuration("g++ TSan, without the protocols, which have no threads", "build-tsan",
                  UNIT_ONLY + ("-Dbuildtype=debug", "-Db_sanitize=thread"),
                  suite="unit", environment=(("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1"),),
                  fixed_addresses=True),
    # With the planted bugs, of which none is put in but by the suite that looks for them: no build of its own.
    Configuration("clang 19 debugoptimized", "build-clang",
                  UNIT_ONLY + ("-Dbuildtype=debugoptimized", "-Dplanted_bugs=true"),
                  compiler="ccache clang++-19", suite="unit"),
)


@dataclasses.dataclass
class SuiteResult:
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""
    reasons: list = dataclasses.field(default_factory=list)
    evidence: list = dataclasses.field(default_factory=list)


def read_counts(output):
    """(passed, failed, skipped) from a suite's output, or None when it printed no count."""
    doctest = DOCTEST_LINE.findall(output)
    if doctest:
        _, passed, failed, skipped = map(int, doctest[-1])
        # doctest cannot skip a case that has begun: such a case says so itself and would count as passed.
        begun_and_skipped = min(passed, len(SKIPPED_LINE.findall(output)))
        return passed - begun_and_skipped, failed, skipped + begun_and_skipped
    plain = COUNT_LINE.findall(output)
    return tuple(map(int, plain[-1])) if plain else None


def describe_end(record):
    """Why a suite ended badly, in words; empty if it ended well."""
    result, code = record["result"], record["returncode"]
    if result == "TIMEOUT":
        return "timed out"
    if result == "INTERRUPT":
        return "interrupted"
    if code < 0 or code > 128:
        return f"ended by signal {-code if code < 0 else code - 128}"
    if result not in ("OK", "SKIP", "EXPECTEDFAIL"):
        return f"exit code {code}"
    return ""


def evidence_of(output):
    """The lines that say best why a suite failed: the first case that did, of doctest's or of a script's, else the
    last that it printed. A script's case is shown with its end, where the traceback says what went wrong."""
    for case in output.split(DOCTEST_RULE):
        if "ERROR:" in case or "FATAL" in case:
            return [line for line in case.splitlines() if line.strip()][:EVIDENCE_LINES_MAX]
    script = SCRIPT_FAILED_CASE.search(output)
    if script:
        title, *traceback = [line for line in script[0].splitlines() if line.strip()]
        return [title, *traceback[-(EVIDENCE_LINES_MAX - 1):]]
    return [line for line in output.splitlines() if line.strip()][-EVIDENCE_LINES_MAX:]


def judge(record):
    """One line of Meson's testlog.json as a SuiteResult."""
    result = count(record)
    if result.failed:
        result.evidence = evidence_of((record.get("stdout") or "") + "\n" + (record.get("stderr") or ""))
    return result


def count(record):
    output = record.get("stdout") or ""
    result = SuiteResult(record["name"].split(" / ")[-1].split(":")[-1], seconds=record.get("duration", 0.0))
    result.reasons = SKIPPED_LINE.findall(output)
    bad_end, counts = describe_end(record), read_counts(output)
    if record["returncode"] == SKIP_EXIT_CODE and counts is None and result.reasons:
        result.skipped = 1
        return result
    if counts is None:
        result.failed, result.note = 1, bad_end or "printed no count of its tests"
        return result
    result.passed, result.failed, result.skipped = counts
    if bad_end and result.failed == 0:
        result.failed, result.note = 1, f"{bad_end}, though no test case failed"
    elif bad_end and not re.fullmatch(r"exit code \d+", bad_end):
        result.note = bad_end
    elif not bad_end and result.failed:
        result.note = "exit code 0, though test cases failed"
    if result.passed + result.failed == 0 and not result.reasons:
        result.failed, result.note = 1, "ran no test"
    if result.skipped > len(result.reasons):
        result.reasons.append(f"{result.skipped - len(result.reasons)} case(s) without a reason")
    return result


def current_options(folder):
    path = folder / "meson-info" / "intro-buildoptions.json"
    if not (folder / "build.ninja").exists() or not path.exists():
        return None
    return {option["name"]: option["value"] for option in json.loads(path.read_text())}


def same_value(wanted, value):
    if isinstance(value, list):
        return wanted.split() == value
    return wanted == (str(value).lower() if isinstance(value, bool) else str(value))


def run(command, **settings):
    print("+", " ".join(map(str, command)), flush=True)
    return subprocess.run(command, stdin=subprocess.DEVNULL, **settings).returncode


def build(configuration):
    """Configures and builds; returns the name of the step that failed, or an empty string."""
    folder = ROOT / configuration.folder
    options = current_options(folder)
    if options is None:
        environment = dict(os.environ, CXX=configuration.compiler)
        # Comes with binutils, and takes a third of the time of the linker that is taken else.
        if shutil.which("ld.gold"):
            environment.setdefault("CXX_LD", "gold")
        if run(["meson", "setup", folder, ROOT, *configuration.options], env=environment) != 0:
            return "configuring"
    else:
        wanted = dict(option[2:].split("=", 1) for option in configuration.options)
        changed = [f"-D{name}={value}" for name, value in wanted.items() if not same_value(value, options.get(name))]
        if changed and run(["meson", "configure", folder, *changed]) != 0:
            return "configuring"
    # Else ccache keeps nothing that was compiled with a precompiled header.
    environment = {"CCACHE_SLOPPINESS": "pch_defines,time_macros", **os.environ}
    return "building" if run(["ninja", "-C", folder], env=environment) != 0 else ""


def can_fix_addresses():
    if not shutil.which("setarch"):
        return False
    return subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0


def run_suites(configuration):
    folder = ROOT / configuration.folder
    logs = folder / "meson-logs" / "testlog.json"
    logs.unlink(missing_ok=True)
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs"]
    if configuration.suite:
        command += ["--suite", configuration.suite]
    if configuration.fixed_addresses and can_fix_addresses():
        command = ["setarch", "-R", *command]
    run(command, env=dict(os.environ, **dict(configuration.environment)))
    if not logs.exists():
        return [SuiteResult("meson test", failed=1, note="left no log")]
    results = [judge(json.loads(line)) for line in logs.read_text(errors="replace").splitlines() if line.strip()]
    return results or [SuiteResult("meson test", failed=1, note="ran no suite")]


def run_configuration(configuration):
    print(f"\n==== {configuration.title}", flush=True)
    started = time.monotonic()
    failed_step = build(configuration)
    if failed_step:
        seconds = time.monotonic() - started
        return [SuiteResult(f"{failed_step} {configuration.folder}/", failed=1, seconds=seconds, note="see above")]
    return run_suites(configuration)


def print_table(title, results, seconds):
    width = max(len(result.name) for result in results)
    print(f"\n{title} ({seconds:.0f} s with the build)")
    print(f"  {'suite':<{width}}  passed  failed  skipped  seconds")
    for result in results:
        print(f"  {result.name:<{width}}  {result.passed:6}  {result.failed:6}  {result.skipped:7}  "
              f"{result.seconds:7.1f}  {result.note}".rstrip())


def print_summary(tables):
    rows = [(configuration.title, result) for configuration, results, _ in tables for result in results]
    for configuration, results, seconds in tables:
        print_table(configuration.title, results, seconds)
    skipped = [f"  {title}: {result.name}: {reason}" for title, result in rows for reason in result.reasons]
    failed = []
    for title, result in rows:
        if result.failed:
            failed.append(f"  {title}: {result.name}: {result.failed} failed {result.note}".rstrip())
            failed += ["    | " + line for line in result.evidence]
    for heading, lines in (("Skipped:", skipped), ("Failed:", failed)):
        if lines:
            print("\n" + "\n".join([heading, *lines]))
    print(f"\n{sum(seconds for _, _, seconds in tables):.0f} s in all")
    totals = [sum(getattr(result, field) for _, result in rows) for field in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*totals), flush=True)
    return totals[0] > 0 and totals[1] == 0


def main(arguments):
    if any(argument != "--quick" for argument in arguments):
        print("usage: run_suites.py [--quick]", file=sys.stderr)
        return 2
    tables = []
    for configuration in MATRIX[:1] if "--quick" in arguments else MATRIX:
        started = time.monotonic()
        results = run_configuration(configuration)
        tables.append((configuration, results, time.monotonic() - started))
    return 0 if print_summary(tables) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
