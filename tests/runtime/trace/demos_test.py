#!/usr/bin/env python3
"""Every snap in the traces of every demo is what their events tell: `demos_test.py BUILD REACTOR…`. On the simulator
the same program gives the same trace, byte for byte; what the demos do there stands in golden/ (--write: rewrites it).
"""

import concurrent.futures
import difflib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "demos")]
import python_suite  # noqa: E402
import visitors  # noqa: E402

WRITES = "--write" in sys.argv and not sys.argv.remove("--write")
BUILD, REACTORS = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
del sys.argv[1:]
DEADLINE_SECONDS = 100
SCALED = ["--scale", "0.05"]

# Those that make no loop leave no trace.
WITHOUT_A_LOOP = {"sync": [], "sync_slow": SCALED, "callback": SCALED, "generator": [], "coroutine_v1": SCALED,
                  "coroutine_v2": SCALED, "coroutine_v3": SCALED}
DEMOS = {"coroutine": SCALED, "future_task": [], "http_hello": [], "ws_echo": [], "ws_broadcast": [],
         "on_close": SCALED, "gather": SCALED, "sender": ["--case", "b", "--scale", "0.2"],
         "background_loop": ["--scale", "0.2"], "thread_push": ["--ticks", "3", "--clients", "2", "--scale", "0.1"],
         "students": SCALED, "polling": SCALED, "large_file": [], "files": [], "postgres": SCALED, "databases": SCALED,
         "chat": [], "stepwise_site": []}
PROGRAMS = ["three_awaits", "one_turn", "from_asyncio", "from_tornado", "handshake"]
NOT_SIMULATED = {line.split()[0] for line in (ROOT / "demos" / "not_simulated.txt").read_text().splitlines()
                 if not line.startswith("#")} | {"one_turn", "from_asyncio", "handshake"}
GOLDEN_LINES_MAX = 300


