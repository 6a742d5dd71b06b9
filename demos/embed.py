#!/usr/bin/env python3
"""Turns a text file into a C++ header, when a program is built: `embed.py OUTPUT.hpp INPUT`.

The header holds `inline constexpr std::string_view NAME`, where NAME is the output's name without .hpp. In a web page,
each `<link rel="stylesheet" href="…">` and `<script src="…"></script>` that names a file is replaced by that file, so
what a browser gets is one page that asks for nothing more. See demos/meson.build for how a program uses it.
"""

import pathlib
import re
import sys

STYLE = re.compile(r'<link rel="stylesheet" href="([^":]+)">\n?')
SCRIPT = re.compile(r'<script src="([^":]+)"></script>\n?')
TEXT_BYTES_MAX = 65536  # what a C++ compiler must accept in one literal; beyond it compilers may warn


def inline(page):
    """The text of a web page with its styles and scripts in their places."""
    def part(tag):
        def replacement(match):
            text = (page.parent / match.group(1)).read_text(encoding="utf-8")
            if f"</{tag}" in text:
                sys.exit(f"embed.py: {match.group(1)} contains </{tag}, which would end it early in {page}")
            return f"<{tag}>\n{text}</{tag}>\n"
        return replacement
    text = page.read_text(encoding="utf-8")
    return SCRIPT.sub(part("script"), STYLE.sub(part("style"), text))


def header(name, text, source):
    size = len(text.encode())
    if size > TEXT_BYTES_MAX or "\r" in text or "\0" in text:
        sys.exit(f"embed.py: {source} has {size} bytes; it must be text with plain line ends of at most "
                 f"{TEXT_BYTES_MAX} bytes")
    end = next(end for end in ("text", *(f"text{number}" for number in range(100))) if f'){end}"' not in text)
    return (f"// Made by demos/embed.py from {source.name}: edit that file, not this one.\n#pragma once\n"
            f"#include <string_view>\n\ninline constexpr std::string_view {name} = R\"{end}({text}){end}\";\n")


def main(arguments):
    if len(arguments) != 2:
        sys.exit("usage: embed.py OUTPUT.hpp INPUT")
    output, source = map(pathlib.Path, arguments)
    text = inline(source) if source.suffix == ".html" else source.read_text(encoding="utf-8")
    output.write_text(header(output.stem, text, source), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
