"""The bytes of a run, box by box: what each bit and each byte of a frame is.

Read from the run: a line without indentation begins a frame, an indented one is `HEX  MEANING`. Where every part of the
meaning, `1 FIN | 000 RSV | 0001 opcode: text`, begins with bits, the byte is drawn bit by bit.
"""

import re

from figure_options import FigureError
from svg import LINE_HEIGHT, Canvas, wrap

WIDTH = 416  # a phone shows all of it
LEFT = 20
CELL = 47
HEIGHT = 34
COLUMNS = 8
FIELD = re.compile(r"  ((?:[0-9a-f]{2} ?)+?) {2,}(\S.*)")
BITS = re.compile(r"([01]+) (.+)")


def draw(title, options, text, language):
    del language
    if options:
        raise FigureError("bits take no options")
    canvas, y = Canvas(title, WIDTH), 6
    for line in text.splitlines():
        if not line.startswith(" "):
            lines = wrap(line, WIDTH - 2 * LEFT - 20)
            canvas.lines(LEFT, y + 26, lines, "head")
            y += 12 + LINE_HEIGHT * len(lines)
            continue
        field = FIELD.fullmatch(line)
        if not field:
            raise FigureError(f"'{line}' is not bytes in hex, two spaces, and what they are")
        y = _draw_field(canvas, y + 6, field.group(1).split(), field.group(2))
    return canvas.finish(y + 8)


def _draw_field(canvas, y, octets, meaning):
    """Draws a row of bits, or rows of bytes; returns where the next one begins."""
    parts = [BITS.fullmatch(part) for part in meaning.split(" | ")]
    if not all(parts):
        return _draw_octets(canvas, y, octets, meaning)
    bits = "".join(part.group(1) for part in parts)
    if len(octets) != 1 or bits != f"{int(octets[0], 16):08b}":
        raise FigureError(f"the bits of '{meaning}' are not those of {' '.join(octets)}")
    column, bottom = 0, y
    for number, part in enumerate(parts):
        width = CELL * len(part.group(1))
        for place, bit in enumerate(part.group(1)):
            x = LEFT + CELL * (column + place)
            canvas.rect(x, y, CELL, HEIGHT, ("one", "two")[number % 2], 0)
            canvas.text(x + CELL / 2, y + 23, bit, "mono", "middle")
        lines = wrap(part.group(2), width + 6)
        canvas.lines(LEFT + CELL * column + width / 2, y + HEIGHT + 18, lines, "quiet", "middle")
        bottom = max(bottom, y + HEIGHT + LINE_HEIGHT * len(lines))
        column += len(part.group(1))
    return bottom + 4


def _draw_octets(canvas, y, octets, meaning):
    for first in range(0, len(octets), COLUMNS):
        for column, octet in enumerate(octets[first:first + COLUMNS]):
            x = LEFT + CELL * column
            canvas.rect(x, y, CELL, HEIGHT, "box", 0)
            canvas.text(x + CELL / 2, y + 23, octet, "mono", "middle")
        y += HEIGHT + 4
    lines = wrap(meaning, WIDTH - 2 * LEFT)
    canvas.lines(LEFT, y + 14, lines, "quiet")
    return y + LINE_HEIGHT * len(lines)
