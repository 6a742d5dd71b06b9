"""The further lines of a figure's marker, and where in a figure they find their line of the run."""

import dataclasses
import re

WORDS = {
    "en": {"seconds": "seconds", "runs": "is being served", "waits": "waits for io"},
    "zh": {"seconds": "秒", "runs": "正在处理", "waits": "在等 io"},
}
# What the programs print when something begins or ends, in both languages.
ENTERS = re.compile(r"(\w+) (?:in|进入)")
LEAVES = re.compile(r"(\w+) (?:out|离开)")
IO_BEGINS = re.compile(r"io (?:begins|开始)(?:: (\w+))?")
IO_ENDS = re.compile(r"io (?:ends|结束)(?:: (\w+))?")


class FigureError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Arrow:
    source: str
    target: str
    label: str
    wrong: bool


@dataclasses.dataclass
class LaneOptions:
    """`lane: NAME = REGEX`, `skip: REGEX`, `arrow: TEXT -> TEXT [| LABEL]`, and `wrong: …` for an arrow that is one."""
    lanes: list
    skip: list
    arrows: list

    @staticmethod
    def parse(lines):
        options = LaneOptions([], [], [])
        for line in lines:
            word, _, rest = line.partition(": ")
            if word == "lane" and " = " in rest:
                name, _, pattern = rest.partition(" = ")
                options.lanes.append((name.strip(), re.compile(pattern)))
            elif word == "skip":
                options.skip.append(re.compile(rest))
            elif word in ("arrow", "wrong") and " -> " in rest:
                texts, _, label = rest.partition(" | ")
                source, _, target = texts.partition(" -> ")
                options.arrows.append(Arrow(source.strip(), target.strip(), label.strip(), word == "wrong"))
            else:
                raise FigureError(f"'{line}' is none of lane: NAME = REGEX, skip: REGEX, arrow: TEXT -> TEXT | LABEL, "
                                  "wrong: TEXT -> TEXT | LABEL")
        return options

    def lane_of(self, line):
        """The name of the lane in which a line of the run stands, or nothing if it is skipped."""
        if any(pattern.search(line.text) for pattern in self.skip):
            return None
        if not self.lanes:
            if not line.thread:
                raise FigureError(f"'{line.text}' names no thread: say lane: NAME = REGEX")
            return line.thread
        for name, pattern in self.lanes:
            if pattern.search(line.text):
                return name
        raise FigureError(f"'{line.text}' is in no lane: add lane: NAME = REGEX, or skip: REGEX")
