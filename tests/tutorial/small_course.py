"""A small course of its own, two pages in two languages, for the tests of the tool behind `./stepwise chapters`."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tutorial" / "tools")]
import chapters  # noqa: E402

SOURCE = """// A banner.
namespace {
    //[ requests
    void request_a() {
        say("A in");
    }
    //]
}
"""
PROGRAM = """#!/bin/sh
case "$*" in *zh*) in=进入 out=离开 io=开始 end=结束;; *) in=in out=out io=begins end=ends;; esac
echo "[ 0.0 s | main] A $in"
echo "[ 0.0 s | io  ] io $io"
echo "[ 5.0 s | io  ] io $end"
echo "[ 5.0 s | main] A $out"
"""
CHAPTER = """# 1. {title}

See [the glossary](glossary.md#a-word).

<!-- listing: demos/01_sync.cpp requests -->
```cpp
```

## {run}

<!-- output: 01_sync --lang {language} -->
```text
```

<!-- figure: lanes 01_sync --lang {language}
arrow: io {end} -> A {out} | {run}
-->
![{title}](figures/01-lanes.svg)

<!-- figure: gantt 01_sync --lang {language} -->
![{title}](figures/01-gantt.svg)

<!-- figure: graph
node: a @ 1,1 | {title} | shown request_a
node: b @ 2,1 | {run} | code demos/01_sync.cpp: A banner
arrow: a -> b | {run} | shown A {out}
-->
![{title}](figures/01-graph.svg)

<!-- figure: wheel
rim: banner | {title} | code demos/01_sync.cpp: A banner
rim: space | {run} | code demos/01_sync.cpp: namespace
rim: call | A {out} | code demos/01_sync.cpp: void request_a
hub: hub | A | shown A {out}
spoke: call -> hub | {run} | shown request_a
-->
![{title}](figures/01-wheel.svg)
"""
GLOSSARY = "# {title}\n\n## a word\n\n```sh\n./stepwise run 01\n```\n"
README = "".join(f"| [One]({language}/01-sync.md) | [Words]({language}/glossary.md) |\n" for language in ("en", "zh"))
WORDS = {"en": {"title": "One", "run": "The run", "out": "out", "end": "ends"},
         "zh": {"title": "同步", "run": "运行", "out": "离开", "end": "结束"}}


class CourseCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course ")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("demos/01_sync.cpp", SOURCE)
        self.write("build/demos/sync", PROGRAM).chmod(0o755)
        for language, words in WORDS.items():
            self.write(f"tutorial/{language}/01-sync.md", CHAPTER.format(language=language, **words))
            self.write(f"tutorial/{language}/glossary.md", GLOSSARY.format(**words))
        self.write("tutorial/README.md", README)
        self.assertEqual(self.check(write=True), [])

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8")

    def replace(self, path, old, new):
        text = self.read(path)
        self.assertIn(old, text)
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")

    def check(self, write=False):
        return chapters.Book(self.root, self.root / "build").check(write)

    def assert_found(self, path, line, *words):
        found = self.check()
        matching = [problem for problem in found if (problem.path, problem.line) == (path, line)]
        self.assertTrue(matching, [str(problem) for problem in found])
        for word in words:
            self.assertIn(word, "\n".join(str(problem) for problem in matching))

    def assert_mended_by_write(self):
        self.assertEqual(self.check(write=True), [])
        self.assertEqual(self.check(), [])
