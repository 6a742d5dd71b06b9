"""What each case is to reach on the better reactor, and whether a run of the ruler says that it does not.

A bar is missed only when the median and the better end of its 90 % interval both lie beyond it: 15 runs tell.
"""

import collections

Bar = collections.namedtuple("Bar", "figure limit is_most words")


def at_most(limit, figure="ratio", words="x floor"):
    return Bar(figure, limit, True, words)


def at_least(limit, words):
    return Bar("ratio", limit, False, words)


def p99(limit):
    return at_most(limit, "p99_ratio", "x the floor's p99")


LOOPS = at_most(1.15, "beside_ratio", "x one loop's")
BYTES = at_most(512, "bytes_per_connection", "bytes a connection")
BARS = {
    "http-1": [at_most(1.10)],
    "http-64": [at_most(1.10), p99(1.25)],
    "http-512": [at_most(1.10), p99(1.25)],
    "http-64x16": [at_most(1.35)],
    "loops-64": [LOOPS],
    "loops-512": [LOOPS],
    "ws-64": [at_most(1.05)],
    "ws-512": [at_most(1.05)],
    "ws-64x16": [at_most(1.10)],
    "ws-16k": [at_most(1.05)],
    "broadcast-500": [at_most(0.70)],
    "broadcast-500x16": [at_most(0.70)],
    "idle": [BYTES, at_most(30, "open_cpu_us", "us to open and echo")],
    "idle-20k": [BYTES],
    "idle-http": [BYTES],
    "file": [at_least(0.9, "x nginx's rate")],
    "tls-64": [at_least(0.9, "x nginx's rate")],
    "ws-deflate": [at_least(1.5, "x the peer's")],
}


AHEAD_OF = {"http": ("Beast", "nginx")}
BARE = ("bare epoll", "bare io_uring", "bare epoll, 2 processes")


def figure_of(one, figure):
    """(median, least, greatest) of a row, or None."""
    if not figure.endswith("ratio"):
        last = one.get("last")
        return (last[figure],) * 3 if last else None
    if figure not in one:
        return None
    prefix = figure.removesuffix("ratio")
    return one[figure], one[f"{prefix}low"], one[f"{prefix}high"]


def of_bare_servers(bar, rows):
    """What a server that does nothing else reaches on this machine, for who reads that a bar is missed."""
    figures = [(one["server"], figure_of(one, bar.figure)) for one in rows if one["server"] in BARE]
    return "".join(f"; {server} {figure[0]:.2f}" for server, figure in figures if figure)


def judge(bar, rows):
    """(whether it is missed, in words) by the better of our rows; None where nothing was measured."""
    found = [(figures, one["server"]) for one in rows if one["server"].startswith("stepwise")
             and (figures := figure_of(one, bar.figure))]
    if not found:
        return None
    (median, low, high), server = (min if bar.is_most else max)(found, key=lambda each: each[0][0])
    missed = median > bar.limit and low > bar.limit if bar.is_most else median < bar.limit and high < bar.limit
    limit = f"{'at most' if bar.is_most else 'at least'} {bar.limit:.4g} {bar.words}"
    number = f"{median:.0f}" if bar.figure == "bytes_per_connection" else f"{median:.2f}"
    verdict = f"MISSED{of_bare_servers(bar, rows)}" if missed else "met"
    return missed, f"{limit}: {number} on {server.removeprefix('stepwise, ')}, {verdict}"


def judge_peer(name, rows):
    """The same of who is to be behind us."""
    peers = [figures for one in rows if one["server"] == name and (figures := figure_of(one, "ratio"))]
    return judge(at_most(peers[0][0], words=f"x floor, {name}'s"), rows) if peers else None


def verdicts(case, rows):
    """Of one case: what judge gives, for each of its bars that was measured."""
    judged = [judge(bar, rows) for bar in BARS.get(case, [])]
    judged += [judge_peer(name, rows) for name in AHEAD_OF.get(case.split("-")[0], [])]
    return [verdict for verdict in judged if verdict]