def why_not(name):
    """Why a demo cannot run here; empty if it can."""
    if name not in ("postgres", "databases"):
        return ""
    if not (BUILD / "demos" / name).is_file():
        return "it is not built: libpq-dev or libsqlite3-dev was not found"
    has_server = [*pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")] or shutil.which("initdb")
    return "" if has_server else "there is no PostgreSQL: sudo apt-get install postgresql"


def environment_of(name, reactor, trace):
    settings = {"STEPWISE_TRACE": f"file:{trace}", "STEPWISE_REACTOR": reactor, "STEPWISE_SEED": "7"}
    if reactor == "sim" and name in visitors.scripts():
        settings["STEPWISE_SIM_VISITORS"] = str(visitors.scripts()[name])
    return {**os.environ, **settings}


def run_visited(name, command, environment):
    """A server that really listens, and its visitors."""
    server = subprocess.Popen([*command, "--port", "0"], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(re.search(r":(\d+)$", server.stdout.readline()).group(1))
        failures = visitors.play(visitors.scripts()[name], port, lambda: server.send_signal(signal.SIGINT))
        assert not failures, failures
        server.communicate(timeout=DEADLINE_SECONDS)
    finally:
        server.kill()
        server.wait()
    return server.returncode


def run_traced(name, reactor, trace):
    """Runs a program, which must end well."""
    folder = "demos" if name in DEMOS or name in WITHOUT_A_LOOP else "tutorial/programs"
    command = [BUILD / folder / name, *(DEMOS | WITHOUT_A_LOOP).get(name, [])]
    environment = environment_of(name, reactor, trace)
    if name in visitors.scripts() and reactor != "sim":
        code, told = run_visited(name, command, environment), ""
    else:
        flags = ["--port", "0"] if name in visitors.scripts() else []
        done = subprocess.run([*command, *flags], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=DEADLINE_SECONDS, check=False)
        code, told = done.returncode, done.stderr[-500:]
    assert code == 0, f"{name} on {reactor}: exit code {code}: {told}"


def show(trace, *words):
    done = subprocess.run([BUILD / "runtime/trace/stepwise-trace", *words, trace], capture_output=True, text=True,
                          timeout=DEADLINE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# What the library does for a demo changes with it: lines of its files, calls, timers, what the kernel is asked.
OF_THE_LIBRARY = re.compile(r"ready queue|Call #|Timer #|The kernel |The loop waits|returns\.$")
OF_A_DEMO = re.compile(r"\b(?:\d\d_\w+\.cpp|chat\.cpp|files\.cpp|shelf\.cpp|room\.hpp|site\.cpp|course\.cpp)")
FILE = re.compile(r"\b\w+\.[ch]pp\b")
SCRUBBED = ((r"^ *\d+ +[\d.]+ s  ", ""), (r"(\w+\.[ch]pp):\d+", r"\1"), (r"([Dd]escriptor) \d+", r"\1"),
            (r"\b(Task)-\d+", r"\1"), (r"^#\d+ ", "A job "), (r" #\d+", ""), (r"\d+ bytes", "bytes"))


def told(trace):
    """What a demo did, without times and numbers, and without what an edit of the library would change."""
    told_lines = []
    for line in show(trace, "--format", "told").splitlines():
        if OF_THE_LIBRARY.search(line) or (FILE.search(line) and not OF_A_DEMO.search(line)):
            continue
        for pattern, scrubbed in SCRUBBED:
            line = re.sub(pattern, scrubbed, line)
        told_lines.append(line)
    more = len(told_lines) - GOLDEN_LINES_MAX
    return "\n".join(told_lines[:GOLDEN_LINES_MAX] + ([f"… {more} more"] if more > 0 else [])) + "\n"


def check(name, reactor):
    """What the traces of a program are, in words; an AssertionError if they are not to be trusted."""
    with tempfile.TemporaryDirectory(prefix="stepwise-traces-") as folder:
        trace = pathlib.Path(folder) / "trace"
        run_traced(name, reactor, trace)
        traces = sorted(pathlib.Path(folder).iterdir())
        if name in WITHOUT_A_LOOP:
            assert not traces, f"{name} makes a loop"
            return "no loop"
        assert traces, f"{name} on {reactor} left no trace"
        said = " + ".join(show(one, "--check").strip() for one in traces)
        if reactor == "sim":
            first = trace.read_bytes()
            run_traced(name, reactor, trace)
            assert trace.read_bytes() == first, f"{name}: a second run with the same seed left other bytes"
            if name in DEMOS:
                check_golden(name, trace)
        return said


def check_golden(name, trace):
    golden = FOLDER / "golden" / f"{name}.txt"
    if WRITES:
        golden.write_text(told(trace))
    if not golden.is_file():
        raise AssertionError(f"{name}: there is no golden/{golden.name}")
    if golden.read_text() != told(trace):
        difference = difflib.unified_diff(golden.read_text().splitlines(), told(trace).splitlines(), lineterm="", n=1)
        raise AssertionError(f"{name}: not what golden/{golden.name} tells; if that is meant: "
                             "tests/runtime/trace/demos_test.py BUILD sim --write\n" + "\n".join(difference))


class TracesTest(unittest.TestCase):
    maxDiff = None

    def test_every_demo_on_every_reactor(self):
        wanted = [(name, reactor) for reactor in REACTORS for name in [*DEMOS, *PROGRAMS]
                  if not why_not(name) and (reactor != "sim" or name not in NOT_SIMULATED)]
        wanted += [(name, REACTORS[0]) for name in WITHOUT_A_LOOP]
        # Most of them wait, most of the time.
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            checks = [(*one, pool.submit(check, *one)) for one in wanted]
            for name, reactor, checked in checks:
                with self.subTest(name=name, reactor=reactor):
                    print(f"{name} on {reactor}: {checked.result()}")

    @unittest.skipIf(why_not("postgres"), why_not("postgres"))
    def test_demos_of_postgres_are_among_them(self):
        self.assertTrue((BUILD / "demos" / "postgres").is_file())

    def test_no_demo_is_missing_here(self):
        sources = [*(ROOT / "demos").glob("[0-9][0-9]_*")]
        names = {re.sub(r"^\d\d_", "", path.stem) for path in sources} | {"chat", "stepwise_site"}
        self.assertEqual(names, set(DEMOS) | set(WITHOUT_A_LOOP))

    def test_the_golden_traces_are_those_of_all_demos_that_can_be_simulated(self):
        golden = {path.stem for path in (FOLDER / "golden").iterdir()}
        self.assertEqual(golden, set(DEMOS) - NOT_SIMULATED)
        self.assertGreaterEqual(len(golden), 10)


if __name__ == "__main__":
    python_suite.main()
