"""A wheel: what comes round again and again in one order, and in its middle what all of it works on.

`rim: ID | LABEL | PROOF`, clockwise from the top, `hub: ID | LABEL | PROOF`, and `spoke: ID -> ID | LABEL | PROOF`,
which leads from or to the hub. The rim's proofs are `code PATH: TEXT` in one file, and stand there in the rim's order:
that is what its arrows say.
"""

import math
import re

from figure_graph import Box, draw_arrow
from figure_options import FigureError
from svg import LINE_HEIGHT, WIDTH, Canvas, text_width, wrap

PART = re.compile(r"(rim|hub): (\w+) \| (.+) \| (.+)")
SPOKE = re.compile(r"spoke: (\w+) -> (\w+) \| (.*) \| (.+)")
BOX_WIDTH_MAX = 190
CENTER_X, RADIUS_X, RADIUS_Y = WIDTH / 2, 285, 205
CENTER_Y = RADIUS_Y + 60
GAP = 6  # between a box and an arrow along the rim


def draw(title, options, find_proof):
    rim, hub, spokes = _parse(options, find_proof)
    for number, box in enumerate(rim.values()):
        _place(box, *_on_the_rim(2 * math.pi * number / len(rim)))
    _place(next(iter(hub.values())), CENTER_X, CENTER_Y)
    boxes = {**rim, **hub}
    canvas = Canvas(title)
    for number in range(len(rim)):
        canvas.arrow(_along_the_rim(list(rim.values()), number))
    for source, target, label in spokes:
        back = any((target, source) == other[:2] for other in spokes)
        draw_arrow(canvas, boxes[source], boxes[target], label, False, back, 0.6 if source in hub else 0.4)
    for name, box in boxes.items():
        canvas.rect(box.x, box.y, box.width, box.height, "one" if name in hub else "box", 10)
        top = box.y + 27
        canvas.lines(box.center[0], top, box.lines[:box.head_lines], "head", "middle")
        canvas.lines(box.center[0], top + LINE_HEIGHT * box.head_lines, box.lines[box.head_lines:], "", "middle")
    return canvas.finish(max(box.y + box.height for box in boxes.values()) + 20)


def _parse(options, find_proof):
    rim, hub, spokes, places = {}, {}, [], []
    for line in options:
        part, spoke = PART.fullmatch(line), SPOKE.fullmatch(line)
        if not part and not spoke:
            raise FigureError(f"'{line}' is none of rim: ID | LABEL | PROOF, hub: ID | LABEL | PROOF, "
                              "spoke: ID -> ID | LABEL | PROOF")
        place = find_proof((part or spoke).groups()[-1])
        if not place:
            raise FigureError(f"nothing proves '{line}': there is no {(part or spoke).groups()[-1]}")
        if spoke:
            spokes.append(spoke.groups()[:3])
            continue
        kind, name, label, _ = part.groups()
        (rim if kind == "rim" else hub)[name] = Box(0, 0, label.split(" / "))
        if kind == "rim":
            places.append(place)
    if len(rim) < 3 or len(hub) != 1:
        raise FigureError("a wheel has three or more parts on its rim, and one hub")
    if places != sorted(places) or len({path for path, _ in places}) > 1:
        raise FigureError("the rim's proofs do not stand in this order in one file")
    for source, target, _ in spokes:
        if (source in hub) == (target in hub) or {source, target} - {*rim, *hub}:
            raise FigureError(f"a spoke joins the hub and a part of the rim: not {source} -> {target}")
    return rim, hub, spokes


def _on_the_rim(angle):
    return CENTER_X + RADIUS_X * math.sin(angle), CENTER_Y - RADIUS_Y * math.cos(angle)


def _place(box, x, y):
    box.head_lines = len(wrap(box.lines[0], BOX_WIDTH_MAX - 16))
    box.lines = [part for line in box.lines for part in wrap(line, BOX_WIDTH_MAX - 16)]
    box.width = max(text_width(line) for line in box.lines) + 28
    box.height = LINE_HEIGHT * len(box.lines) + 18
    box.x, box.y = x - box.width / 2, y - box.height / 2


def _along_the_rim(boxes, number):
    """The points of the arrow from a box to the next one, outside of both."""
    source, target = boxes[number], boxes[(number + 1) % len(boxes)]
    turn = 2 * math.pi / len(boxes)
    points = [_on_the_rim(turn * (number + step / 60)) for step in range(61)]
    return [point for point in points if not _is_inside(source, point) and not _is_inside(target, point)]


def _is_inside(box, point):
    x, y = point
    return (box.x - GAP < x < box.x + box.width + GAP) and (box.y - GAP < y < box.y + box.height + GAP)
