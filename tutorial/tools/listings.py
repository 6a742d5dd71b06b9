"""Named regions of source files: what a listing shows.

A region begins with a line `//[ name` and ends with the next `//]` that is not of a region inside it; in Python with
`#[` and `#]`. The marker lines are not shown, and the indentation that all lines of a region share is removed.
"""

import pathlib
import re
import textwrap

OPENING = re.compile(r"\s*(?://|#)\[ +(\S.*?)\s*")
CLOSING = re.compile(r"\s*(?://|#)\]\s*")
LANGUAGES = {".cpp": "cpp", ".hpp": "cpp", ".py": "python"}


class RegionError(Exception):
    pass


def language_of(spec):
    """Of the fence around what `PATH [REGION]` shows."""
    return LANGUAGES.get(pathlib.PurePath(spec.partition(" ")[0]).suffix, "cpp")


def regions_of(text):
    """{name: text} of each region, and under "" the whole file."""
    found, open_regions, whole = {}, [], []
    for number, line in enumerate(text.splitlines(), start=1):
        opening = OPENING.fullmatch(line)
        if opening:
            name = opening.group(1)
            if name in found or name in dict(open_regions):
                raise RegionError(f"line {number}: the region '{name}' begins a second time")
            open_regions.append((name, []))
        elif CLOSING.fullmatch(line):
            if not open_regions:
                raise RegionError(f"line {number}: //] ends no region")
            name, lines = open_regions.pop()
            found[name] = _trimmed(lines)
        else:
            whole.append(line)
            for _, lines in open_regions:
                lines.append(line)
    if open_regions:
        raise RegionError(f"the region '{open_regions[-1][0]}' is not ended by //]")
    found[""] = _trimmed(whole)
    return found


def _trimmed(lines):
    return textwrap.dedent("\n".join(lines)).strip("\n") + "\n"


def text_of(root, spec):
    """What `PATH [REGION]` shows. Raises RegionError with the reason why it shows nothing."""
    path, _, region = spec.partition(" ")
    source = root / path
    if not source.is_file():
        raise RegionError(f"there is no file {path}")
    try:
        regions = regions_of(source.read_text(encoding="utf-8"))
    except RegionError as error:
        raise RegionError(f"{path}: {error}") from error
    region = region.strip()
    if region not in regions:
        names = ", ".join(sorted(name for name in regions if name)) or "none"
        raise RegionError(f"{path} has no region '{region}'; its regions: {names}")
    return regions[region]
