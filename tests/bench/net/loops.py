"""Two loops beside one: what does a request cost more of CPU when another loop works beside?

Each loop gets the same work, so many connections of its own: with one loop in all, two clients have half of them each;
with two loops, each client has as many as a loop. The clients are on CPUs 0 and 1, and servers run where they like, so
that half of the requests come from the other CPU, with one loop as with two. `bare epoll, 2 processes` shares nothing
but the machine: what it costs more than one process, no design of loops can save."""

import contextlib
import functools
import json
import os
import subprocess

CASES = {"loops-64": 64, "loops-512": 512}
CPUS = os.sched_getaffinity(0)
LOOPS = ", 2 loops"
PROCESSES = ", 2 processes"


def measure(bench, servers, connections, seconds):
    """The figures of one run of both clients together, or an error in words."""
    clients = []
    for cpu in (0, 1):
        os.sched_setaffinity(0, {cpu})  # children inherit it
        command = [bench.tools / "load", "http", "--port", servers[0].port, "--body", "Hello, World!", "--seconds",
                   seconds, "--warmup", seconds / 3, "--connections", connections // 2, "--server",
                   *(server.process.pid for server in servers)]
        clients.append(subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True))
    printed = [client.communicate(timeout=120) for client in clients]
    for client, (_, errors) in zip(clients, printed):
        if client.returncode != 0:
            return None, errors.strip()
    return together(*(json.loads(figures) for figures, _ in printed)), ""


def together(one, other):
    """Of two clients who saw the same CPU time, each per request of its own."""
    return {"count": one["count"] + other["count"], "rate": one["rate"] + other["rate"],
            "cpu_us": 1 / (1 / one["cpu_us"] + 1 / other["cpu_us"]), "p99_us": max(one["p99_us"], other["p99_us"])}


def start(bench, stack):
    """{name: its servers}; what has two loops or processes is named by LOOPS or PROCESSES."""
    def run(program, *flags):
        server = stack.enter_context(bench.start(program, flags, CPUS & {0, 1}))
        stack.callback(bench.end, server)
        return server

    def bare(*flags):
        return run(bench.tools / "floor_epoll", "--mode", "http", *flags)

    started = {"bare epoll": [bare()]}
    for name, (program, flags, _) in bench.servers("loops").items():
        started[name] = [run(program, *flags)]
        started[name + LOOPS] = [run(program, *flags, "--threads", "2")]
    first = bare()
    started["bare epoll" + PROCESSES] = [first, bare("--port", str(first.port))]
    return started


def compare(case, bench, row):
    if not {0, 1} <= CPUS:
        return [{"case": case, "server": "2 loops", "skipped": "this machine has one CPU", "error": "", "last": None}]
    seconds, connections = (0.05, 20) if bench.options.smoke else (0.6, CASES[case])
    with contextlib.ExitStack() as stack:
        started = start(bench, stack)
        floor = started.pop("bare epoll")
        ratios, last, errors = {name: [] for name in started}, {}, {}
        before = measure(bench, floor, connections, seconds / 2)[0]
        for _ in range(bench.options.reps):
            for name in [name for name in started if name not in errors]:
                loops = 2 if name.endswith((LOOPS, PROCESSES)) else 1
                run, error = bench.in_time(functools.partial(measure, bench, started[name], loops * connections),
                                           seconds)
                after = measure(bench, floor, connections, seconds / 2)[0]
                if error:
                    errors[name] = error
                else:
                    last[name] = run
                    ratios[name] += bench.ratio_to_floor(before, run, after)
                before = after
    return beside_one(row(case, name, ratios[name], last.get(name), errors.get(name)) for name in started)


def beside_one(rows):
    """Of two loops, also what they take of what one takes; the bare server's one is the floor."""
    rows = list(rows)
    of_one = {one["server"]: one.get("ratio") for one in rows} | {"bare epoll": 1}
    for one in rows:
        name = one["server"].removesuffix(LOOPS).removesuffix(PROCESSES)
        if name != one["server"] and of_one.get(name) and "ratio" in one:
            one |= {f"beside_{figure}": one[figure] / of_one[name] for figure in ("ratio", "low", "high")}
    return rows
