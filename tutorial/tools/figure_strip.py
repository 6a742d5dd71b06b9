"""A strip of frames: one for each time that a function which pauses was resumed.

Read from the run: indented lines are printed inside the function, the others by who calls it, after it has paused.
"""

from figure_options import FigureError
from svg import LINE_HEIGHT, Canvas, wrap

WIDTH = 416  # a phone shows all of it
COLUMNS = 2
GAP = 14
PADDING = 12


def frames_of(text):
    """(lines printed inside, line of the caller) of each frame."""
    frames, inside = [], []
    for line in text.splitlines():
        if line.startswith(" "):
            inside.append(line.strip())
        elif line:
            frames.append((inside, line))
            inside = []
    if inside:
        raise FigureError(f"the run ends inside the function: '{inside[-1]}'")
    return frames


def draw(title, options, text, language):
    del language
    if options:
        raise FigureError("a strip takes no options")
    canvas, y = Canvas(title, WIDTH), GAP
    width = (WIDTH - GAP * (COLUMNS + 1)) / COLUMNS
    frames = list(enumerate(frames_of(text), start=1))
    for first in range(0, len(frames), COLUMNS):
        row = frames[first:first + COLUMNS]
        drawn = [(number, *_wrapped(frame, width)) for number, frame in row]
        height = max(LINE_HEIGHT * (len(inside) + len(caller)) for _, inside, caller in drawn) + 4 * PADDING + 24
        for column, (number, inside, caller) in enumerate(drawn):
            _draw_frame(canvas, GAP + column * (width + GAP), y, width, height, number, inside, caller)
        y += height + GAP
    return canvas.finish(y)


def _wrapped(frame, width):
    inside, caller = frame
    lines = [part for line in inside or ["…"] for part in wrap(line, width - 2 * PADDING)]
    return lines, wrap(caller, width - 4 * PADDING)  # bold, so wider


def _draw_frame(canvas, x, y, width, height, number, inside, caller):
    canvas.rect(x, y, width, height, "box")
    canvas.text(x + PADDING, y + 22, str(number), "quiet")
    for hole in range(6):
        canvas.rect(x + 44 + hole * (width - 60) / 6, y + 10, 16, 11, "bg", 2)
    inner = LINE_HEIGHT * len(inside) + 12
    canvas.rect(x + PADDING / 2, y + 34, width - PADDING, inner, "one" if inside != ["…"] else "bg")
    canvas.lines(x + PADDING * 1.5, y + 34 + 22, inside)
    canvas.lines(x + PADDING * 1.5, y + 34 + inner + 26, caller, "head")
