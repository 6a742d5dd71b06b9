"""A timeline of a run on virtual time: it goes to the right, a line for each lane, and a sign for each line printed.

`lane: NAME = REGEX` says who printed a line, `mark: SIGN LABEL = REGEX` which sign stands for it: tick, dot or cross.
Lines without a mark are left out. `span: A..B` shows these seconds only.
"""

import re

from figure_options import WORDS, FigureError
from runs import parse_line
from svg import LINE_HEIGHT, Canvas, text_width

WIDTH = 416  # a phone shows all of it
LEFT = 22
RIGHT = 26
LANE_HEIGHT = 76
TOP = 18
STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
LABELS_MAX = 9
LANE = re.compile(r"lane: (.+?) = (.+)")
MARK = re.compile(r"mark: (tick|dot|cross) (.+?) = (.+)")
SPAN = re.compile(r"span: ([\d.]+)\.\.([\d.]+)")


def draw(title, options, text, language):
    lanes, marks, span = _parse(options)
    signs = _signs_of(text, lanes, marks)  # [(lane, label, seconds)]
    first, last = span or (0, max(seconds for _, _, seconds in signs))
    signs = [sign for sign in signs if first <= sign[2] <= last]
    picture = _Timeline(title, first, last)
    for lane in lanes:
        own = [(label, seconds) for name, label, seconds in signs if name == lane]
        if not own:
            raise FigureError(f"nothing of the run stands in the lane {lane}")
        picture.draw_lane(lane, own, marks)
    return picture.finish(marks, WORDS[language]["seconds"])


def _parse(lines):
    lanes, marks, span = {}, {}, None
    for line in lines:
        if lane := LANE.fullmatch(line):
            lanes[lane.group(1)] = re.compile(lane.group(2))
        elif mark := MARK.fullmatch(line):
            marks[mark.group(2)] = (mark.group(1), re.compile(mark.group(3)))
        elif seconds := SPAN.fullmatch(line):
            span = float(seconds.group(1)), float(seconds.group(2))
        else:
            raise FigureError(f"'{line}' is none of lane: NAME = REGEX, mark: tick|dot|cross LABEL = REGEX, span: A..B")
    if not lanes or not marks:
        raise FigureError("a timeline needs a lane and a mark")
    return lanes, marks, span


def _signs_of(text, lanes, marks):
    signs = []
    for line in map(parse_line, text.splitlines()):
        label = next((name for name, (_, pattern) in marks.items() if pattern.search(line.text)), None)
        if line.seconds is None or label is None:
            continue
        lane = next((name for name, pattern in lanes.items() if pattern.search(line.text)), None)
        if lane is None:
            raise FigureError(f"'{line.text}' is in no lane: add lane: NAME = REGEX")
        signs.append((lane, label, line.seconds))
    for name in marks:
        if not any(label == name for _, label, _ in signs):
            raise FigureError(f"no line of the run has the mark '{name}'")
    return signs


class _Timeline:
    def __init__(self, title, first, last):
        self.canvas = Canvas(title, WIDTH)
        self.first = first
        self.last = last
        self.y = TOP

    def x_of(self, seconds):
        return LEFT + (seconds - self.first) / max(self.last - self.first, 0.1) * (WIDTH - LEFT - RIGHT)

    def draw_lane(self, name, signs, marks):
        self.canvas.text(LEFT, self.y + 20, name, "head")
        self._draw_counts(signs, marks)
        middle = self.y + 46
        self.canvas.line(LEFT, middle, WIDTH - RIGHT, middle)
        for label, seconds in sorted(signs, key=lambda sign: list(marks).index(sign[0])):
            self._draw_sign(marks[label][0], self.x_of(seconds), middle)
        self.y += LANE_HEIGHT

    def _draw_counts(self, signs, marks):
        """How many signs of each kind stand in the lane, at its right end."""
        x = WIDTH - RIGHT
        for label in reversed(list(marks)):
            count = sum(1 for name, _ in signs if name == label)
            if count:
                self.canvas.text(x, self.y + 20, f"× {count}", "quiet", "end")
                x -= text_width(f"× {count}") + 14
                self._draw_sign(marks[label][0], x, self.y + 15)
                x -= 24

    def _draw_sign(self, sign, x, y):
        if sign == "tick":
            self.canvas.line(x, y - 12, x, y + 12, "arrow")
        elif sign == "dot":
            self.canvas.add(f'<circle class="two" cx="{x:.1f}" cy="{y:g}" r="5"/>')
        else:
            self.canvas.add(f'<path class="wrong" style="stroke-dasharray:none" '
                            f'd="M{x - 6:.1f} {y - 6:g} l12 12 m0 -12 l-12 12"/>')

    def finish(self, marks, unit):
        bottom = self.y
        step = next((step for step in STEPS if (self.last - self.first) / step < LABELS_MAX), STEPS[-1])
        grid = Canvas("")
        at = -(-self.first // step) * step
        while at <= self.last + 1e-9:
            grid.line(self.x_of(at), TOP, self.x_of(at), bottom, "grid")
            self.canvas.text(self.x_of(at), bottom + 20, f"{at:g}", "quiet", "middle")
            at += step
        self.canvas.parts[:0] = grid.parts
        self.canvas.text(WIDTH - RIGHT, bottom + 20 + LINE_HEIGHT, unit, "quiet", "end")
        y = bottom + 24 + LINE_HEIGHT
        for label, (sign, _) in marks.items():
            self._draw_sign(sign, LEFT + 6, y - 5)
            self.canvas.text(LEFT + 22, y, label)
            y += LINE_HEIGHT + 4
        return self.canvas.finish(y)
