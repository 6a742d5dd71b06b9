"""A graph of boxes and arrows, whose every part names what proves it.

`node: ID @ COLUMN,ROW | LABEL | PROOF` and `arrow: ID -> ID | LABEL | PROOF` (`wrong:` for an arrow that is one). A
proof is `shown TEXT`, a text in a listing or an output of the same chapter, or `code PATH: TEXT`, one in a file.
"""

import dataclasses
import re

from figure_options import FigureError
from svg import LINE_HEIGHT, WIDTH, Canvas, text_width, wrap

NODE = re.compile(r"node: (\w+) @ (\d+),(\d+) \| (.+) \| (.+)")
ARROW = re.compile(r"(arrow|wrong): (\w+) -> (\w+) \| (.*) \| (.+)")
MARGIN = 20
ROW_GAP = 74
COLUMN_GAP = 80


@dataclasses.dataclass
class Box:
    column: int
    row: int
    lines: list  # the first of them is its name
    head_lines: int = 1  # how many the name takes
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    @property
    def center(self):
        return self.x + self.width / 2, self.y + self.height / 2

    def edge_towards(self, x, y):
        """Where the line from the middle to a point leaves the box."""
        middle_x, middle_y = self.center
        far_x, far_y = x - middle_x, y - middle_y
        part = min(self.width / 2 / abs(far_x) if far_x else 9e9, self.height / 2 / abs(far_y) if far_y else 9e9)
        return middle_x + far_x * part, middle_y + far_y * part


def draw(title, options, find_proof):
    boxes, arrows = {}, []
    for line in options:
        node, arrow = NODE.fullmatch(line), ARROW.fullmatch(line)
        if not node and not arrow:
            raise FigureError(f"'{line}' is neither node: ID @ COLUMN,ROW | LABEL | PROOF nor "
                              "arrow: ID -> ID | LABEL | PROOF")
        proof = (node or arrow).groups()[-1]
        if not find_proof(proof):
            raise FigureError(f"nothing proves '{line}': there is no {proof}")
        if node:
            boxes[node.group(1)] = Box(int(node.group(2)), int(node.group(3)), node.group(4).split(" / "))
        else:
            arrows.append((arrow.group(2), arrow.group(3), arrow.group(4), arrow.group(1) == "wrong"))
    unknown = [name for source, target, *_ in arrows for name in (source, target) if name not in boxes]
    if unknown or not boxes:
        raise FigureError(f"there is no node '{unknown[0]}'" if unknown else "a graph needs a node")
    columns = max(box.column for box in boxes.values())
    width = _place_columns(list(boxes.values()), columns, _column_gap(boxes, arrows, columns))
    height = _place_rows(list(boxes.values()))
    canvas = Canvas(title, max([width, *_right_ends(boxes, arrows)]))
    for source, target, label, wrong in arrows:
        back = any((target, source) == (other[0], other[1]) for other in arrows)
        draw_arrow(canvas, boxes[source], boxes[target], label, wrong, back)
    for number, box in enumerate(boxes.values()):
        canvas.rect(box.x, box.y, box.width, box.height, "one" if number == 0 else "box", 10)
        top = box.y + (box.height - LINE_HEIGHT * len(box.lines)) / 2 + 17
        canvas.lines(box.center[0], top, box.lines[:box.head_lines], "head", "middle")
        canvas.lines(box.center[0], top + LINE_HEIGHT * box.head_lines, box.lines[box.head_lines:], "", "middle")
    return canvas.finish(height)


def _column_gap(boxes, arrows, columns):
    """Room for the longest label of an arrow from one column to another."""
    labels = [label for source, target, label, _ in arrows if boxes[source].column != boxes[target].column]
    room = (WIDTH - 2 * MARGIN) / columns * 0.6
    return min(room, max([COLUMN_GAP, *(text_width(label) + 80 for label in labels)]))


def _place_columns(boxes, columns, gap):
    """Wraps the boxes' lines and gives each its x and width; returns the width of them all."""
    width_max = (WIDTH - 2 * MARGIN - gap * (columns - 1)) / columns
    widths = dict.fromkeys(range(1, columns + 1), 0)
    for box in boxes:
        box.head_lines = len(wrap(box.lines[0], width_max - 16))
        box.lines = [part for line in box.lines for part in wrap(line, width_max - 16)]
        box.width = min(width_max, max(text_width(line) for line in box.lines) + 40)
        widths[box.column] = max(widths[box.column], box.width)
    for box in boxes:
        start = sum(widths[column] + gap for column in range(1, box.column))
        box.x = MARGIN + start + (widths[box.column] - box.width) / 2
    return 2 * MARGIN + sum(widths.values()) + gap * (columns - 1)


def _place_rows(boxes):
    """Gives each box its y and height; returns the height of them all."""
    heights = {}
    for box in boxes:
        heights[box.row] = max(heights.get(box.row, 0), LINE_HEIGHT * len(box.lines) + 22)
    tops, y = {}, MARGIN + LINE_HEIGHT  # an arrow's label may stand above the first row, and below the last
    for row in range(1, max(heights) + 1):
        tops[row] = y
        y += heights.get(row, 0) + ROW_GAP
    for box in boxes:
        box.y, box.height = tops[box.row], heights[box.row]
    return y - ROW_GAP + MARGIN + LINE_HEIGHT


def _right_ends(boxes, arrows):
    """Where the labels beside upright arrows end."""
    for source, target, label, _ in arrows:
        if boxes[source].column == boxes[target].column and source != target:
            yield boxes[source].center[0] + 13 + 7 + text_width(label) + 8


def draw_arrow(canvas, source, target, label, wrong, back, label_at=0.5):
    """`back`: there is one in the other direction, too. The label stands beside the line, at this part of its way."""
    if source is target:
        x, y = source.x + source.width, source.center[1]
        canvas.arrow([(x, y - 10), (x + 26, y - 10), (x + 26, y + 10), (x, y + 10)], wrong)
        canvas.text(x + 32, y + 5, _marked(label, wrong), _colour(wrong))
        return
    (x1, y1), (x2, y2) = source.center, target.center
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    across_x, across_y = (y1 - y2) / length, (x2 - x1) / length
    if not back and across_y > 0:  # a label that may choose its side stands above
        across_x, across_y = -across_x, -across_y
    # Two arrows there and back keep to their own side.
    aside = 13 if back else 0
    begin, end = source.edge_towards(x2, y2), target.edge_towards(x1, y1)
    points = [(x + across_x * aside, y + across_y * aside) for x, y in (begin, end)]
    canvas.arrow(points, wrong)
    (from_x, from_y), (to_x, to_y) = points
    text = _marked(label, wrong)
    away = 7 + abs(across_x) * text_width(text) / 2 + abs(across_y) * 10
    canvas.text(from_x + (to_x - from_x) * label_at + across_x * away,
                from_y + (to_y - from_y) * label_at + across_y * away + 5, text, _colour(wrong), "middle")


def _marked(label, wrong):
    return "✗ " + label if wrong and label else label


def _colour(wrong):
    return "wrongtext" if wrong else "quiet"
