#!/usr/bin/env python3
"""Client CPU per request: http::Client beside Python's aiohttp, against the same server, http_hello.

    compare.py BUILD [--reactor epoll|io_uring|both] [--reps N] [--json FILE]

They take turns; each run's requests per CPU second are put to the aiohttp run before it. Client and server share one
CPU: with one connection across two, what is measured is how long it takes to wake the other. --smoke takes a moment and
judges nothing.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
from server_process import ServerProcess  # noqa: E402

CONNECTIONS = (1, 64)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./stepwise bench client", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve(), help=argparse.SUPPRESS)
    parser.add_argument("--reactor", choices=["epoll", "io_uring", "both"], default="both")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    return parser.parse_args(arguments)


def rate(command, reactor=None):
    """Requests per CPU second."""
    environment = os.environ | ({"STEPWISE_REACTOR": reactor} if reactor else {})
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    run = json.loads(done.stdout)
    return run["requests"] / max(run["cpu_seconds"], 1e-6)


def main(arguments):
    options = parse(arguments)
    requests = 640 if options.smoke else 20_000
    reps = 1 if options.smoke else options.reps
    tools = options.build / "tests" / "bench"
    reactors = ["epoll", "io_uring"] if options.reactor == "both" else [options.reactor]
    rows = []
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # children inherit it
    with ServerProcess(str(options.build / "demos" / "http_hello"), "--reactor", "epoll") as server:
        for connections in CONNECTIONS:
            rates = {name: [] for name in ["aiohttp", *reactors]}
            ratios = {name: [] for name in reactors}
            for _ in range(reps):
                peer = [sys.executable, ROOT / "tests" / "bench" / "client" / "aiohttp_load.py"]
                rates["aiohttp"].append(rate([*peer, server.url(), requests // 4, connections]))
                for name in reactors:
                    rates[name].append(rate([tools / "client" / "client_load", server.url(), requests, connections],
                                            name))
                    ratios[name].append(rates[name][-1] / rates["aiohttp"][-1])
            for name in reactors:
                row = {"case": f"client-{connections}", "name": f"stepwise, {name}",
                       "requests_per_cpu_second": round(statistics.median(rates[name])),
                       "aiohttp": round(statistics.median(rates["aiohttp"])),
                       "ratio": round(statistics.median(ratios[name]), 2), "error": ""}
                rows.append(row)
                print("{case:10} {name:20} {requests_per_cpu_second:8} a CPU second, aiohttp {aiohttp:6}: {ratio} times"
                      .format(**row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
