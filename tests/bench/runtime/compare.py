#!/usr/bin/env python3
"""The runtime, row by row, beside the peers that are installed.

    compare.py BUILD [ROW...] [--reps N] [--no-instructions] [--json FILE]

Time: the programs take turns, row by row; the median and the least of the runs are told. Instructions: under callgrind,
the difference of two runs of different length, so that nothing but the operation counts; a shared and noisy machine
does not change them. Allocations: calls of operator new for each operation, once warm. --smoke does each row a few
times and judges nothing: do all the parts still work?
"""

import argparse
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COLLECTED = re.compile(r"Collected : (\d+)")
# What callgrind runs: enough for the difference to be exact. Rows that come in rounds need whole ones.
COUNTS = (20_000, 60_000)
ROUND_COUNTS = {"fibonacci_25": (242_785, 2 * 242_785), "timer_insert_fire": (100_000, 200_000),
                "cancel_0_deep": (1000, 2000), "cancel_4_deep": (500, 1000), "cancel_16_deep": (200, 400),
                "bare_throw_0_deep": (1000, 2000), "bare_throw_4_deep": (500, 1000), "bare_throw_16_deep": (200, 400)}
# Threads, and memory: a count of instructions would say nothing.
WITHOUT_INSTRUCTIONS = {"call_soon_threadsafe", "thread_latency_p50", "suspended_task_bytes"}


def run(command, timeout=300):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout, check=True)


class Program:
    def __init__(self, name, *command):
        self.name, self.command = name, command
        listed = [line.split() for line in run(command).stdout.splitlines()]
        self.rows = {row: int(count) for row, count in listed}

    def measure(self, row, count):
        return json.loads(run([*self.command, row, count]).stdout)

    def instructions(self, row):
        """Of one operation."""
        small, large = ROUND_COUNTS.get(row, COUNTS)
        return round((self._collected(row, large) - self._collected(row, small)) / (large - small), 1)

    def _collected(self, row, count):
        with tempfile.TemporaryDirectory() as folder:
            done = run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
                        *self.command, row, count])
        return int(COLLECTED.search(done.stderr).group(1))


def programs(build):
    """Ours first, then the peers that are there."""
    folder = build / "tests" / "bench" / "runtime"
    found = [Program("stepwise", folder / "runtime_bench")]
    for name, program in (("Asio", "peer_asio"), ("libuv", "peer_libuv")):
        if (folder / program).exists():
            found.append(Program(name, folder / program))
        else:
            print(f"{name} is not measured: its package is not installed, or {program} not built")
    found.append(Program("asyncio", sys.executable, HERE / "peer_asyncio.py"))
    return found


def measure_row(row, taking_part, options):
    runs = {program.name: [] for program in taking_part}
    for _ in range(options.reps):
        for program in taking_part:
            count = 1000 if options.smoke else program.rows[row]
            runs[program.name].append(program.measure(row, count))
    ours = runs["stepwise"]
    made = {"row": row, "ns": None, "instructions": None, "allocations": ours[-1]["allocations"], "peers": {}}
    if "bytes" in ours[0]:
        return made | {"bytes": ours[-1]["bytes"]}
    times = {name: [one["ns"] for one in all_runs] for name, all_runs in runs.items()}
    made["ns"] = round(statistics.median(times["stepwise"]), 2)
    made["ns_min"] = round(min(times["stepwise"]), 2)
    made["peers"] = {name: round(statistics.median(ns), 2) for name, ns in times.items() if name != "stepwise"}
    if options.instructions and row not in WITHOUT_INSTRUCTIONS:
        made["instructions"] = taking_part[0].instructions(row)
    return made


def text_of(one):
    if "bytes" in one:
        return f"{one['row']:28} {one['bytes']:9.0f} bytes"
    instructions = "-" if one["instructions"] is None else f"{one['instructions']:.0f}"
    peers = ", ".join(f"{name} {ns:.0f}" for name, ns in one["peers"].items())
    return (f"{one['row']:28} {one['ns']:9.1f} {one['ns_min']:9.1f} {instructions:>12} {one['allocations']:11.2f}   "
            f"{peers}")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./stepwise bench runtime", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve(), help=argparse.SUPPRESS)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--no-instructions", dest="instructions", action="store_false")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.reps < 1:
        parser.error("--reps must be at least 1")
    if options.smoke:
        options.reps, options.instructions = 1, False
    if options.instructions and not shutil.which("valgrind"):
        parser.error("valgrind is not installed: install it, or use --no-instructions")
    return parser, options


def main(arguments):
    parser, options = parse(arguments)
    found = programs(options.build)
    chosen = options.rows or list(found[0].rows)
    for row in chosen:
        if row not in found[0].rows:
            parser.error(f"no row '{row}': choose from {', '.join(found[0].rows)}")
    print(f"{'row':28} {'ns':>9} {'least':>9} {'instructions':>12} {'allocations':>11}   peers, ns", flush=True)
    results = []
    for row in chosen:
        results.append(measure_row(row, [program for program in found if row in program.rows], options))
        print(text_of(results[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
