#!/usr/bin/env python3
"""Writes the list of the numbered demos that the start page shows: `list_demos.py OUTPUT.json TITLES_ZH.json BANNER…`.

A BANNER is a demo's source, NN_name.cpp or NN_name/…; its first comment line is the English title. The Chinese one
stands in TITLES_ZH.json under the demo's name; without one the English title is shown.
"""

import json
import pathlib
import re
import sys

NUMBERED = re.compile(r"(\d\d)_(\w+)")


def entry(path, titles_zh):
    match = next(filter(None, map(NUMBERED.fullmatch, (path.stem, path.parent.name))), None)
    first_line = path.read_text(encoding="utf-8").partition("\n")[0]
    if not match or not first_line.startswith("// "):
        sys.exit(f"list_demos.py: {path} is no numbered demo that begins with a title: // What it shows")
    number, name = match.groups()
    title = first_line.removeprefix("// ")
    return {"number": number, "name": name, "title_en": title, "title_zh": titles_zh.get(name, title)}


def main(arguments):
    if len(arguments) < 3:
        sys.exit("usage: list_demos.py OUTPUT.json TITLES_ZH.json BANNER...")
    titles_zh = json.loads(pathlib.Path(arguments[1]).read_text(encoding="utf-8"))
    entries = sorted((entry(pathlib.Path(path), titles_zh) for path in arguments[2:]), key=lambda one: one["number"])
    text = json.dumps(entries, ensure_ascii=False, indent=1)
    pathlib.Path(arguments[0]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
