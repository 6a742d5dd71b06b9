"""A figure of lanes: time runs down, each line of the run stands in the lane of who printed it, arrows join lines."""

from figure_options import FigureError, LaneOptions
from runs import parse_line
from svg import LINE_HEIGHT, WIDTH, Canvas, text_width, wrap

GUTTER = 84
LANE_GAP = 36
MIN_WIDTH = 90
TOP = 56


def draw(title, lines, text, language):
    del language
    options = LaneOptions.parse(lines)
    rows = [(parse_line(line), options) for line in text.splitlines() if line.strip()]
    entries = [(line, None if line.text.startswith("--") else options.lane_of(line)) for line, _ in rows]
    entries = [(line, lane) for line, lane in entries if lane or line.text.startswith("--")]
    names = [name for name, _ in options.lanes] or list(dict.fromkeys(lane for _, lane in entries if lane))
    timed = any(line.seconds is not None for line, _ in entries)
    labels = {arrow.target: arrow.label for arrow in options.arrows if arrow.label}
    widths = _widths(list(dict.fromkeys(names)), entries, labels)
    picture = _Lanes(title, widths, GUTTER if timed else 16)
    picture.draw_rows(entries, labels)
    for arrow in options.arrows:
        picture.draw_arrow(arrow)
    return picture.finish()


def _widths(names, entries, labels):
    """{lane: the width that its longest text asks for}."""
    widths = dict.fromkeys(names, MIN_WIDTH)
    for line, lane in entries:
        if lane:
            text = line.text.strip()
            widths[lane] = max(widths[lane], text_width(text) + 24, text_width("✗ " + labels.get(text, "")))
    return widths


class _Lanes:
    def __init__(self, title, widths, left):
        self.left = left
        self.names = list(widths)
        room = WIDTH - left - LANE_GAP * len(widths)
        if sum(widths.values()) > room:
            widths = {name: room / len(widths) for name in widths}
        self.widths = widths
        self.right = left + sum(widths.values()) + LANE_GAP * len(widths)
        self.canvas = Canvas(title, self.right)
        self.y = TOP
        self.boxes = []  # (text, x, y, width, height)

    def start(self, lane):
        """Where the boxes of a lane begin."""
        before = self.names[:self.names.index(lane)]
        return self.left + sum(self.widths[name] + LANE_GAP for name in before)

    def draw_rows(self, entries, labels):
        seconds = None
        for line, lane in entries:
            if lane is None:
                self._draw_band(line)
                continue
            if line.seconds is not None and line.seconds != seconds:
                seconds = line.seconds
                self.canvas.line(self.left - 8, self.y, self.right - 16, self.y, "grid")
                self.canvas.text(self.left - 14, self.y + 24, f"{seconds:.1f} s", "quiet", "end")
            self._draw_box(line, lane)
            if line.text.strip() in labels:
                self.y += LINE_HEIGHT

    def _draw_box(self, line, lane):
        width = self.widths[lane]
        lines = wrap(line.text.strip(), width - 20)
        height = LINE_HEIGHT * len(lines) + 12
        x, y = self.start(lane), self.y + 5
        self.canvas.rect(x, y, width, height, ("one", "two", "box")[self.names.index(lane) % 3])
        self.canvas.lines(x + 10, y + 22, lines)
        self.boxes.append((line.text.strip(), x, y, width, height))
        self.y += height + 10

    def _draw_band(self, line):
        text = line.text.strip("- ")
        self.canvas.line(self.left - 8, self.y + 16, self.right - 16, self.y + 16, "line dash")
        # The lanes' own lines do not run through it.
        self.canvas.rect(self.left - 4, self.y + 24, text_width(text) + 8, 26, "bg", 0)
        self.canvas.text(self.left, self.y + 42, text, "head")
        self.y += 56

    def _box_of(self, text, last=False):
        boxes = [box for box in self.boxes if box[0] == text]
        if not boxes:
            raise FigureError(f"the run has no line '{text}' for an arrow to stand at")
        return boxes[-1 if last else 0]

    def draw_arrow(self, arrow):
        _, x1, y1, width1, height1 = self._box_of(arrow.source)
        _, x2, y2, width2, height2 = self._box_of(arrow.target, last=True)
        middle1, middle2 = y1 + height1 / 2, y2 + height2 / 2
        if x1 == x2:
            side, beside = x1 + width1, x1 + width1 + 16
            self.canvas.arrow([(side, middle1), (beside, middle1), (beside, middle2), (side, middle2)], arrow.wrong)
        elif x1 < x2:
            self.canvas.arrow([(x1 + width1, middle1), (x2, middle2)], arrow.wrong)
        else:
            self.canvas.arrow([(x1, middle1), (x2 + width2, middle2)], arrow.wrong)
        if arrow.label:
            below = y2 + height2 + 18
            self.canvas.text(x2 + 4, below, ("✗ " if arrow.wrong else "") + arrow.label,
                             "wrongtext" if arrow.wrong else "quiet")

    def finish(self):
        heads = Canvas("")
        for name in self.names:
            x = self.start(name) + self.widths[name] / 2
            heads.text(x, 34, name, "head", "middle")
            heads.line(x, 44, x, self.y + 4, "line dash")
        self.canvas.parts[:0] = heads.parts
        return self.canvas.finish(self.y + 16)
