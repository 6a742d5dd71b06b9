#!/usr/bin/env python3
"""The tool behind `./stepwise chapters`, on a small course of its own: whatever a chapter may show wrongly must be
found at its line, and what can be mended must be mended by --write and by nothing else."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tutorial" / "tools")]
import chapters  # noqa: E402
import listings  # noqa: E402
import pages  # noqa: E402
import python_suite  # noqa: E402
import runs  # noqa: E402

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


class WhatIsShown(CourseCase):
    def test_reports_are_what_a_program_tells_on_stderr_in_debug_mode(self):
        self.write("build/demos/sync",
                   '#!/bin/sh\necho out\n[ "$STEPWISE_DEBUG" = 1 ] && echo "told in $PWD" >&2\nexit 0\n')
        programs = runs.Programs(self.root, self.root / "build")
        self.assertEqual(programs.run(("01_sync",), "1", "debug"), [f"told in {self.root.resolve()}"])
        self.assertEqual(programs.run(("01_sync",), "1"), ["out"])

    def test_a_course_that_shows_what_its_programs_do_passes(self):
        self.assertEqual(self.check(), [])
        self.assertIn('void request_a() {\n    say("A in");\n}\n', self.read("tutorial/en/01-sync.md"))
        self.assertIn("[ 5.0 s | main] A 离开\n", self.read("tutorial/zh/01-sync.md"))

    def test_a_text_changed_in_a_demo_is_found_and_mended_by_write(self):
        self.replace("demos/01_sync.cpp", "A in", "A comes in")
        self.assert_found("tutorial/en/01-sync.md", 5, '-    say("A in");', '+    say("A comes in");')
        self.assert_found("tutorial/zh/01-sync.md", 5)
        self.assert_mended_by_write()
        self.assertIn("A comes in", self.read("tutorial/zh/01-sync.md"))

    def test_a_region_of_a_script_and_what_the_script_prints_are_shown_too(self):
        self.write("tutorial/programs/peer.py", "#[ says\nprint('from Python')\n#]\n")
        for language in ("en", "zh"):
            self.replace(f"tutorial/{language}/glossary.md", "```sh",
                         "<!-- listing: tutorial/programs/peer.py says -->\n```python\n```\n\n"
                         "<!-- output: peer.py -->\n```text\n```\n\n```sh")
        self.assert_mended_by_write()
        for shown in ("```python\nprint('from Python')\n```\n", "```text\nfrom Python\n```\n"):
            self.assertIn(shown, self.read("tutorial/zh/glossary.md"))
        self.replace("tutorial/en/glossary.md", "```python", "```cpp")
        self.assert_found("tutorial/en/glossary.md", 5, "a fence ```python")

    def test_a_line_that_a_program_prints_otherwise_is_found_and_mended_by_write(self):
        self.replace("build/demos/sync", "5.0 s | main", "7.0 s | main")
        self.assert_found("tutorial/en/01-sync.md", 14, "-[ 5.0 s | main] A out", "+[ 7.0 s | main] A out")
        self.assert_found("tutorial/en/01-sync.md", 22, "01-lanes.svg", "+7.0 s")
        self.assert_mended_by_write()

    def test_a_text_changed_by_hand_in_a_chapter_or_a_figure_is_mended_by_write(self):
        self.replace("tutorial/en/01-sync.md", "A out\n```", "A left\n```")
        self.replace("tutorial/zh/figures/01-lanes.svg", "A 离开", "A 走了")
        self.assertEqual(len(self.check()), 2)
        self.assert_mended_by_write()

    def test_without_write_nothing_is_changed(self):
        self.replace("demos/01_sync.cpp", "A in", "A comes in")
        before = self.read("tutorial/en/01-sync.md")
        self.check()
        self.assertEqual(self.read("tutorial/en/01-sync.md"), before)

    def test_an_unknown_region_is_found_and_write_leaves_it(self):
        self.replace("tutorial/en/01-sync.md", "01_sync.cpp requests", "01_sync.cpp request")
        self.assert_found("tutorial/en/01-sync.md", 5, "no region 'request'", "its regions: requests")
        self.assertNotEqual(self.check(write=True), [])

    def test_an_unknown_file_and_an_unknown_program_are_found(self):
        self.replace("tutorial/en/01-sync.md", "demos/01_sync.cpp requests", "demos/01_sink.cpp requests")
        self.replace("tutorial/zh/01-sync.md", "output: 01_sync", "output: 01_sink")
        self.assert_found("tutorial/en/01-sync.md", 5, "no file demos/01_sink.cpp")
        self.assert_found("tutorial/zh/01-sync.md", 14, "no program '01_sink'")

    def test_a_program_that_fails_is_found(self):
        self.write("build/demos/sync", "#!/bin/sh\necho broken >&2\nexit 3\n")
        self.assert_found("tutorial/en/01-sync.md", 14, "left with 3: broken")

    def test_a_region_that_no_chapter_shows_is_found(self):
        self.replace("demos/01_sync.cpp", "// A banner.", "//[ banner\n// A banner.\n//]")
        self.assert_found("demos/01_sync.cpp", 1, "no chapter shows the region 'banner'")
        self.write("runtime/task.hpp", "//[ step\n//]\n")
        self.assert_found("runtime/task.hpp", 1, "no chapter shows the region 'step'")

    def test_a_fence_without_a_marker_is_found_unless_it_is_a_command(self):
        self.replace("tutorial/en/glossary.md", "```sh", "```cpp")
        self.assert_found("tutorial/en/glossary.md", 5, "without a marker")


class Figures(CourseCase):
    def test_a_figure_of_an_output_that_the_chapter_does_not_show_is_found(self):
        self.replace("tutorial/en/01-sync.md", "gantt 01_sync --lang en", "gantt 01_sync --lang zh")
        self.assert_found("tutorial/en/01-sync.md", 27, "there is no output: 01_sync --lang zh")

    def test_an_arrow_between_lines_that_the_run_lacks_is_found(self):
        self.replace("tutorial/en/01-sync.md", "arrow: io ends ->", "arrow: io fails ->")
        self.assert_found("tutorial/en/01-sync.md", 22, "no line 'io fails'")

    def test_a_part_of_a_graph_that_nothing_proves_is_found(self):
        self.replace("tutorial/en/01-sync.md", "shown request_a", "shown request_b")
        self.assert_found("tutorial/en/01-sync.md", 30, "nothing proves", "request_b")

    def test_a_graph_of_a_few_words_is_not_wider_than_a_phone(self):
        self.assertLess(int(self.read("tutorial/en/figures/01-graph.svg").split(' width="')[1].split('"')[0]), 390)

    def test_a_graph_proved_by_code_fails_when_the_code_changes(self):
        self.replace("demos/01_sync.cpp", "A banner", "The banner")
        self.assert_found("tutorial/en/01-sync.md", 30, "nothing proves", "A banner")

    def test_a_wheel_whose_code_stands_in_another_order_is_found(self):
        self.replace("demos/01_sync.cpp", "// A banner.\nnamespace {", "namespace {\n// A banner.")
        self.assert_found("tutorial/en/01-sync.md", 37, "do not stand in this order in one file")

    def test_a_wheel_has_one_hub_and_spokes_that_lead_there(self):
        self.replace("tutorial/en/01-sync.md", "spoke: call -> hub", "spoke: call -> space")
        self.replace("tutorial/zh/01-sync.md", "hub: hub | A", "rim: hub | A")
        self.assert_found("tutorial/en/01-sync.md", 37, "a spoke joins the hub")
        self.assert_found("tutorial/zh/01-sync.md", 37, "one hub")

    def test_a_part_of_a_wheel_that_nothing_proves_is_found(self):
        self.replace("tutorial/en/01-sync.md", "hub: hub | A | shown A out", "hub: hub | A | shown B out")
        self.assert_found("tutorial/en/01-sync.md", 37, "nothing proves", "B out")

    def test_a_label_below_a_line_of_the_run_has_room_of_its_own(self):
        def height():
            return float(self.read("tutorial/en/figures/01-lanes.svg").split('height="')[1].split('"')[0])

        labelled = height()
        self.replace("tutorial/en/01-sync.md", "-> A out | The run\n", "-> A out\n")
        self.assertEqual(self.check(write=True), [])
        self.assertLess(height(), labelled)

    def test_a_figure_without_words_for_those_who_do_not_see_it_is_found(self):
        self.replace("tutorial/en/01-sync.md", "![One](figures/01-lanes.svg)", "![](figures/01-lanes.svg)")
        self.assert_found("tutorial/en/01-sync.md", 22, "those who do not see it")

    def test_a_figure_that_no_chapter_shows_is_found(self):
        self.write("tutorial/en/figures/02-old.svg", "<svg/>\n")
        self.assert_found("tutorial/en/figures/02-old.svg", 1, "remove it")


class FiguresOfARun(CourseCase):
    """Kinds that read more than who came and left: each on an output of its own, in both languages."""

    PRINTS = """#!/bin/sh
