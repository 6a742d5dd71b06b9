"""Compressed echoes beside Python's websockets and node's ws: messages for each second of the server's CPU time.

Each server as it comes, with compression as it agrees on it with a client that offers what browsers offer. They take
turns, server on CPU 0 and client on CPU 1 where there are two, and each of our runs is put to the mean of the peer's
runs right before and right after it."""

import contextlib
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "interop"))
from server_process import ServerProcess  # noqa: E402

CPUS = os.sched_getaffinity(0)
CASES = ("ws-deflate",)
NODE_WS = pathlib.Path("/usr/share/nodejs/ws")
WEBSOCKETS_SERVER = """
import asyncio, signal, websockets
async def echo(socket):
    async for message in socket:
        await socket.send(message)
async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with websockets.serve(echo, "127.0.0.1", 0, ping_interval=None) as server:
        print("listening on http://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
        await stop
asyncio.run(main())
"""


def peers():
    """{name: the command of its server, or None where it is not installed}."""
    has_websockets = importlib.util.find_spec("websockets") is not None
    node = ["node", str(HERE.parents[1] / "interop" / "node_peer.mjs"), "server", "packed"]
    return {"websockets (Python)": ["/usr/bin/python3", "-c", WEBSOCKETS_SERVER] if has_websockets else None,
            "node-ws": node if NODE_WS.exists() else None}


def cpu_seconds(process):
    """Of all its threads."""
    total = 0
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def measure(bench, server, seconds, connections):
    """Messages for each second of CPU time."""
    messages = 0
    while not messages:  # in a smoke run's moment a busy machine may answer none
        messages, spent = count(bench, server, seconds, connections)
        seconds *= 10
    return messages / spent


def count(bench, server, seconds, connections):
    """(messages, seconds of CPU time)"""
    os.sched_setaffinity(0, {1} if 1 in CPUS else CPUS)
    load = subprocess.Popen([bench.tools / "deflated_load", str(server.port), str(connections), str(seconds)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with load:
        assert load.stdout.readline() == "warm\n", "the load ended early"
        before = cpu_seconds(server.process.pid)
        load.stdin.write("\n")
        load.stdin.flush()
        messages = json.loads(load.stdout.readline())["messages"]
        return messages, cpu_seconds(server.process.pid) - before


def compare(case, bench, _row):
    seconds, connections = (0.1, 2) if bench.options.smoke else (1.5, 16)
    rows = []
    ours = {name: command for name, command in bench.servers("ws").items() if name.startswith("stepwise")}
    for peer, command in peers().items():
        if command is None:
            rows.append({"case": case, "server": peer, "skipped": "it is not installed", "error": "", "last": None})
            continue
        os.sched_setaffinity(0, {0} if 0 in CPUS else CPUS)
        starting = ServerProcess("peer")
        starting.command = command
        with contextlib.ExitStack() as stack:
            foreign = stack.enter_context(starting)
            started = {name: stack.enter_context(bench.start(program, flags))
                       for name, (program, flags, _) in ours.items()}
            ratios, rates, foreign_rates = {name: [] for name in ours}, {}, []
            before = measure(bench, foreign, seconds, connections)
            for _ in range(bench.options.reps):
                for name, server in started.items():
                    rates[name] = measure(bench, server, seconds, connections)
                    after = measure(bench, foreign, seconds, connections)
                    ratios[name].append(rates[name] / ((before + after) / 2))
                    before = after
                    foreign_rates.append(after)
        for name in ours:
            rows.append({"case": case, "server": name, "peer": peer, "error": "", "kept": len(ratios[name]),
                         "ratio": statistics.median(ratios[name]), "low": min(ratios[name]), "high": max(ratios[name]),
                         "last": {"messages_per_cpu_second": rates[name],
                                  "peer_messages_per_cpu_second": statistics.median(foreign_rates)}})
    return rows


def text_of(one):
    last = one["last"]
    return (f"{one['ratio']:6.2f} x the messages of {one['peer']} per CPU second  "
            f"[{one['low']:.2f}, {one['high']:.2f}]   "
            f"{last['messages_per_cpu_second']:.0f} and {last['peer_messages_per_cpu_second']:.0f}")
