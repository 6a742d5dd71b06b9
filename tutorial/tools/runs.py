"""Real runs of the programs, made comparable: what an output shows.

Waits are scaled down, so a stamp `[ 5.0 s | main]` comes a little late: it is moved down to the half second that the
program waited for. A run that was too late for that (a busy machine) is made again with longer waits. Between threads
only what the program decides is compared: each thread's own order, and what comes in an earlier half second. On the
simulator no wait takes time and nothing is late: there the stamps are shown as they are.
"""

import collections
import dataclasses
import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys

SCALES = ("0.1", "0.3", "1", "2")  # each run gives a late machine more time than the one before
SIMULATED_SCALES = ("1",)
DEADLINE_SECONDS = 120
STAMP = re.compile(r"\[ *(\d+\.\d) s((?: \| *(\w+) *)?)\] ?(.*)")
EARLY_SECONDS = 0.05  # no wait ends early; this is for the binary fractions
STEP_SECONDS = 0.5


# The day on which a program ran.
DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
# What no two runs of a report have in common: times, amounts, descriptors, ports.
VARIES_IN_REPORTS = re.compile(r"\d+\.\d+(?= s\b)|\d{4,}(?= bytes)|(?<=descriptor )\d+|(?<=127\.0\.0\.1:)\d+")


class RunError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Line:
    seconds: float | None
    thread: str
    text: str


@dataclasses.dataclass(frozen=True)
class Output:
    """An output marker's words: `PROGRAM FLAGS | from: TEXT | until: TEXT | any order: THREAD` and more settings."""
    command: tuple
    first: str = ""  # the line that contains it is the first one shown
    after_last: str = ""  # the line that contains it is the first one not shown any more
    unordered: str = ""  # threads of this name may print in any order within half a second
    apart: str = ""  # lines that begin with one of these words and with another may mix within half a second
    measured: str = ""  # numbers with one of these units are of one run, and no other run has the same
    reports: str = ""  # "debug": what the run, in debug mode, tells on stderr of the program's mistakes
    reactor: str = ""  # "sim": it runs on the simulator, on virtual time

    @staticmethod
    def parse(spec):
        command, *settings = [part.strip() for part in spec.split(" | ")]
        names = {"from": "first", "until": "after_last", "any order": "unordered", "apart": "apart",
                 "measured": "measured", "reports": "reports", "on": "reactor"}
        values = {}
        for setting in settings:
            name, separator, value = setting.partition(": ")
            if name not in names or not separator:
                raise RunError(f"'{setting}' is none of from: TEXT, until: TEXT, any order: THREAD, apart: WORDS, "
                               "measured: UNIT, reports: debug, on: sim")
            values[names[name]] = value
        words = tuple(shlex.split(command))
        if not words:
            raise RunError("name a program: 01_sync --lang en")
        if values.get("reports", "debug") != "debug":
            raise RunError("reports are those of debug mode: reports: debug")
        if values.get("reactor", "sim") != "sim":
            raise RunError("the reactor that may be chosen is the simulator: on: sim")
        return Output(words, **values)

    @property
    def scales(self):
        return SIMULATED_SCALES if self.reactor else SCALES

    def select(self, lines):
        starts = [place for place, line in enumerate(lines) if self.first in line]
        if not starts:
            raise RunError(f"no line of the run contains '{self.first}'")
        lines = lines[starts[0]:]
        if not self.after_last:
            return lines
        ends = [place for place, line in enumerate(lines) if self.after_last in line]
        if not ends:
            raise RunError(f"no line of the run contains '{self.after_last}'")
        return lines[:ends[0]]


def parse_line(text):
    stamp = STAMP.fullmatch(text)
    if not stamp:
        return Line(None, "", text)
    return Line(float(stamp.group(1)), stamp.group(3) or "", stamp.group(4))


def on_the_half_second(text):
    """A stamped line with its time moved down to the half second that it is at."""
    stamp = STAMP.fullmatch(text)
    if not stamp:
        return text
    steps = int((float(stamp.group(1)) + EARLY_SECONDS) / STEP_SECONDS)
    return f"[{steps * STEP_SECONDS:4.1f} s{stamp.group(2)}] {stamp.group(4)}"