[ "$STEPWISE_REACTOR" = sim ] || { echo "[ 9.7 s] not simulated"; exit; }
[ "$*" = "--scale 1" ] || exit 3
echo "[ 0.0 s] ask: one"
echo "[ 0.7 s] ask: one"
echo "[ 0.9 s] hear: two"
echo "[ 3.2 s] kernel of one: sent 2/4 KiB, got 4/4 KiB"
echo "[ 3.4 s] sent and got"
"""
    FRAME = """#!/bin/sh
echo "a frame"
echo "  81     1 FIN | 000 RSV | 0001 opcode: text"
echo "  48 69  payload"
"""

    def show(self, *blocks):
        for language in ("en", "zh"):
            text = GLOSSARY.format(**WORDS[language])
            for number, (figure, options) in enumerate(blocks):
                kind, _, spec = figure.partition(" ")
                if kind != "timeline":
                    text += f"\n<!-- output: {spec} -->\n```text\n```\n"
                text += f"\n<!-- figure: {kind} {spec}\n{options}\n-->\n![Words](figures/words-{number}.svg)\n"
            self.write(f"tutorial/{language}/glossary.md", text)
        return self.check(write=True)

    def shown(self, number=0):
        return chapters.TEXT_IN_A_FIGURE.findall(self.read(f"tutorial/en/figures/words-{number}.svg"))

    def setUp(self):
        super().setUp()
        for name, program in (("asks", self.PRINTS), ("frame", self.FRAME)):
            self.write(f"tutorial/programs/{name}.cpp", "// A banner.\n")
            self.write(f"build/tutorial/programs/{name}", program).chmod(0o755)

    def test_on_the_simulator_stamps_are_shown_as_they_are(self):
        self.assertEqual(self.show(("gauge asks | on: sim", "")), [])
        self.assertIn("[ 0.7 s] ask: one\n[ 0.9 s] hear", self.read("tutorial/en/glossary.md"))

    def test_a_timeline_counts_its_signs_and_has_a_lane_for_each_who_speaks(self):
        marks = "mark: tick asked = ^ask\nmark: dot heard = ^hear"
        self.assertEqual(self.show(("timeline asks | on: sim", f"lane: one = one$\nlane: two = two$\n{marks}")), [])
        self.assertEqual(self.shown(), ["one", "× 2", "two", "× 1", "0", "seconds", "asked", "heard"])

    def test_a_timeline_refuses_a_line_without_a_lane_a_mark_without_a_line_and_a_real_clock(self):
        mark = "mark: tick asked = ^ask"
        for spec, options, word in (
                ("asks | on: sim", f"lane: two = two$\n{mark}", "is in no lane"),
                ("asks | on: sim", f"lane: one = one$\n{mark}\nmark: cross gone = ^gone", "has the mark 'gone'"),
                ("asks | on: sim", f"lane: one = one$\nlane: x = x$\n{mark}", "stands in the lane x"),
                ("asks", f"lane: one = one$\n{mark}", "on virtual time")):
            with self.subTest(word=word):
                self.assertIn(word, "\n".join(map(str, self.show((f"timeline {spec}", options)))))

    def test_a_gauge_has_a_tube_for_each_level_and_says_what_came_between(self):
        self.assertEqual(self.show(("gauge asks | on: sim", "")), [])
        self.assertEqual(self.shown()[:2], ["sent", "got"])
        self.assertEqual(self.shown()[-4:], ["3.2 s  kernel of one", "2", "4", "3.4 s  sent and got"])

    def test_bits_are_drawn_one_by_one_and_must_be_those_of_their_byte(self):
        self.assertEqual(self.show(("bits frame", "")), [])
        self.assertEqual("".join(text for text in self.shown() if text in "01"), "10000001")
        self.assertEqual([text for text in self.shown() if text not in "01"],
                         ["a frame", "FIN", "RSV", "opcode: text", "48", "69", "payload"])
        self.replace("build/tutorial/programs/frame", "0001 opcode", "0010 opcode")
        self.assertIn("are not those of 81", "\n".join(map(str, self.show(("bits frame", "")))))


class Questions(CourseCase):
    QUESTION = """
