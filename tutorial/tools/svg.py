"""A small canvas for figures: at most 800 units wide, text of 15 and more, colours for light and dark, arrows."""

import html
import unicodedata

WIDTH = 800
LINE_HEIGHT = 22
STYLE = """
.bg{fill:#fff}text{font:16px system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif;fill:#17212b}
.mono{font-family:ui-monospace,"DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace;font-size:15px}
.head{font-weight:600}.quiet{fill:#56626e}.line{stroke:#8a97a3;stroke-width:1.5;fill:none}
.grid{stroke:#dce2e6;stroke-width:1}.box{fill:#eef4f7;stroke:#5f7485;stroke-width:1.5}
.one{fill:#e3f3ef;stroke:#0b6f60;stroke-width:1.5}.two{fill:#fdf0e6;stroke:#a3400b;stroke-width:1.5}
.dash{stroke-dasharray:6 4}.arrow{stroke:#0b6f60;stroke-width:2.2;fill:none}.tip{fill:#0b6f60}
.wrong{stroke:#b3261e;stroke-width:2.6;fill:none;stroke-dasharray:7 4}.wrongtip{fill:#b3261e}
.wrongtext{fill:#b3261e;font-weight:600}
@media(prefers-color-scheme:dark){.bg{fill:#171f25}text{fill:#e6ecef}.quiet{fill:#a9b6c0}.line{stroke:#7d8b96}
.grid{stroke:#2a353d}.box{fill:#22303a;stroke:#8fa5b5}.one{fill:#17302d;stroke:#58cdb5}
.two{fill:#35241a;stroke:#f2a36e}.arrow{stroke:#58cdb5}.tip{fill:#58cdb5}.wrong{stroke:#ff8f85}.wrongtip{fill:#ff8f85}
.wrongtext{fill:#ff8f85}}
""".strip()


def text_width(text, mono=False):
    """About how wide a text of 16 (mono: 15) is; rather too wide than too narrow."""
    narrow = 9.1 if mono else 8.8
    return sum(16.2 if unicodedata.east_asian_width(letter) in "WF" else narrow for letter in text)


def wrap(text, width, mono=False):
    """The lines of a text that is at most `width` wide; breaks at spaces, and beside wide letters."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line.strip() and text_width((line + piece).rstrip(), mono) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return lines + [line.rstrip()]


def _pieces(text):
    piece = ""
    for letter in text:
        wide = unicodedata.east_asian_width(letter) in "WF"
        if piece and (wide and letter not in "，。：；、）》" or piece[-1] == " "):
            yield piece
            piece = ""
        piece += letter
    if piece:
        yield piece


class Canvas:
    def __init__(self, title, width=WIDTH):
        self.title = title
        self.width = min(round(width), WIDTH)
        self.parts = []

    def add(self, part):
        self.parts.append(part)

    def rect(self, x, y, width, height, kind="box", radius=5):
        self.add(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"/>')

    def text(self, x, y, text, kind="", anchor="start"):
        names = f' class="{kind}"' if kind else ""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.add(f'<text x="{x:g}" y="{y:g}"{names}{place} xml:space="preserve">{html.escape(text)}</text>')

    def lines(self, x, y, lines, kind="", anchor="start"):
        """Lines of text below each other; y is the first one's base."""
        for number, line in enumerate(lines):
            self.text(x, y + number * LINE_HEIGHT, line, kind, anchor)

    def line(self, x1, y1, x2, y2, kind="line"):
        self.add(f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>')

    def path(self, data, kind="line"):
        self.add(f'<path class="{kind}" d="{data}"/>')

    def arrow(self, points, wrong=False):
        """A line through the points with a tip at the last one."""
        data = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self.path(data, "wrong" if wrong else "arrow")
        (x1, y1), (x2, y2) = points[-2:]
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1
        along_x, along_y = (x2 - x1) / length, (y2 - y1) / length
        back_x, back_y = x2 - 11 * along_x, y2 - 11 * along_y
        self.path(f"M{x2:.1f} {y2:.1f} L{back_x - 5 * along_y:.1f} {back_y + 5 * along_x:.1f} "
                  f"L{back_x + 5 * along_y:.1f} {back_y - 5 * along_x:.1f} Z", "wrongtip" if wrong else "tip")

    def finish(self, height):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:g}" '
                f'width="{self.width}" height="{height:g}" role="img">')
        body = [f"<title>{html.escape(self.title)}</title>", f"<style>{STYLE}</style>",
                f'<rect class="bg" width="{self.width}" height="{height:g}" rx="8"/>', *self.parts]
        return "\n".join([head, *body, "</svg>"]) + "\n"