def same_run(shown, found, unordered="", measured="", reports="", apart=""):
    """True if the two outputs differ at most in what threads decide, and in what was measured."""
    shown, found = (DATE.sub("#", text) for text in (shown, found))
    if reports:
        shown, found = (VARIES_IN_REPORTS.sub("#", text) for text in (shown, found))
    for unit in filter(None, measured.split(", ")):
        number = re.compile(rf" *\d[\d.]* {re.escape(unit)}\b")
        shown, found = (number.sub(f" # {unit}", text) for text in (shown, found))
    return shown == found or _comparable(shown, unordered, apart) == _comparable(found, unordered, apart)


def _comparable(text, unordered, apart):
    lanes, times = collections.defaultdict(list), []
    words = tuple(filter(None, apart.split(", ")))
    for line in map(parse_line, text.splitlines()):
        who = next((word for word in words if line.text.startswith(word)), "")
        lanes[line.thread, who].append((line.seconds, line.text))
        times.append(line.seconds)
    if unordered:
        lanes[unordered, ""].sort(key=str)
    return lanes, times


class Programs:
    """The built programs: demos, and those of tutorial/programs that were made for a chapter, in Python too."""

    def __init__(self, root, build):
        self.root = pathlib.Path(root)
        self.build = pathlib.Path(build)

    def command_of(self, name):
        script = self.root / "tutorial" / "programs" / name
        if script.suffix == ".py" and script.is_file():
            return [sys.executable, script.resolve()]
        return [self.path_of(name).resolve()]

    def path_of(self, name):
        plain = re.sub(r"^\d\d_", "", name)
        if (self.root / "demos" / f"{name}.cpp").is_file() or (self.root / "demos" / name).is_dir():
            program = self.build / "demos" / plain
        elif (self.root / "tutorial" / "programs" / f"{name}.cpp").is_file():
            program = self.build / "tutorial" / "programs" / name
        else:
            raise RunError(f"there is no program '{name}': neither demos/{name}.cpp nor tutorial/programs/{name}.cpp")
        if not program.is_file():
            raise RunError(f"{name} is not built: {program} is missing")
        return program

    @functools.lru_cache(maxsize=None)
    def run(self, command, scale, reports="", reactor=""):
        """The lines that the program prints; or, with `reports`, those that it writes on stderr."""
        name, *arguments = command
        program = self.command_of(name)
        if not any(argument.startswith("--scale") for argument in arguments):
            arguments += ["--scale", scale]
        environment = {variable: value for variable, value in os.environ.items()
                       if variable not in ("LANG", "LC_ALL", "LC_MESSAGES", "STEPWISE_DEBUG")}
        if reports:
            environment["STEPWISE_DEBUG"] = "1"
        if reactor:
            environment["STEPWISE_REACTOR"] = reactor
        try:
            # From the root: then a report names the sources as they are found there.
            done = subprocess.run([*program, *arguments], cwd=self.root, env=environment, capture_output=True,
                                  encoding="utf-8", stdin=subprocess.DEVNULL, timeout=DEADLINE_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise RunError(f"{name} still runs after {DEADLINE_SECONDS} s") from error
        if done.returncode != 0 or (done.stderr and not reports):
            raise RunError(f"{name} left with {done.returncode}: {done.stderr.strip()}")
        if reports:
            return [line.rstrip() for line in done.stderr.splitlines()]
        return [line.rstrip() for line in done.stdout.splitlines()]

    def text_of(self, output, scale=""):
        """What a run prints of the output, with every stamp where it belongs."""
        lines = output.select(self._lines_of(output, scale or output.scales[0]))
        return "".join((line if output.reactor else on_the_half_second(line)) + "\n" for line in lines)

    def _lines_of(self, output, scale):
        return self.run(output.command, scale, output.reports, output.reactor)

    def show(self, output, shown):
        """The output as the page must show it: `shown` itself if a run agrees with it."""
        for scale in output.scales:
            found = self.text_of(output, scale)
            if same_run(shown, found, output.unordered, output.measured, output.reports, output.apart):
                return shown
            if not (output.measured or output.reports or any(map(STAMP.fullmatch, self._lines_of(output, scale)))):
                break
        return found
