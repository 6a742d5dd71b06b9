#!/usr/bin/env python3
"""Checks that the chapters show what the programs are and print: `chapters.py [--write] [--build FOLDER]`.

Without --write: a line FILE:LINE: what differs, for each difference, and exit code 1 if there is one. With --write the
listings, outputs and figures are rewritten in place, and what cannot be mended by that is told.
"""

import argparse
import concurrent.futures
import pathlib
import re
import sys

import figures
import listings
import predict
import runs
import structure
from figure_options import FigureError
from pages import read_pages
from problem import Problem, short_diff

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE_FOLDERS = ("runtime", "net", "ws", "demos", "tutorial")
TEXT_IN_A_FIGURE = re.compile(r"<text[^>]*>(.*)</text>")


class Book:
    """All chapters, checked against the project that they tell of."""

    def __init__(self, root, build):
        self.root = pathlib.Path(root)
        self.programs = runs.Programs(self.root, build)
        self.problems = []
        self.written = []

    def check(self, write=False):
        """All problems, sorted. With `write`, first mends what can be."""
        self.problems, self.written = [], []
        pages = read_pages(self.root)
        if not pages:
            self.problems.append(Problem("tutorial", 1, "there is no chapter"))
        self._run_ahead(pages)
        for page in pages:
            self._check_page(page, write)
        self.problems += structure.problems(self.root, read_pages(self.root))
        self.problems += self._unused_regions(pages)
        return sorted(self.problems)

    def _run_ahead(self, pages):
        """Programs sleep more than they work: all at once, before their outputs are looked at one by one."""
        commands = set()
        for page in pages:
            for block in page.blocks:
                if block.kind in ("output", "predict"):
                    try:
                        output = runs.Output.parse(block.spec)
                        commands.add((output.command, output.scales[0], output.reports, output.reactor))
                    except runs.RunError:
                        pass  # told where the block is looked at
        with concurrent.futures.ThreadPoolExecutor(8) as together:
            concurrent.futures.wait([together.submit(self.programs.run, *command) for command in sorted(commands)])

    def _check_page(self, page, write):
        texts = {}
        for block in page.blocks:
            if block.complaint:
                self._say(page, block, block.complaint)
            elif block.kind == "predict":
                self._check_question(page, block)
            elif block.kind != "figure":
                texts[block.start] = self._wanted(page, block)
        different = [block for block in page.blocks if block.start in texts and texts[block.start] != block.text]
        if different and write:
            page.path.write_text(page.replaced(texts), encoding="utf-8")
            self.written.append(page.name)
        elif different:
            for block in different:
                self._say(page, block, f"the page does not show what {block.spec} {_is_or_prints(block)}:"
                          + short_diff(block.text, texts[block.start]))
        for block in page.blocks:
            if block.kind == "figure" and not block.complaint:
                self._check_figure(page, block, texts, write)

    def _wanted(self, page, block):
        try:
            if block.kind == "listing":
                return listings.text_of(self.root, block.spec)
            return self.programs.show(runs.Output.parse(block.spec), block.text)
        except (listings.RegionError, runs.RunError) as error:
            self._say(page, block, str(error))
            return block.text

    def _check_question(self, page, block):
        try:
            predict.check(page, block, self.programs)
        except (predict.PredictError, runs.RunError) as error:
            self._say(page, block, str(error))

    def _check_figure(self, page, block, texts, write):
        try:
            wanted = figures.svg_of(self.root, page, block, texts, self.programs)
        except (FigureError, runs.RunError) as error:
            self._say(page, block, str(error))
            return
        path = page.path.parent / block.image
        shown = path.read_text(encoding="utf-8") if path.is_file() else ""
        if shown == wanted:
            return
        if write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            self.written.append(path.relative_to(self.root).as_posix())
        else:
            texts_differ = short_diff(*("\n".join(TEXT_IN_A_FIGURE.findall(svg)) for svg in (shown, wanted)))
            self._say(page, block, f"{block.image} is not the picture of this run: --write draws it{texts_differ}")

    def _unused_regions(self, pages):
        used = {tuple(block.spec.split(" ", 1)) for page in pages for block in page.blocks if block.kind == "listing"}
        for source in sorted(path for folder in SOURCE_FOLDERS for path in (self.root / folder).rglob("*")
                             if path.suffix in listings.LANGUAGES):
            name = source.relative_to(self.root).as_posix()
            try:
                regions = listings.regions_of(source.read_text(encoding="utf-8"))
            except listings.RegionError as error:
                yield Problem(name, 1, str(error))
                continue
            for region in sorted(set(regions) - {""}):
                if (name, region) not in used:
                    yield Problem(name, 1, f"no chapter shows the region '{region}': remove its markers")

    def _say(self, page, block, message):
        self.problems.append(Problem(page.name, block.line, message))


def _is_or_prints(block):
    return "is" if block.kind == "listing" else "prints"


def main(arguments):
    parser = argparse.ArgumentParser(prog="chapters", description="Checks the chapters against the programs.")
    parser.add_argument("--write", action="store_true", help="rewrite listings, outputs and figures in place")
    parser.add_argument("--build", default=ROOT / "build", help="the folder of the built programs")
    options = parser.parse_args(arguments)
    book = Book(ROOT, options.build)
    problems = book.check(options.write)
    for name in book.written:
        print(f"written: {name}")
    for problem in problems:
        print(problem)
    pages = len(read_pages(ROOT))
    print(f"{pages} pages, {len(problems)} problem(s)" if problems else f"{pages} pages show what the programs do")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
