#!/usr/bin/env python3
"""Makes the reference of the public headers, with Debian's doxygen: `reference.py INCLUDE OUTPUT HEADER…`. INCLUDE is
the folder below which programs find them: `<stepwise/…>`.

The headers' comments are plain `//` ones, made to be read in the file. So doxygen reads them through a filter, which is
this script as well (`reference.py --filter HEADER`): the comment at a header's head becomes that of the file, one above
a declaration, or behind it on its line, that of the declaration; what stands within a function's body stays what it is.
A class of the file's name that has no comment of its own gets that of the file. What doxygen complains of is an error.
Needs nothing but Python and doxygen.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

MISSING = "doxygen is not installed: sudo apt-get install doxygen"
SETTINGS = {
    "PROJECT_NAME": "Stepwise",
    "PROJECT_BRIEF": "the public headers",
    "FULL_PATH_NAMES": "YES",
    "JAVADOC_AUTOBRIEF": "YES",
    "BUILTIN_STL_SUPPORT": "YES",
    "EXTRACT_ALL": "YES",
    "HIDE_UNDOC_CLASSES": "NO",
    "EXCLUDE_SYMBOLS": "detail stepwise::*::detail stepwise::detail *::detail::*",
    "SORT_MEMBER_DOCS": "NO",
    "SHOW_USED_FILES": "NO",
    "QUIET": "YES",
    "WARNINGS": "YES",
    "WARN_IF_UNDOCUMENTED": "NO",
    "WARN_FORMAT": '"$file:$line: $text"',
    "ENABLE_PREPROCESSING": "YES",
    "MACRO_EXPANSION": "NO",
    "SKIP_FUNCTION_MACROS": "YES",
    "SEARCH_INCLUDES": "NO",
    "VERBATIM_HEADERS": "NO",
    "GENERATE_LATEX": "NO",
    "GENERATE_HTML": "YES",
    "HTML_OUTPUT": ".",
    "HTML_COLORSTYLE_HUE": "172",
    "HTML_COLORSTYLE_SAT": "60",
    "HTML_TIMESTAMP": "NO",
    "DISABLE_INDEX": "NO",
    "GENERATE_TREEVIEW": "NO",
    "HAVE_DOT": "NO",
    "CLASS_GRAPH": "TEXT",
    "SEARCHENGINE": "YES",
    "CASE_SENSE_NAMES": "YES",
}

SCOPE = re.compile(r"\b(namespace|class|struct|union|enum)\b[^;()]*\{$|^extern \"C\" \{$")
COMMENT = re.compile(r"^(\s*)//(.*)$")
TRAILING = re.compile(r"^(.*\S)\s+// (.*)$")
LITERAL = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')


def escaped(text):
    """A comment's words with nothing in them that doxygen would take for a command, a tag or a link."""
    if text.startswith("    "):
        return text  # an example
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\@<>#&$%])", r"\\\1", part) for part in parts)


def pascal(name):
    return "".join(word.capitalize() for word in name.split("_"))


class Filter:
    def __init__(self, text, name=""):
        self.class_of_file = re.compile(rf"^(?:class|struct)(?: \[\[\w+\]\])? {pascal(name)}\b[^;]*$") if name else None
        self.lines = text.split("\n")
        self.scopes = []  # of each open brace: whether declarations stand in it
        self.column = None  # of the comment behind the line before
        self.about = []  # the comment at the head

    def documents(self):
        return all(self.scopes)

    def head(self):
        """The comment at the head, one line longer than it was; `#pragma once` makes up for it."""
        size = next(place for place, line in enumerate(self.lines) if not line.startswith("//"))
        self.about = ["///" + escaped(line[2:]) for line in self.lines[:size]]
        yield "/// \\file"
        yield from self.about
        self.lines = [line for line in self.lines[size:] if line != "#pragma once"]

    def line(self, line):
        comment = COMMENT.match(line)
        if comment:
            indentation, text = comment.groups()
            if not self.documents() or text.startswith(" ----"):
                return line
            behind = "///<" if self.column == len(indentation) else "///"
            return indentation + behind + escaped(text)
        self.column = None
        trailing = TRAILING.match(line)
        code = trailing[1] if trailing else line
        is_documented = trailing and self.documents() and (code[-1] in ";," or self.is_in_enum())
        if is_documented and code.strip() != "}":
            self.column = line.rindex("// ")
            line = f"{code}  ///< {escaped(trailing[2])}"
        self.count_braces(LITERAL.sub('""', code))
        return line

    def is_in_enum(self):
        return bool(self.scopes) and self.documents() and self.scopes[-1] == "enum"

    def count_braces(self, code):
        opens = SCOPE.search(code.rstrip())
        for place, sign in enumerate(code):
            if sign == "{":
                last = place == len(code.rstrip()) - 1
                self.scopes.append(opens[1] or "extern" if opens and last else "")
            elif sign == "}" and self.scopes:
                self.scopes.pop()

    def text(self):
        lines = [*self.head()]
        for line in self.lines:
            if self.class_of_file and self.class_of_file.match(line):
                place = len(lines) - (lines[-1].startswith("template"))
                if not lines[place - 1].lstrip().startswith("//"):
                    lines[place:place] = self.about
            lines.append(self.line(line))
        return "\n".join(lines)


def make(include, output, headers):
    """What doxygen complained of, a line each."""
    output.mkdir(parents=True, exist_ok=True)
    for page in output.glob("*.html"):
        page.unlink()  # a header that is gone has no page any more
    start = pathlib.Path(__file__).resolve().with_name("start.md")
    settings = SETTINGS | {
        "INPUT": " ".join(f'"{path}"' for path in [start, *(include / header for header in headers)]),
        "USE_MDFILE_AS_MAINPAGE": f'"{start}"',
        "STRIP_FROM_PATH": f'"{include}"',
        "STRIP_FROM_INC_PATH": f'"{include}"',
        "INPUT_FILTER": f'"{sys.executable} {pathlib.Path(__file__).resolve()} --filter"',
        "OUTPUT_DIRECTORY": f'"{output}"',
        "NUM_PROC_THREADS": str(min(os.cpu_count() or 1, 2)),
    }
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    done = subprocess.run(["doxygen", "-"], input=text, capture_output=True, encoding="utf-8", check=False)
    complaints = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode != 0:
        complaints.append(f"doxygen left with {done.returncode}")
    return complaints


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--filter":
        path = pathlib.Path(arguments[1])
        text = path.read_text(encoding="utf-8")
        sys.stdout.write(text if path.suffix == ".md" else Filter(text, path.stem).text())
        return 0
    if len(arguments) < 3:
        sys.exit("usage: reference.py INCLUDE OUTPUT HEADER…")
    if not shutil.which("doxygen"):
        print(f"reference: {MISSING}", file=sys.stderr)
        return 2
    # Not resolved: <stepwise/…> is a link into the sources.
    include, output = (pathlib.Path(argument).absolute() for argument in arguments[:2])
    complaints = make(include, output, arguments[2:])
    if complaints:
        print(*complaints, sep="\n", file=sys.stderr)
        return 1
    print(f"{len(arguments) - 2} headers: {output / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
