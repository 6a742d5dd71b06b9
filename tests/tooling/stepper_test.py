#!/usr/bin/env python3
"""./stepwise step and ./stepwise trace as people use them: `stepper_test.py BUILD_FOLDER`. Screens are looked at in
tmux, 80 columns by 24 rows."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]).resolve()
STEP = BUILD / "runtime" / "trace" / "stepwise-step"
TRACE = BUILD / "runtime" / "trace" / "stepwise-trace"
DEMOS = BUILD / "demos"
DEADLINE_SECONDS = 60
LINE = re.compile(r" *\d+ +\d+\.\d{4} s  (.*)")


def run(*words, **settings):
    done = subprocess.run([str(word) for word in words], capture_output=True, encoding="utf-8", errors="replace",
                          stdin=subprocess.DEVNULL, timeout=DEADLINE_SECONDS, check=False,
                          env={**os.environ, "STEPWISE_REACTOR": "epoll", **settings})
    return done.returncode, done.stdout, done.stderr


def sentences(text):
    lines = text.splitlines()
    return [LINE.fullmatch(line).group(1) for line in lines if not line.startswith("-- ")]


class PlainTest(unittest.TestCase):
    def test_three_demos_are_told_in_both_languages_step_by_step(self):
        for name, arguments in (("coroutine", ["--scale", "0.02"]), ("gather", ["--scale", "0.02"]),
                                ("future_task", [])):
            counts = {}
            for language in ("en", "zh"):
                with self.subTest(demo=name, language=language):
                    # Simulated: the same steps in both, however busy the machine is.
                    code, out, errors = run(STEP, "--plain", "--lang", language, "--", DEMOS / name, *arguments,
                                            STEPWISE_REACTOR="sim")
                    told = sentences(out)
                    self.assertEqual(code, 0, errors)
                    counts[language] = len(told)
                    self.assertGreater(len(told), 15)
                    for sentence in told:
                        self.assertRegex(sentence, r"\.$" if language == "en" else r"[一-鿿].*。$")
            self.assertEqual(counts["en"], counts["zh"])

    def test_a_demo_without_time_and_kernel_is_told_word_by_word(self):
        told = sentences(run(STEP, "--plain", "--", DEMOS / "future_task")[1])
        self.assertEqual(told[:6], ["Future #1 is made at 09_future_task.cpp:36; it is pending.",
                                    "Future #1 has its result.",
                                    "Call #2 joins the ready queue.", "Call #3 joins the ready queue.",
                                    "The loop takes Call #2 from the ready queue.",
                                    "The loop takes Call #3 from the ready queue."])
        self.assertIn("Task-1 add_one is woken: Future #6 is done.", told)

    def test_what_the_program_prints_goes_to_stderr_and_its_exit_code_is_kept(self):
        code, out, errors = run(STEP, "--plain", "--", DEMOS / "coroutine", "--scale", "0.01", "--lang", "en")
        self.assertEqual(code, 0)
        self.assertIn("A got: data-A", errors)
        self.assertNotIn("A got", out)
        self.assertEqual(run(STEP, "--plain", "--", DEMOS / "coroutine", "--fly")[0],
                         run(DEMOS / "coroutine", "--fly")[0])

    def test_without_a_terminal_it_says_so_and_is_plain(self):
        code, out, errors = run(STEP, "--", DEMOS / "future_task")
        self.assertEqual(code, 0)
        self.assertIn("this is no terminal: --plain", errors)
        self.assertGreater(len(sentences(out)), 15)

    def test_a_program_that_makes_no_loop_one_that_crashes_and_one_that_cannot_be_started(self):
        self.assertEqual(run(STEP, "--plain", "--name", "one", "--", "/bin/true"),
                         (0, "", "stepwise-step: one made no loop: nothing to show\n"))
        code, out, errors = run(STEP, "--plain", "--", "/bin/sh", "-c", "kill -SEGV $$")
        self.assertEqual((code, out), (139, ""))
        self.assertIn("was ended by signal 11 (Segmentation fault)", errors)
        code, out, errors = run(STEP, "--plain", "--", "/nowhere/program")
        self.assertEqual((code, out, errors),
                         (2, "", "stepwise-step: cannot start /nowhere/program: No such file or directory\n"))
        self.assertEqual(run(STEP, "--plain", "--", ROOT / "README.md")[0], 2)


class FilesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stepwise-stepper-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.trace = self.folder / "trace"
        run(DEMOS / "future_task", STEPWISE_TRACE=f"file:{self.trace}")
        self.assertTrue(self.trace.exists())

    def test_a_trace_that_is_cut_off_is_shown_as_far_as_it_goes(self):
        whole = sentences(run(STEP, "--plain", "--trace", self.trace)[1])
        cut = self.folder / "cut"
        cut.write_bytes(self.trace.read_bytes()[:2500])
        code, out, errors = run(STEP, "--plain", "--trace", cut)
        self.assertEqual(code, 1)
        self.assertIn("it stops after event", errors)
        self.assertEqual(sentences(out), whole[:len(sentences(out))])
        for form in ("mermaid", "svg", "perfetto", "told"):
            self.assertEqual(run(TRACE, cut, "--format", form, "-o", self.folder / "out")[0], 1)

    def test_a_file_that_goes_on_with_nothing_for_ever_costs_no_memory(self):
        # As a program leaves it that was killed: the room for events to come is still there.
        whole = run(TRACE, self.trace)[1]
        self.trace.write_bytes(self.trace.read_bytes()[:-64])
        os.truncate(self.trace, 40 << 30)
        for words in ([], ["--check"], *(["--format", form, "-o", self.folder / "out"]
                                         for form in ("json", "told", "mermaid", "svg", "perfetto"))):
            with self.subTest(words=words):
                code, out, errors = run("prlimit", f"--as={512 << 20}", TRACE, self.trace, *words)
                self.assertEqual(code, 1, errors)
                self.assertIn("it stops after event", errors)
                if not words:
                    self.assertEqual(out, whole[:len(out)])

    def test_what_is_no_trace_is_refused_by_every_format(self):
        foreign = self.folder / "foreign"
        foreign.write_text("hello\n")
        for form in ("text", "json", "told", "mermaid", "svg", "perfetto"):
            code, out, errors = run(TRACE, foreign, "--format", form)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("not a trace of Stepwise", errors)
        self.assertEqual(run(STEP, "--plain", "--trace", foreign)[0], 2)
        self.assertEqual(run(STEP, "--plain", "--trace", self.folder / "nothing")[0], 2)

    def test_wrong_lanes_ranges_and_files_are_told(self):
        for words, said in ((["--lanes", "tasks,walls"], "--lanes takes"), (["--range", "9..2"], "--range takes"),
                            (["--range", "x"], "--range takes"), (["--hide", "walls"], "--hide takes"),
                            (["-o", "/nowhere/file"], "No such file or directory")):
            code, out, errors = run(TRACE, self.trace, *words)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(said, errors)

    def test_a_diagram_of_mermaid_has_only_statements_of_its_grammar(self):
        text = run(TRACE, self.trace, "--format", "mermaid")[1]
        first, *lines = text.splitlines()
        self.assertEqual(first, "sequenceDiagram")
        participants = {match.group(1) for line in lines if (match := re.match(r"    participant (L\d+) as .", line))}
        self.assertIn("    L0->>L1: step", lines)
        for line in lines:
            match = re.fullmatch(r"    (?:participant (L\d+) as|(L\d+)->>(L\d+):|Note over (L\d+):) [^;]*"
                                 r"(?:#\d+;[^;]*)*", line)
            self.assertTrue(match, line)
            self.assertLessEqual({name for name in match.groups() if name}, participants)

    def test_an_svg_is_well_formed(self):
        import xml.etree.ElementTree
        for language in ("en", "zh"):
            picture = self.folder / f"{language}.svg"
            self.assertEqual(run(TRACE, self.trace, "--format", "svg", "--lang", language, "-o", picture)[0], 0)
            root = xml.etree.ElementTree.parse(picture).getroot()
            self.assertTrue(root.tag.endswith("svg"))


class SenderTest(unittest.TestCase):
    def events(self, case):
        with tempfile.TemporaryDirectory(prefix="stepwise-sender-") as folder:
            trace = pathlib.Path(folder) / "trace"
            code, _, errors = run(DEMOS / "sender", "--case", case, "--scale", "0.3",
                                  STEPWISE_TRACE=f"file:{trace}")
            self.assertEqual(code, 0, errors)
            lines = run(TRACE, trace, "--format", "json")[1].splitlines()[1:]
        return {event["s"]: event for event in map(json.loads, lines)}

    def causes(self, events, event):
        while event := events.get(event.get("by", 0)):
            yield event

    def test_a_send_that_waits_names_its_line_and_the_queued_bytes_and_what_woke_it(self):
        for case in ("b", "c"):
            with self.subTest(case=case):
                events = self.events(case)
                sends = [event for event in events.values() if event["k"] == "await" and event.get("what") == "send"]
                self.assertTrue(sends)
                for send in sends:
                    self.assertRegex(send["at"], r"15_sender\.cpp:\d+$")
                    step = send["by"]
                    queued = [event["queued"] for event in events.values()
                              if event["k"] == "pause" and event["out"] and event.get("by") == step]
                    self.assertTrue(all(count > 0 for count in queued), queued)
                    later = [event for event in events.values() if event["s"] > send["s"]
                             and event.get("id") == send["id"]]
                    kinds = [event["k"] for event in later][:5]
                    self.assertEqual(kinds, ["step.end", "run.end", "wakeup", "ready.push", "run.begin"])
                    woken = later[2]
                    reasons = {event["k"] for event in self.causes(events, woken)}
                    self.assertTrue(reasons & {"cqe", "ready", "select.enter", "ws.close"}, reasons)
                self.assertTrue(any(event["k"] == "pause" and event["out"] for event in events.values()))
                first = sends[0]
                others = {event["id"] for event in events.values() if event["k"] == "step.begin"
                          and event["id"] != first["id"] and event["s"] > first["s"]}
                self.assertTrue(others)  # the loop goes on meanwhile


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class ScreenTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stepwise-screen-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.socket = self.folder / "tmux"
        self.addCleanup(lambda: self.tmux("kill-server", check=False))

    def tmux(self, *words, check=True):
        return subprocess.run(["tmux", "-S", str(self.socket), "-f", "/dev/null", *map(str, words)],
                              capture_output=True, encoding="utf-8", timeout=DEADLINE_SECONDS, check=check).stdout

    def start(self, *words):
        command = " ".join(f"'{word}'" for word in map(str, words))
        environment = "LC_ALL=C.UTF-8 STEPWISE_REACTOR=epoll"
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", "-s", "test", "env", "LC_ALL=C.UTF-8", "sh", "-c",
                  f"trap : INT; stty -a >{self.folder}/before; {environment} {command}; code=$?; "
                  f"stty -a >{self.folder}/after; echo ended with $code; sleep 60")

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "test").rstrip("\n").splitlines()

    def wait_for(self, text):
        """The screen with such a line, when it is as it was a moment before: tmux shows it half drawn, too."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        before = None
        while True:
            screen = self.screen()
            if screen == before and any(re.search(text, line) for line in screen):
                return screen
            before = screen
            if time.monotonic() > deadline:
                self.fail(f"no line with {text}:\n" + "\n".join(screen))

    def press(self, key, text):
        self.tmux("send-keys", "-t", "test", key)
        return self.wait_for(text)

    def assert_as_before(self):
        settings = [(self.folder / name).read_text(encoding="utf-8") for name in ("before", "after")]
        self.assertEqual(*settings)

    def test_n_n_p_c_on_a_program_that_is_held(self):
        self.start(STEP, "--name", "09", "--", DEMOS / "future_task")
        first = self.wait_for(r"viewing \d+ of \d+; the program stands at")
        self.assertEqual(len(first), 24)
        self.assertRegex(first[0], r"^ 09  epoll  turn 0")
        self.assertEqual(first[1], "09_future_task.cpp:36")
        self.assertRegex(first[4], r"^>  36 ")
        self.assertEqual(first[20], "Future #1 is made at 09_future_task.cpp:36; it is pending.")
        self.assertEqual(first[23], " n step  p back  h handle  u turn  t until task  / find  N again  c end  q quit")
        second = self.press("n", "Future #1 has its result")
        self.assertTrue(any("Future #1: result" in line for line in second))
        third = self.press("n", "Call #2 joins the ready queue")
        self.assertTrue(any("Ready queue (1)" in line for line in third))
        back = self.press("p", "Future #1 has its result")
        self.assertEqual([line for line in back if "stands" not in line],
                         [line for line in second if "stands" not in line])
        self.assertRegex(back[22], r"^viewing 4 of \d+; the program stands at \d+$")
        last = self.press("c", "ended with exit code 0")
        self.assertRegex(last[22], r"^viewing (\d+) of \1; the program stands at \1: ended with exit code 0$")
        self.assertEqual(last[20], "The loop has ended.")
        self.press("q", "^ended with 0")
        self.assert_as_before()

    def test_the_clock_stands_while_the_program_is_held_and_a_handle_runs_at_a_time(self):
        self.start(STEP, "--name", "08", "--", DEMOS / "coroutine", "--scale", "0.05")
        self.wait_for("Task-1 serve is started")
        held = self.press("h", "The loop takes Task-1 serve")
        self.assertIn("> Task-1 serve: runs", held[8])
        self.press("t", "until task: ")
        self.tmux("send-keys", "-t", "test", "request_b", "Enter")
        screen = self.wait_for("Task-3 request_b takes a step")
        self.assertTrue(any("request_b: runs" in line for line in screen))
        self.press("c", "ended with exit code 0")
        self.press("q", "^ended with 0")

    def test_a_window_that_changes_its_size_is_drawn_anew(self):
        self.start(STEP, "--", DEMOS / "future_task")
        self.wait_for("viewing")
        self.tmux("resize-window", "-t", "test", "-x", "100", "-y", "30")
        self.wait_for("viewing")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(self.screen()) != 30 or "q quit" not in self.screen()[29]:
            self.assertLess(time.monotonic(), deadline, "\n".join(self.screen()))

    def test_ctrl_c_ends_it_and_the_terminal_is_as_it_was(self):
        self.start(STEP, "--", DEMOS / "ws_echo", "--port", "0")
        self.wait_for("viewing")
        self.press("C-c", "^ended with (0|130)")
        self.assert_as_before()

    def test_a_program_that_crashes_leaves_the_screen_and_how_it_ended(self):
        self.start(STEP, "--name", "crash", "--", BUILD / "tests" / "tooling" / "crashing_program")
        self.wait_for("viewing")
        screen = self.press("c", "was ended by signal 6")
        self.assertEqual(len(screen), 24)
        self.press("q", "^ended with 134")
        self.assert_as_before()

    def test_a_key_that_is_pressed_before_the_program_has_a_loop_is_not_lost(self):
        begins, crashes = self.folder / "begins", BUILD / "tests" / "tooling" / "crashing_program"
        os.mkfifo(begins)
        self.start(STEP, "--name", "late", "--", "/bin/sh", "-c", f"read line <{begins}; exec {crashes}")
        self.wait_for("viewing 0 of 0")
        self.press("c", "viewing 0 of 0")
        begins.write_text("now\n", encoding="utf-8")
        self.wait_for("was ended by signal 6")

    def test_chinese_fits_its_panels(self):
        self.start(STEP, "--lang", "zh", "--", DEMOS / "future_task")
        screen = self.wait_for("看的是")
        self.assertEqual(len(screen), 24)
        self.assertTrue(screen[7].startswith("任务"))
        self.assertIn("就绪队列 (0)", screen[7])
        self.press("n", "Future #1 有结果了。")

    def test_a_program_without_a_loop_gives_the_screen_back(self):
        self.start(STEP, "--name", "true", "--", "/bin/true")
        self.wait_for("true made no loop: nothing to show")
        self.wait_for("^ended with 0")


if __name__ == "__main__":
    python_suite.main()
