"""Buffers that fill and empty: a row for each line of a run that says how full they are, `NAME 48/64 KiB, …`.

The other lines of the run stand between the rows, as what happened there.
"""

import re

from figure_options import FigureError
from runs import parse_line
from svg import LINE_HEIGHT, Canvas, wrap

WIDTH = 416  # a phone shows all of it
LEFT = 20
GAP = 10
TUBE_HEIGHT = 26
LEVEL = re.compile(r"([^,:：，]+?) *(\d+)/(\d+) KiB")


def draw(title, options, text, language):
    del language
    if options:
        raise FigureError("a gauge takes no options")
    lines = [parse_line(line) for line in text.splitlines()]
    names = next((_names(line.text) for line in lines if LEVEL.search(line.text)), None)
    if not names:
        raise FigureError("a gauge needs lines with levels: NAME 48/64 KiB")
    canvas = Canvas(title, WIDTH)
    width = (WIDTH - 2 * LEFT - GAP * (len(names) - 1)) / len(names)
    y = _draw_names(canvas, names, width)
    for line in lines:
        levels = [(int(full), int(room)) for _, full, room in LEVEL.findall(line.text)]
        if levels and _names(line.text) != names:
            raise FigureError(f"'{line.text}' has other levels than {', '.join(names)}")
        time = "" if line.seconds is None else f"{line.seconds:.1f} s  "
        caption = time + (re.split("[:：] ?", line.text, maxsplit=1)[0] if levels else line.text)
        wrapped = wrap(caption, WIDTH - 2 * LEFT - (0 if levels else 20))
        canvas.lines(LEFT, y + 20, wrapped, "" if levels else "head")
        y += LINE_HEIGHT * len(wrapped) + 6
        if levels:
            for number, (full, room) in enumerate(levels):
                _draw_tube(canvas, LEFT + number * (width + GAP), y, width, full, room)
            y += TUBE_HEIGHT + 6
    return canvas.finish(y + 10)


def _names(text):
    return [name.strip() for name, _, _ in LEVEL.findall(text)]


def _draw_names(canvas, names, width):
    wrapped = [wrap(name, width - 8) for name in names]
    for number, lines in enumerate(wrapped):
        canvas.lines(LEFT + number * (width + GAP) + width / 2, 28, lines, "head", "middle")
    return 18 + LINE_HEIGHT * max(map(len, wrapped))


def _draw_tube(canvas, x, y, width, full, room):
    canvas.rect(x, y, width, TUBE_HEIGHT, "box", 3)
    if full:
        canvas.rect(x, y, width * min(full / room, 1), TUBE_HEIGHT, "two" if full >= room else "one", 3)
    canvas.text(x + width - 8, y + 19, f"{full}", "", "end")