<!-- predict: 01_sync --lang {language}
answer: ^\\[ *(\\S+) s . main. A (?:out|离开)
-->
- **0.0**: at once
- **5.0**
- **7.0**

The answer comes.

- **0.0** forgets that io takes time.
- **7.0** waits for B.
"""

    def ask(self, old="", new=""):
        for language in ("en", "zh"):
            text = self.read(f"tutorial/{language}/01-sync.md") + self.QUESTION.format(language=language)
            if old:
                self.assertIn(old, text)
            self.write(f"tutorial/{language}/01-sync.md", text.replace(old, new))
        return "\n".join(map(str, self.check()))

    def test_a_question_whose_answer_the_run_gives_passes(self):
        self.assertEqual(self.ask(), "")

    def test_a_question_whose_answer_is_none_of_the_choices_is_found(self):
        self.assertIn("the run answers '5.0', which is none of", self.ask("- **5.0**", "- **6.0**"))

    def test_a_wrong_choice_that_nobody_explains_is_found(self):
        self.assertIn("what is wrong with '7.0'", self.ask("- **7.0** waits for B.\n", ""))

    def test_a_right_choice_among_the_wrong_ones_is_found(self):
        self.assertIn("'5.0' is right", self.ask("- **7.0** waits", "- **5.0** waits for A.\n- **7.0** waits"))

    def test_a_question_needs_three_choices_and_a_pattern_that_finds_something(self):
        self.assertIn("3 choices or more", self.ask("- **5.0**\n", ""))

    def test_a_pattern_that_finds_nothing_is_found(self):
        self.assertIn("the run has nothing like", self.ask("A (?:out", "B (?:out"))

    def test_a_question_without_choices_is_found(self):
        self.assertIn("must stand the choices", self.ask("-->\n- **0.0**: at", "-->\n\n- **0.0**: at"))


class Structure(CourseCase):
    def test_a_section_missing_in_one_language_is_found(self):
        self.replace("tutorial/zh/01-sync.md", "## 运行\n\n", "")
        self.assert_found("tutorial/en/01-sync.md", 12, "zh/01-sync.md lacks a section", "The run")

    def test_a_section_of_another_level_is_found(self):
        self.replace("tutorial/zh/01-sync.md", "## 运行", "### 运行")
        self.assert_found("tutorial/en/01-sync.md", 12, "has level 2", "has level 3")

    def test_a_chapter_missing_in_one_language_is_found(self):
        (self.root / "tutorial/zh/glossary.md").unlink()
        self.assert_found("tutorial/en/glossary.md", 1, "there is no tutorial/zh/glossary.md")

    def test_a_page_without_a_number_is_a_page_like_others(self):
        for language in WORDS:
            self.write(f"tutorial/{language}/pitfalls.md", "# Pitfalls\n")
            self.assert_found(f"tutorial/{language}/pitfalls.md", 1, "tutorial/README.md does not list this page")
        self.write("tutorial/README.md", README + "| [Pitfalls](en/pitfalls.md) | [陷阱](zh/pitfalls.md) |\n")
        self.assertEqual(self.check(), [])

    def test_a_listing_missing_in_one_language_is_found(self):
        text = self.read("tutorial/zh/01-sync.md")
        self.write("tutorial/zh/01-sync.md", text[:text.index("<!-- listing")] + text[text.index("## "):])
        self.assert_found("tutorial/en/01-sync.md", 5, "does not show the same listings")

    def test_a_title_with_another_number_is_found(self):
        self.replace("tutorial/en/01-sync.md", "# 1. One", "# 2. One")
        self.assert_found("tutorial/en/01-sync.md", 1, "# 1. …")

    def test_a_broken_link_to_a_file_or_a_heading_is_found(self):
        self.replace("tutorial/en/01-sync.md", "glossary.md#a-word", "glosary.md")
        self.replace("tutorial/zh/01-sync.md", "glossary.md#a-word", "glossary.md#a-verb")
        self.assert_found("tutorial/en/01-sync.md", 3, "leads nowhere: glosary.md")
        self.assert_found("tutorial/zh/01-sync.md", 3, "no heading for #a-verb")

    def test_a_link_out_of_the_project_is_found(self):
        self.replace("tutorial/en/01-sync.md", "glossary.md#a-word", "../../../outside.md")
        self.assert_found("tutorial/en/01-sync.md", 3, "leads nowhere")


class Parts(unittest.TestCase):
    def test_regions_may_nest_and_lose_their_common_indentation(self):
        text = "//[ outer\n  a\n  //[ inner\n    b\n  //]\n  c\n//]\nd\n"
        self.assertEqual(listings.regions_of(text),
                         {"outer": "a\n  b\nc\n", "inner": "b\n", "": "  a\n    b\n  c\nd\n"})

    def test_regions_that_do_not_end_or_begin_twice_are_refused(self):
        for text in ("//[ a\n", "//]\n", "//[ a\n//]\n//[ a\n//]\n"):
            with self.subTest(text=text), self.assertRaises(listings.RegionError):
                listings.regions_of(text)

    def test_dates_and_several_measured_units_may_differ_and_the_rest_may_not(self):
        shown = "[2026-11-21 23:42:11]start, 50 times, 0.1 s apart"
        for found, same in (("[2027-01-01 00:00:00]start,  7 times, 12 s apart", True),
                            ("[2027-01-01 00:00:00]stop, 50 times, 0.1 s apart", False)):
            self.assertEqual(runs.same_run(shown, found, measured="times, s"), same)

    def test_stamps_go_down_to_the_half_second_that_was_waited_for(self):
        for printed, shown in (("[ 5.0 s] A", "[ 5.0 s] A"), ("[ 5.4 s | io  ] B", "[ 5.0 s | io  ] B"),
                               ("[10.5 s | main] C", "[10.5 s | main] C"), ("no stamp", "no stamp")):
            self.assertEqual(runs.on_the_half_second(printed), shown)

    def test_what_threads_decide_does_not_count_and_all_else_does(self):
        shown = "[ 0.0 s | main] A\n[ 0.0 s | io  ] one\n[ 0.0 s | io  ] two\n[ 5.0 s | main] B\n"
        later = "[ 0.0 s | io  ] one\n[ 0.0 s | main] A\n[ 0.0 s | io  ] two\n[ 5.0 s | main] B\n"
        swapped = "[ 0.0 s | main] A\n[ 0.0 s | io  ] two\n[ 0.0 s | io  ] one\n[ 5.0 s | main] B\n"
        self.assertTrue(runs.same_run(shown, later))
        self.assertFalse(runs.same_run(shown, swapped))
        self.assertTrue(runs.same_run(shown, swapped, unordered="io"))
        self.assertFalse(runs.same_run(shown, shown.replace("5.0", "5.5")))
        self.assertFalse(runs.same_run(shown, shown.replace("io  ] two", "main] two")))

    def test_what_was_measured_does_not_count_and_what_is_said_of_it_does(self):
        shown, later = "on time   12.5 ms  3\n", "on time    7 ms  3\n"
        self.assertFalse(runs.same_run(shown, later))
        self.assertTrue(runs.same_run(shown, later, measured="ms"))
        for other in ("late   12.5 ms  3\n", "on time   12.5 ms  4\n", "on time   12.5 s  3\n"):
            self.assertFalse(runs.same_run(shown, other, measured="ms"))

    def test_of_reports_times_amounts_and_ports_do_not_count_and_all_else_does(self):
        shown = "client has kept the loop for 1.000 s\n  70000 bytes on descriptor 7 to 127.0.0.1:4000, at a.cpp:12\n"
        later = "client has kept the loop for 1.113 s\n  80123 bytes on descriptor 9 to 127.0.0.1:4711, at a.cpp:12\n"
        self.assertFalse(runs.same_run(shown, later))
        self.assertTrue(runs.same_run(shown, later, reports="debug"))
        for old, new in ((":12", ":13"), ("client", "Task-2"), ("1.113 s", "1.113 m")):
            self.assertFalse(runs.same_run(shown, later.replace(old, new), reports="debug"))

    def test_an_output_can_be_a_part_of_a_run(self):
        output = runs.Output.parse("05 --lang en | from: -- two | until: end | any order: io")
        self.assertEqual(output.select(["a", "-- two at once", "b", "the end", "c"]), ["-- two at once", "b"])
        self.assertEqual((output.command, output.unordered), (("05", "--lang", "en"), "io"))
        for spec in ("", "05 | form: x", "05 | from", "05 | reports: release"):
            with self.subTest(spec=spec), self.assertRaises(runs.RunError):
                runs.Output.parse(spec)
        with self.assertRaises(runs.RunError):
            output.select(["a"])

    def test_anchors_are_made_of_headings_in_both_languages(self):
        for heading, anchor in (("What `Task::step` does", "what-taskstep-does"), ("协程, 第一版", "协程-第一版")):
            self.assertEqual(pages.anchor_of(heading), anchor)


if __name__ == "__main__":
    python_suite.main()
