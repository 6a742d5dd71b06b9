#!/usr/bin/env python3
"""Server CPU per request or message as a ratio to a bare epoll server's, measured right before and right after.

    compare.py BUILD [--reactor epoll|io_uring|both] [--cases http,ws-64,...] [--reps N] [--two-cpus] [--json FILE]
                     [--check]

Machines are shared and noisy. So the servers of a case take turns, each run stands between two runs of the floor, runs
whose two floors differ by over 25 % are dropped, and the median of the ratios is told, with the bounds of its 90 %
interval. By default server and client share CPU 0, which makes batches the same in each run; --two-cpus puts the
client on CPU 1. The cases of loops put --threads 2 to one loop (loops.py), file and tls-64 ours to nginx, by rate
(nginx.py), ws-deflate to Python's websockets and node's ws (deflated.py). Behind each case stand its bars (bars.py);
--check ends with 1 where one is missed. --smoke takes a moment of each case and judges nothing: do all the parts still
work?
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bars  # noqa: E402
import deflated  # noqa: E402
import loops  # noqa: E402
import nginx  # noqa: E402
from server_process import ServerProcess  # noqa: E402

FLOOR_DRIFT_MAX = {"cpu_us": 1.25, "p99_us": 1.5}
CPUS = os.sched_getaffinity(0)
CASES = {
    "http-1": ["--connections", "1"],
    "http-64": ["--connections", "64"],
    "http-512": ["--connections", "512"],
    "http-64x16": ["--connections", "64", "--depth", "16"],
    "ws-64": ["--connections", "64"],
    "ws-512": ["--connections", "512"],
    "ws-64x16": ["--connections", "64", "--depth", "16"],
    "ws-16k": ["--connections", "16", "--message-bytes", "16384"],
    "broadcast-500": ["--connections", "500"],
    "broadcast-500x16": ["--connections", "500", "--depth", "16"],
    "open-1": ["--connections", "1"],
    "open-16": ["--connections", "16"],
    "idle": ["--connections", "5000"],
    "idle-20k": [],  # as many as can be held: see shape_of
    "idle-http": ["--connections", "5000"],
} | {case: [] for case in (*loops.CASES, *nginx.CASES, *deflated.CASES)}
KINDS = {"http": "http", "ws": "echo", "broadcast": "broadcast", "open": "open", "loops": "http",
         "idle": "idle", "idle-20k": "idle", "idle-http": "idle-http"}
DEMOS = {"http": "http_hello", "ws": "ws_echo", "broadcast": "ws_broadcast", "loops": "http_hello",
         "open": "ws_echo", "idle": "ws_echo", "idle-20k": "ws_echo", "idle-http": "http_hello"}


HELD = 20_000
DESCRIPTORS_BESIDE = 64


def held_connections():
    """How many one process can hold of HELD: each is a descriptor, and the hard limit may be raised by root only."""
    wanted, hard = HELD + DESCRIPTORS_BESIDE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < wanted:
        with contextlib.suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            hard = wanted
    return HELD if hard == resource.RLIM_INFINITY else min(HELD, hard - DESCRIPTORS_BESIDE)


def shape_of(case):
    if case != "idle-20k":
        return CASES[case]
    held = held_connections()
    first = held // 20  # which are not counted: what a server takes once
    return ["--connections", held - first, "--warmup-connections", first]


def group_of(case):
    return case if case.startswith("idle") else case.split("-")[0]


class Bench:
    def __init__(self, options):
        self.options = options
        self.tools = options.build / "tests" / "bench" / "net"

    def servers(self, group):
        """{name: (program, flags, path)} of what is compared."""
        mode = ["--mode", KINDS[group]] if group in ("http", "broadcast") else ["--mode", "echo"]
        reactors = ["epoll", "io_uring"] if self.options.reactor == "both" else [self.options.reactor]
        demo = self.options.build / "demos" / DEMOS[group]
        # Who has been silent for 20 s is pinged: on a busy machine it takes longer to open as many.
        quiet = ["--ping", "0"] if KINDS[group] == "idle" else []
        found = {f"stepwise, {reactor}": (demo, ["--reactor", reactor, *quiet], "/") for reactor in reactors}
        if group == "loops":
            return found
        others = {"bare io_uring": (self.tools / "floor_uring", mode, "/"),
                  "Beast": (self.tools / "beast", [], "/all" if group == "broadcast" else "/")}
        if KINDS[group] == "idle":  # which have no floor: it is one of them
            others = {"bare epoll": (self.tools / "floor_epoll", mode, "/")} | others
        elif group == "idle-http":
            del others["bare io_uring"]
        return found | {name: server for name, server in others.items() if server[0].exists()}

    def start(self, program, flags, cpus=frozenset({0})):
        os.sched_setaffinity(0, cpus)  # children inherit it
        return ServerProcess(str(program), *flags)

    @staticmethod
    def end(server):
        """By its id, whether it ends in order (ours) or by the signal (the floor, a peer)."""
        if server.process.poll() is None:
            server.process.terminate()
            server.process.wait(20)

    @staticmethod
    def ratio_to_floor(before, run, after, figure="cpu_us"):
        if not before or not after or figure not in run:
            return []
        low, high = sorted((before[figure], after[figure]))
        return [run[figure] / ((low + high) / 2)] if high <= FLOOR_DRIFT_MAX[figure] * low else []

    def floor(self, group):
        return self.start(self.tools / "floor_epoll", ["--mode", "echo" if group == "open" else KINDS[group]])

    def in_time(self, measure, seconds):
        """measure(seconds) gives figures, or an error in words. A smoke run is so short that a busy machine may answer
        nothing: then it is longer."""
        figures, error = None, ""
        for longer in (1, 10, 100) if self.options.smoke else (1,):
            figures, error = measure(seconds * longer)
            if not error.endswith("no reply came"):
                break
        return figures, error

    def load(self, case, server, path, seconds):
        """The figures of one run, or an error in words."""
        group = group_of(case)
        shape = shape_of(case)
        if self.options.smoke:
            seconds, shape = 0.05, [*shape, "--connections", "20", "--warmup-connections", "4"]

        def run(seconds):
            command = [self.tools / "load", KINDS[group], "--port", server.port, "--server", server.process.pid,
                       "--path", path, "--body", "Hello, World!", "--seconds", seconds, "--warmup", seconds / 3,
                       *shape]
            os.sched_setaffinity(0, {1 if self.options.two_cpus else 0})
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
            return (json.loads(done.stdout), "") if done.returncode == 0 else (None, done.stderr.strip())

        return self.in_time(run, seconds)

    def compare(self, case):
        """One row for each server of a case that has a floor."""
        group = group_of(case)
        servers, last, errors = self.servers(group), {}, {}
        with self.floor(group) as floor, tempfile.TemporaryDirectory(prefix="stepwise_bench_") as folder:
            started = {name: self.start(program, flags) for name, (program, flags, _) in servers.items()}
            if group == "http" and not nginx.lacks("http", self.tools):
                started["nginx"] = nginx.Nginx(folder, None)
            ratios, tails = {name: [] for name in started}, {name: [] for name in started}
            try:
                for server in started.values():
                    server.__enter__()
                before = self.load(case, floor, "/", 0.3)[0]
                for _ in range(self.options.reps):
                    for name, server in started.items():
                        if name in errors:
                            continue
                        run, error = self.load(case, server, servers[name][2] if name in servers else "/", 0.6)
                        after = self.load(case, floor, "/", 0.3)[0]
                        if error:
                            errors[name] = error
                        else:
                            last[name] = run
                            ratios[name] += self.ratio_to_floor(before, run, after)
                            tails[name] += self.ratio_to_floor(before, run, after, "p99_us")
                        before = after
            finally:
                for server in started.values():
                    self.end(server)
            self.end(floor)
        return [row(case, name, ratios[name], last.get(name), errors.get(name), tails[name]) for name in started]

    def idle(self, case):
        """Bytes of memory for each connection: the least that a fresh server took."""
        rows = []
        for name, (program, flags, path) in self.servers(case).items():
            runs, error = [], ""
            for _ in range(min(self.options.reps, 3)):
                server = self.start(program, flags)
                with server:
                    run, error = self.load(case, server, path, 0.3)
                    self.end(server)
                if error:
                    break
                runs.append(run)
            best = min(runs, key=lambda one: one["bytes_per_connection"], default=None)
            rows.append({"case": case, "server": name, "error": error, "last": best})
            if case == "idle-20k" and not self.options.smoke:
                rows[-1]["held"] = held_connections()
        return rows


def interval(values):
    """Bounds that the true median lies between with 90 % confidence: the order statistics that the binomial gives."""
    values, count = sorted(values), len(values)
    rank, tail = 0, 0.5 ** count
    while tail <= 0.05 and rank + 1 <= count // 2:
        rank += 1
        tail += math.comb(count, rank) * 0.5 ** count
    return values[max(0, rank - 1)], values[count - max(1, rank)]


def row(case, name, ratios, last, error, tails=()):
    made = {"case": case, "server": name, "kept": len(ratios), "last": last, "error": error}
    if ratios:
        made["ratio"] = statistics.median(ratios)
        made["low"], made["high"] = interval(ratios)
    if tails:
        made["p99_ratio"] = statistics.median(tails)
        made["p99_low"], made["p99_high"] = interval(tails)
    return made


def text_of_held(one):
    if "held" not in one:
        return ""
    if one["held"] == HELD:
        return f"; {HELD} held"
    return f"; {one['held']} held: the hard limit of descriptors, ulimit -Hn, is below {HELD + DESCRIPTORS_BESIDE}"


def text_of(one):
    title = f"{one['case']:17} {one['server']:28} "
    if "skipped" in one:
        return title + one["skipped"]
    if one["error"] or not one["last"]:
        return title + f"FAILED: {one['error'] or 'no run'}"
    if group_of(one["case"]).startswith("idle"):
        last = one["last"]
        return title + (f"{last['bytes_per_connection']:6.0f} bytes a connection, "
                        f"{last['open_cpu_us']:.1f} us to open it{text_of_held(one)}")
    if one["case"] in deflated.CASES:
        return title + deflated.text_of(one)
    if one["case"] in nginx.CASES:
        return title + nginx.text_of(one)
    if "ratio" not in one:
        return title + "no two floors agreed: the machine is too busy"
    return title + (f"{one['ratio']:6.2f} x floor  [{one['low']:.2f}, {one['high']:.2f}]  of {one['kept']} runs   "
                    f"{one['last']['cpu_us']:.2f} us, {one['last']['rate']:.0f}/s, p99 {one['last']['p99_us']:.0f} us"
                    + (f", {one['p99_ratio']:.2f} x the floor's" if "p99_ratio" in one else ""))


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./stepwise bench net", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve(), help=argparse.SUPPRESS)
    parser.add_argument("--reactor", choices=["epoll", "io_uring", "both"], default="both")
    parser.add_argument("--cases", default=",".join(CASES), help="names, or groups of them: " + ", ".join(CASES))
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--two-cpus", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args(arguments)
    options.chosen = []
    for word in options.cases.split(","):
        matches = [case for case in CASES if word in (case, case.split("-")[0])]
        if not matches:
            parser.error(f"no case '{word}': choose from {', '.join(CASES)}")
        options.chosen += matches
    if options.reps < 1:
        parser.error("--reps must be at least 1")
    if options.two_cpus and len(CPUS) < 2:
        parser.error("--two-cpus needs two of them")
    return options


def main(arguments):
    options = parse(arguments)
    if options.smoke:
        options.reps = 1
    bench = Bench(options)
    if not (bench.tools / "beast").exists():
        print("Beast is not measured: libboost1.81-dev is not installed, or beast not built")
    print(f"load before: {os.getloadavg()[0]:.1f}", flush=True)
    rows, missed = [], 0
    for case in options.chosen:
        others = [module for module in (loops, nginx, deflated) if case in module.CASES]
        if others:
            found = others[0].compare(case, bench, row)
        else:
            found = bench.idle(case) if group_of(case).startswith("idle") else bench.compare(case)
        for one in found:
            print(text_of(one), flush=True)
            rows.append(one)
        for is_missed, words in [] if options.smoke else bars.verdicts(case, found):
            print(f"{case:17} {words}", flush=True)
            missed += is_missed
    print(f"load after: {os.getloadavg()[0]:.1f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if any(one["error"] for one in rows) or (options.check and missed) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
