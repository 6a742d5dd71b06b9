#!/usr/bin/env python3
"""Figures and questions of `./stepwise chapters`, on a small course of its own: what nothing proves must be found."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tutorial" / "tools")]
import chapters  # noqa: E402
import python_suite  # noqa: E402
from small_course import GLOSSARY, WORDS, CourseCase  # noqa: E402


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


if __name__ == "__main__":
    python_suite.main()
