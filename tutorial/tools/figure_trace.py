"""A sequence diagram of a real run: drawn by stepwise-trace from what the program's loop has told, event by event."""

import os
import pathlib
import shlex
import subprocess
import tempfile

from figure_options import FigureError

DEADLINE_SECONDS = 120
WORDS = ("lanes", "hide", "range", "until")


def draw(title, lines, spec, language, programs):
    """`spec`: the program and its flags. Lines: `lanes: …`, `hide: …`, `range: …`, `until: …`, as stepwise-trace
    takes them."""
    flags = ["--format", "svg", "--lang", language, "--title", title]
    for line in lines:
        word, _, value = line.partition(": ")
        if word not in WORDS or not value:
            raise FigureError(f"'{line}' is none of lanes: …, hide: …, range: A..B, until: KIND")
        flags += [f"--{word}", value]
    name, *arguments = shlex.split(spec) or [""]
    tool = programs.build / "runtime" / "trace" / "stepwise-trace"
    if not tool.is_file():
        raise FigureError(f"{tool} is not built")
    command = programs.command_of(name)
    with tempfile.TemporaryDirectory(prefix="stepwise-figure-") as folder:
        trace = pathlib.Path(folder) / "trace"
        # One reactor everywhere: who asks the kernel for what is another story in each.
        environment = {**os.environ, "STEPWISE_TRACE": f"file:{trace}", "STEPWISE_REACTOR": "epoll"}
        _run([*command, *arguments], environment, name)
        if not trace.exists():
            raise FigureError(f"{name} made no loop")
        return _run([tool, trace, *flags], None, "stepwise-trace")


def _run(command, environment, name):
    try:
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8",
                              stdin=subprocess.DEVNULL, timeout=DEADLINE_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise FigureError(f"{name} still runs after {DEADLINE_SECONDS} s") from error
    if done.returncode != 0:
        raise FigureError(f"{name} left with {done.returncode}: {done.stderr.strip()}")
    return done.stdout
