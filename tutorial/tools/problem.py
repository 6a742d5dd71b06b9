"""What is wrong, and where: how every check of the course answers."""

import dataclasses
import difflib

DIFF_LINES_MAX = 24


@dataclasses.dataclass(frozen=True, order=True)
class Problem:
    path: str  # relative to the root of the project
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


def short_diff(shown, wanted):
    """How the page's text differs from what it must be, in a few indented lines."""
    lines = list(difflib.unified_diff(shown.splitlines(), wanted.splitlines(), lineterm="", n=1))[2:]
    if len(lines) > DIFF_LINES_MAX:
        lines = lines[:DIFF_LINES_MAX] + ["..."]
    return "".join(f"\n    {line}" for line in lines)
