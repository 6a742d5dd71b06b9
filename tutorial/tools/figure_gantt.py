"""A Gantt chart of a run: a bar for each client from its `X in` to its `X out`, hatched while it waits for io."""

import dataclasses

from figure_options import ENTERS, IO_BEGINS, IO_ENDS, LEAVES, WORDS, FigureError
from runs import parse_line
from svg import Canvas

WIDTH = 416  # a phone shows all of it
LEFT = 44
RIGHT = 24
ROW = 52
TOP = 24


@dataclasses.dataclass
class Bar:
    name: str
    begins: float
    ends: float | None = None
    waits: list = dataclasses.field(default_factory=list)  # [from, to]


def bars_of(text):
    """The bars of a run, in the order in which the clients came."""
    bars, inside = {}, []
    for line in map(parse_line, text.splitlines()):
        if line.seconds is None:
            continue
        if enters := ENTERS.fullmatch(line.text):
            bars.setdefault(enters.group(1), Bar(enters.group(1), line.seconds))
            inside.append(enters.group(1))
        elif leaves := LEAVES.fullmatch(line.text):
            if leaves.group(1) in bars:
                bars[leaves.group(1)].ends = line.seconds
        elif begins := IO_BEGINS.fullmatch(line.text):
            client = begins.group(1) or (inside[-1] if inside else "")
            bars[client].waits.append([line.seconds, None])
        elif ends := IO_ENDS.fullmatch(line.text):
            bar = bars[ends.group(1)] if ends.group(1) else next(bar for bar in bars.values() if bar.waits)
            bar.waits[-1][1] = line.seconds
    if not bars or any(bar.ends is None for bar in bars.values()):
        raise FigureError("a Gantt chart needs lines with stamps: 'A in' … 'A out'")
    return list(bars.values())


def draw(title, options, text, language):
    if options:
        raise FigureError("a gantt takes no options")
    bars = bars_of(text)
    end = max(bar.ends for bar in bars)
    canvas = Canvas(title, WIDTH)
    canvas.add('<defs><pattern id="w" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
               '<line class="line" x1="0" y1="0" x2="0" y2="9"/></pattern></defs>')
    unit = (WIDTH - LEFT - RIGHT) / max(end, 1)
    bottom = TOP + ROW * len(bars)
    for second in range(int(end) + 1):
        x = LEFT + second * unit
        canvas.line(x, TOP - 8, x, bottom, "grid")
        canvas.text(x, bottom + 22, str(second), "quiet", "middle")
    canvas.text(WIDTH - RIGHT, bottom + 46, WORDS[language]["seconds"], "quiet", "end")
    for row, bar in enumerate(bars):
        _draw_bar(canvas, bar, TOP + row * ROW, unit)
    _draw_legend(canvas, bottom + 50, WORDS[language], any(bar.waits for bar in bars))
    return canvas.finish(bottom + 98)


def _draw_bar(canvas, bar, y, unit):
    canvas.text(LEFT - 22, y + 26, bar.name, "head", "end")
    width = max((bar.ends - bar.begins) * unit, 6)
    canvas.rect(LEFT + bar.begins * unit, y + 4, width, 32, "one")
    for begins, ends in bar.waits:
        if ends is None or ends > bar.ends:
            ends = bar.ends
        if ends > begins:
            _draw_hatched(canvas, LEFT + begins * unit, y + 4, (ends - begins) * unit, 32)


def _draw_hatched(canvas, x, y, width, height):
    canvas.rect(x, y, width, height, "bg")
    canvas.add(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" fill="url(#w)" class="hatch"/>')
    canvas.path(f"M{x:g} {y:g} h{width:g} v{height:g} h{-width:g} Z")


def _draw_legend(canvas, y, words, waits):
    canvas.rect(LEFT, y - 14, 30, 18, "one")
    canvas.text(LEFT + 38, y, words["runs"])
    if waits:
        _draw_hatched(canvas, LEFT, y + 14, 30, 18)
        canvas.text(LEFT + 38, y + 28, words["waits"])
