#!/usr/bin/env python3
"""Every snap of demos that end by themselves is what their events tell: `demos_test.py BUILD REACTOR…`. On the
simulator the same program gives the same trace, byte for byte.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

PROGRAMS = [
    "demos/future_task", "demos/coroutine", "demos/gather", "tutorial/programs/three_awaits",
    "tutorial/programs/one_turn", "tutorial/programs/from_asyncio",
]
# What a descriptor of the kernel's, or another program, keeps from being simulated: the call itself says so.
NOT_SIMULATED = ["tutorial/programs/one_turn", "tutorial/programs/from_asyncio"]


def check(build, program, reactor):
    """The reason why the trace is not to be trusted, or None."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "trace"
        environment = dict(os.environ, STEPWISE_TRACE=f"file:{path}", STEPWISE_REACTOR=reactor)
        run = subprocess.run([build / program], env=environment, capture_output=True, text=True, timeout=60)
        if run.returncode != 0:
            return f"exit code {run.returncode}: {run.stderr[-500:]}"
        traces = sorted(pathlib.Path(folder).iterdir())
        if not traces:
            return "left no trace"
        for trace in traces:
            checked = subprocess.run([build / "runtime/trace/stepwise-trace", "--check", trace], capture_output=True,
                                     text=True, timeout=60)
            print(f"{program} on {reactor}: {checked.stdout.strip() or checked.stderr.strip()}")
            if checked.returncode != 0:
                return checked.stderr
        if reactor == "sim":
            first = traces[0].read_bytes()
            subprocess.run([build / program], env=environment, capture_output=True, text=True, timeout=60, check=True)
            if traces[0].read_bytes() != first:
                return "a second run with the same seed left other bytes"
    return None


def main(arguments):
    build = pathlib.Path(arguments[0])
    failed = count = 0
    for reactor in arguments[1:]:
        for program in PROGRAMS:
            if reactor == "sim" and program in NOT_SIMULATED:
                continue
            count += 1
            problem = check(build, program, reactor)
            if problem:
                failed += 1
                print(f"FAILED {program} on {reactor}: {problem}")
    print(f"{count - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
