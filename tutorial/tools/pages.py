"""A chapter as the checks see it: its headings, its links, and its marked blocks.

A marked block is an HTML comment `<!-- KIND: SPEC` with, for figures, more lines of options, up to `-->`, and directly
below it a fence (listing, output), an image (figure) or a list (predict). The text of the page is kept; `replaced`
gives a new one.
"""

import dataclasses
import functools
import pathlib
import re

import listings

MARKER = re.compile(r"^<!-- (\w+): ([^\n]*?)(?:\n(.*?))??\s*-->\n", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^(`{3,}|~{3,})([^\n`]*)\n(.*?)^\1[ ]*$\n?", re.MULTILINE | re.DOTALL)
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)\n")
HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
LIST = re.compile(r"- [^\n]+\n(?:[^\n]+\n)*")
INLINE_CODE = re.compile(r"(`+)[^`].*?\1", re.DOTALL)

LANGUAGES = ("en", "zh")
FENCED = ("listing", "output")


@dataclasses.dataclass
class Block:
    kind: str  # listing, output, figure, predict
    spec: str  # the rest of the marker's first line
    options: list  # the marker's further lines
    line: int
    start: int = 0  # what the marker owns, in the page's text: a fence's inside, an image's path, or a list
    end: int = 0
    text: str = ""
    image: str = ""
    alternative: str = ""
    complaint: str = ""  # why it cannot be used


@dataclasses.dataclass
class Page:
    path: pathlib.Path
    name: str  # relative to the root, as messages say it
    text: str

    @property
    def language(self):
        return self.path.parent.name

    def line_of(self, position):
        return self.text.count("\n", 0, position) + 1

    @functools.cached_property
    def fences(self):
        return list(FENCE.finditer(self.text))

    @functools.cached_property
    def prose(self):
        """The text with fences, comments and code blanked, every line at its place."""
        def blank(match):
            return re.sub(r"[^\n]", " ", match.group())
        text = FENCE.sub(blank, self.text)
        return INLINE_CODE.sub(blank, re.sub(r"<!--.*?-->", blank, text, flags=re.DOTALL))

    @functools.cached_property
    def headings(self):
        """(line, level, text) of each heading."""
        masked = FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), self.text)
        return [(self.line_of(match.start()), len(match.group(1)), match.group(2))
                for match in HEADING.finditer(masked)]

    @functools.cached_property
    def links(self):
        """(line, target) of each link in the prose."""
        return [(self.line_of(match.start()), match.group(1)) for match in LINK.finditer(self.prose)]

    @functools.cached_property
    def blocks(self):
        return [self._block(match) for match in MARKER.finditer(self.text)]

    def _block(self, marker):
        kind, spec, options = marker.groups()
        lines = [line.strip() for line in (options or "").split("\n") if line.strip()]
        block = Block(kind, spec.strip(), lines, self.line_of(marker.start()))
        if kind in FENCED:
            language = listings.language_of(block.spec) if kind == "listing" else "text"
            fence = FENCE.match(self.text, marker.end())
            if not fence or fence.group(2).strip() != language:
                block.complaint = f"directly below it must stand a fence ```{language}"
            else:
                block.start, block.end, block.text = fence.start(3), fence.end(3), fence.group(3)
        elif kind == "figure":
            image = IMAGE.match(self.text, marker.end())
            if not image:
                block.complaint = "directly below it must stand an image: ![what it shows](figures/NN-name.svg)"
            else:
                block.alternative, block.image = image.groups()
                block.start, block.end = image.span(2)
        elif kind == "predict":
            choices = LIST.match(self.text, marker.end())
            if not choices:
                block.complaint = "directly below it must stand the choices: - **CHOICE**"
            else:
                block.start, block.end, block.text = choices.start(), choices.end(), choices.group()
        else:
            block.complaint = f"a marker is a listing, an output, a figure or a predict, not '{kind}'"
        return block

    def unmarked_fences(self):
        """(line, language) of each fence that shows code or an output and that no marker owns."""
        owned = {block.start for block in self.blocks if block.kind in FENCED}
        for fence in self.fences:
            if fence.start(3) not in owned and fence.group(2).strip() != "sh":
                yield self.line_of(fence.start()), fence.group(2).strip()

    def replaced(self, texts):
        """The page with the insides of its fences replaced: {block's start: new text}."""
        result = self.text
        for block in sorted(self.blocks, key=lambda block: -block.start):
            if block.start in texts:
                result = result[:block.start] + texts[block.start] + result[block.end:]
        return result


def read_pages(root):
    """Every chapter in both languages, in the order of their names."""
    pages = []
    for language in LANGUAGES:
        for path in sorted((root / "tutorial" / language).glob("*.md")):
            pages.append(Page(path, path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")))
    return pages


def anchor_of(heading):
    """The fragment by which a heading is linked: as the site makes it, and as Git hosting sites do."""
    plain = re.sub(r"[`*_]|\[|\]\([^)]*\)", "", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
