#!/usr/bin/env python3
"""The runtime, row by row, beside the floor and the peers that are installed.

    compare.py BUILD [ROW...] [--reps N] [--no-instructions] [--json FILE] [--check]

Instructions: what callgrind collects between the meter's start and stop, of Stepwise and of the floor, which is the
least that the row can cost (floor.hpp); a shared and noisy machine does not change them. Time: all programs take turns,
row by row; the median and the least of the runs are told, and the best peer's median. Allocations: calls of operator
new for each operation, once warm.

A row meets its bar if it is faster than the best peer measured here, takes at most 3 times the floor's instructions
and allocates nothing; a suspended task has at most 256 bytes. A cancellation takes at most 1.25 times the instructions
of the bare throws; Python, where nothing is unwound, may be faster there.
--check ends with 1 if a row misses it. --smoke does each row a few times and judges nothing: do all the parts still
work?
"""

import argparse
import importlib.util
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
COLLECTED = re.compile(r"Collected : (\d+)")
# What callgrind runs: enough for whatever happens once in a while. Rows that come in rounds need whole ones.
COUNT = 40_000
ROUND_COUNTS = {"fibonacci_25": 242_785, "timer_insert_fire": 100_000, "yield_10000_tasks": 400_000,
                "cancel_0_deep": 2000, "cancel_4_deep": 1000, "cancel_16_deep": 400}
# Threads, and memory: a count of instructions would say nothing.
WITHOUT_INSTRUCTIONS = {"call_soon_threadsafe", "thread_latency_p50", "suspended_task_bytes"}
FLOOR, OURS = "floor", "stepwise"
RATIO_MAX = 3
CANCEL_RATIO_MAX = 1.25
BYTES_MAX = 256
ALLOCATIONS_MAX = 0.01  # of an operation: a gather of 1000 may make its arrays


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
        count = ROUND_COUNTS.get(row, COUNT)
        done = run(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null",
                    *self.command, row, count])
        return round(int(COLLECTED.search(done.stderr).group(1)) / count, 1)


def programs(build):
    """Ours first, then the floor, then the peers that are there."""
    folder = build / "tests" / "bench" / "runtime"
    found = [Program(OURS, folder / "runtime_bench"), Program(FLOOR, folder / "floor")]
    for name, program in (("Asio", "peer_asio"), ("libuv", "peer_libuv")):
        if (folder / program).exists():
            found.append(Program(name, folder / program))
        else:
            print(f"{name} is not measured: its package is not installed, or {program} not built")
    found.append(Program("asyncio", sys.executable, HERE / "peer_asyncio.py"))
    if importlib.util.find_spec("uvloop"):
        found.append(Program("uvloop", sys.executable, HERE / "peer_asyncio.py", "--uvloop"))
    else:
        print("uvloop is not measured: python3-uvloop is not installed")
    return found


def measure_row(row, taking_part, options):
    runs = {program.name: [] for program in taking_part}
    for _ in range(options.reps):
        for program in taking_part:
            count = 1000 if options.smoke else program.rows[row]
            runs[program.name].append(program.measure(row, count))
    what = "bytes" if "bytes" in runs[OURS][0] else "ns"
    values = {name: [one[what] for one in all_runs] for name, all_runs in runs.items()}
    medians = {name: round(statistics.median(all_values), 2) for name, all_values in values.items()}
    made = {"row": row, "unit": what, "value": medians.pop(OURS), "least": round(min(values[OURS]), 2),
            "floor": medians.pop(FLOOR, None), "peers": medians, "allocations": runs[OURS][-1]["allocations"],
            "instructions": None, "floor_instructions": None}
    if options.instructions and row not in WITHOUT_INSTRUCTIONS:
        by_name = {program.name: program for program in taking_part}
        made["instructions"] = by_name[OURS].instructions(row)
        made["floor_instructions"] = by_name[FLOOR].instructions(row)
    return made


def ratio_to_floor(one):
    return one["instructions"] / one["floor_instructions"] if one["instructions"] else None


def best_peer(one):
    """Its name and value, or None."""
    return min(one["peers"].items(), key=lambda peer: peer[1], default=None)


def shortfalls(one):
    """What keeps a row from its bar, in words."""
    found = []
    ratio, peer = ratio_to_floor(one), best_peer(one)
    cancels = one["row"].startswith("cancel_")
    ratio_max = CANCEL_RATIO_MAX if cancels else RATIO_MAX
    if ratio and ratio > ratio_max:
        found.append(f"{ratio:.2f} > {ratio_max} times the floor")
    if peer and one["value"] >= peer[1] and not cancels:
        found.append(f"behind {peer[0]}")
    if one["unit"] == "bytes" and one["value"] > BYTES_MAX:
        found.append(f"over {BYTES_MAX} bytes")
    if one["unit"] != "bytes" and one["allocations"] > ALLOCATIONS_MAX:
        found.append(f"allocates {one['allocations']:.2f}")
    return found


HEADINGS = ("row", "floor", "ours", "ratio", "floor", "ours", "least", "new", "best peer", "verdict")
LINE = "{:28} {:>8} {:>8} {:>5}  {:>8} {:>8} {:>8} {:>5}  {:16} {}"


def text_of(one, judged=True):
    ratio, peer = ratio_to_floor(one), best_peer(one)

    def number(value, digits=0):
        return "-" if value is None else f"{value:.{digits}f}"
    times = [number(one[key], 1) for key in ("floor", "value", "least")]
    verdict = "; ".join(shortfalls(one)) or "meets its bar"
    return LINE.format(one["row"], number(one["floor_instructions"]), number(one["instructions"]), number(ratio, 2),
                       *times, "-" if one["unit"] == "bytes" else number(one["allocations"], 2),
                       f"{peer[0]} {peer[1]:.1f}" if peer else "-", verdict if judged else "").rstrip()


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./stepwise bench runtime", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve(), help=argparse.SUPPRESS)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--no-instructions", dest="instructions", action="store_false")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--check", action="store_true")
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
    print(LINE.format("", "instructions", "", "", "ns (bytes)", "", "", "", "", "").rstrip())
    print(LINE.format(*HEADINGS), flush=True)
    results = []
    for row in chosen:
        results.append(measure_row(row, [program for program in found if row in program.rows], options))
        print(text_of(results[-1], not options.smoke), flush=True)
    missed = [one["row"] for one in results if shortfalls(one)]
    if not options.smoke:
        print(f"{len(results) - len(missed)} of {len(results)} rows meet their bar")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
