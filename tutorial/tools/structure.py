"""What holds the book together: titles, the two languages side by side, links, pictures that are used."""

import re
import urllib.parse

from pages import LANGUAGES, LINK, Page, anchor_of
from problem import Problem

TITLE = re.compile(r"# (\d+)\. \S")


def problems(root, pages):
    yield from _titles(pages)
    yield from _twins(pages)
    for page in pages:
        yield from _links(root, page)
        for line, language in page.unmarked_fences():
            yield Problem(page.name, line, f"a fence ```{language} without a marker above it: a chapter shows only "
                                           "what is compiled and run; commands to type are ```sh")
    yield from _unused_figures(root, pages)
    yield from _unlisted(root, pages)


def _titles(pages):
    for page in pages:
        first = page.text.partition("\n")[0]
        number = re.match(r"(\d\d)-", page.path.name)
        title = TITLE.match(first)
        if number and (not title or int(title.group(1)) != int(number.group(1))):
            yield Problem(page.name, 1, f"begin with the title: # {int(number.group(1))}. …")
        elif not number and not first.startswith("# "):
            yield Problem(page.name, 1, "begin with the title: # …")


def _twins(pages):
    found = {(page.language, page.path.name): page for page in pages}
    for page in pages:
        other = LANGUAGES[1 - LANGUAGES.index(page.language)]
        twin = found.get((other, page.path.name))
        if not twin:
            yield Problem(page.name, 1, f"there is no tutorial/{other}/{page.path.name}")
        elif page.language == LANGUAGES[0]:
            yield from _compare(page, twin)


def _compare(page: Page, twin: Page):
    for (line, level, title), (twin_line, twin_level, twin_title) in zip(page.headings, twin.headings):
        if level != twin_level:
            yield Problem(page.name, line, f"'{title}' has level {level}, but '{twin_title}' in its place at "
                                           f"{twin.name}:{twin_line} has level {twin_level}")
            return
    if len(page.headings) != len(twin.headings):
        longer, shorter = sorted((page, twin), key=lambda one: -len(one.headings))
        line, _, title = longer.headings[len(shorter.headings)]
        yield Problem(longer.name, line, f"{shorter.name} lacks a section: it has {len(shorter.headings)} headings, "
                                         f"this one {len(longer.headings)}; the first without a twin is '{title}'")
    if [_shown(block) for block in page.blocks] != [_shown(block) for block in twin.blocks]:
        pairs = [*zip(page.blocks, twin.blocks), (page.blocks + [None], twin.blocks + [None])]
        line = next((left.line for left, right in pairs[:-1] if _shown(left) != _shown(right)), 1)
        yield Problem(page.name, line,
                      f"{twin.name} does not show the same listings, outputs and figures in this order")


def _shown(block):
    """What a block shows, whatever the language."""
    words = block.spec.partition(" | ")[0].split()
    return block.kind, [word for word in words if word not in LANGUAGES and word != "--lang"]


def _links(root, page):
    for line, target in page.links:
        parts = urllib.parse.urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        path = (page.path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else page.path
        if not path.is_relative_to(root.resolve()) or not path.exists():
            yield Problem(page.name, line, f"the link leads nowhere: {target}")
        elif parts.fragment and path.suffix == ".md":
            linked = Page(path, "", path.read_text(encoding="utf-8"))
            if urllib.parse.unquote(parts.fragment) not in [anchor_of(text) for _, _, text in linked.headings]:
                where = parts.path or page.name
                yield Problem(page.name, line, f"there is no heading for #{parts.fragment} in {where}")


def _unused_figures(root, pages):
    used = {(page.path.parent / block.image).resolve() for page in pages for block in page.blocks if block.image}
    for language in LANGUAGES:
        for path in sorted((root / "tutorial" / language / "figures").glob("*")):
            if path.resolve() not in used:
                yield Problem(path.relative_to(root).as_posix(), 1, "no chapter shows this figure: remove it")


def _unlisted(root, pages):
    """The site finds every page; whoever reads the files finds those that tutorial/README.md lists."""
    readme = root / "tutorial" / "README.md"
    listed = LINK.findall(readme.read_text(encoding="utf-8")) if readme.is_file() else []
    for page in pages:
        if f"{page.language}/{page.path.name}" not in listed:
            yield Problem(page.name, 1, "tutorial/README.md does not list this page: give it a row")
