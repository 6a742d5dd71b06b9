#!/usr/bin/env python3
"""The tool behind `./stepwise chapters`, on a small course of its own: whatever a chapter may show wrongly must be
found at its line, and what can be mended must be mended by --write and by nothing else."""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tutorial" / "tools")]
import listings  # noqa: E402
import pages  # noqa: E402
import python_suite  # noqa: E402
import runs  # noqa: E402
from small_course import README, WORDS, CourseCase  # noqa: E402


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

    def test_lines_of_two_who_are_apart_may_mix_within_half_a_second_and_each_keeps_its_order(self):
        shown = "[ 0.0 s] slow: a\n[ 0.0 s] quick: a\n[ 0.0 s] slow: b\n[ 0.5 s] quick: b\n"
        lines = shown.splitlines(keepends=True)
        for order, same in (((1, 0, 2, 3), True), ((2, 1, 0, 3), False), ((0, 1, 3, 2), False)):
            found = "".join(lines[place] for place in order)
            self.assertEqual(runs.same_run(shown, found, apart="slow, quick"), same, order)
            self.assertFalse(runs.same_run(shown, found), order)

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
