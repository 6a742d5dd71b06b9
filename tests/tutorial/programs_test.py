#!/usr/bin/env python3
"""What the programs made for a chapter show, in the words of the lesson: `./stepwise chapters --write` takes over
whatever they print, so that what they are there for is asserted here.

Usage: programs_test.py FOLDER_WITH_THE_BUILT_PROGRAMS
"""

import functools
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import python_suite  # noqa: E402

SOURCES = ROOT / "tutorial" / "programs"
PROGRAMS = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build" / "tutorial" / "programs"
LANGUAGES = ("en", "zh")
# Told of on stderr, and in no language: twins_test.py looks at them.
BROKEN = "broken_"
BANNER_LINES_MAX = 15


@functools.cache
def lines_of(name, language="en", reactor="", scale="1"):
    environment = {**os.environ, "STEPWISE_REACTOR": reactor}
    done = subprocess.run([PROGRAMS / name, "--lang", language, "--scale", scale], capture_output=True,
                          encoding="utf-8", timeout=60, env=environment, check=False)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{name} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.splitlines()


def split_at(lines, mark):
    """The lines before the second one that begins with the mark, and those from there on."""
    at = [place for place, line in enumerate(lines) if line.startswith(mark)][1]
    return lines[:at], lines[at:]


def why_not(page):
    """Why a page's other half cannot run here; empty if it can."""
    if page == "from_asio" and not (PROGRAMS / "from_asio_peer").is_file():
        return "Boost is not installed"
    if page == "from_tornado":
        found = subprocess.run(["/usr/bin/python3", "-c", "import tornado"], capture_output=True, check=False)
        return "" if found.returncode == 0 else "Tornado is not installed: sudo apt-get install python3-tornado"
    return ""


class ChapterProgramsTest(unittest.TestCase):
    maxDiff = None

    def test_of_two_ways_to_wait_only_one_uses_a_processor(self):
        self.assertEqual(lines_of("two_waits", scale="0.1"), [
            "sleep_until: waited 5 s, the processor was idle", "spin_until: waited 5 s, the processor was busy"])
        self.assertEqual(lines_of("two_waits", "zh", scale="0.1"), [
            "sleep_until: 等了 5 秒，处理器空闲", "spin_until: 等了 5 秒，处理器一直在忙"])

    def test_one_callback_for_two_gives_A_the_answer_for_D_and_a_callback_for_each_does_not(self):
        for language, got in (("en", "got"), ("zh", "得到")):
            said = [line.partition("] ")[2] for line in lines_of("one_callback_for_two", language, scale="0.1")]
            self.assertEqual(said[:2] + said[3:], [f"A {got}: data-D", f"A {got}: data-A",
                                                   f"D {got}: data-D", f"A {got}: data-A"])

    def test_a_loop_of_handlers_hears_each_in_the_round_in_which_it_has_something_to_read(self):
        rounds = "\n".join(lines_of("event_driven")).split("-- sources: ")[1:]
        self.assertEqual([text.splitlines()[0] for text in rounds],
                         ["1, waiting", "2, waiting", "3, waiting", "1, waiting"])
        self.assertIn("B comes in\nA says: good morning", rounds[1])
        self.assertIn("A leaves\nB says: anybody in?", rounds[2])
        self.assertEqual(len(lines_of("event_driven", "zh")), len(lines_of("event_driven")))

    def test_a_generator_that_is_read_twice_has_nothing_the_second_time(self):
        self.assertEqual(lines_of("consumed_twice"), ["the sum is 240, of 0 marks"])

    def test_a_value_goes_in_and_one_comes_out_at_each_step_but_not_before_the_first(self):
        lines = lines_of("running_average")
        self.assertEqual(lines[3:6], ["send(10)", "  received 10, hands out 10", "got 10"])
        self.assertEqual([line for line in lines if line.startswith("got")], ["got 0", "got 10", "got 15", "got 20"])
        self.assertTrue(lines[-1].startswith("error: Generator::send()"), lines[-1])

    def test_iterator_and_generator_count_alike_and_two_coroutines_take_turns(self):
        for name in ("tiny_iterator", "tiny_generator"):
            self.assertEqual(lines_of(name), ["3", "2", "1"])
        self.assertEqual(lines_of("tiny_coroutine", scale="0.1"), ["A 3", "B 3", "A 2", "B 2", "A 1", "B 1"])

    def test_a_lost_request_ends_when_another_one_takes_its_place(self):
        self.assertEqual(lines_of("lost_request"), [
            "D: connection open", "-- now A comes", "D: connection closed", "A: connection open",
            "-- the answer for D comes", "A got: data-D", "A: connection closed"])

    def test_a_generator_that_nobody_started_runs_nothing_and_can_be_sent_nothing(self):
        for language, in_, refused in (("en", "A in", "refused: "), ("zh", "A 进入", "被拒绝: ")):
            lines = lines_of("forgotten_start", language)
            self.assertNotIn(in_, lines)
            self.assertTrue(lines[-1].startswith(refused + "Generator::send()"), lines[-1])

    def test_of_a_hundred_one_global_answers_one_wrongly_and_objects_answer_all(self):
        self.assertEqual(lines_of("hundred_requests"), [
            "one global: 0 got their own answer, 1 got another's, 99 got none",
            "an object for each: 100 got their own answer, 0 got another's, 0 got none"])

    def test_a_request_whose_second_operation_is_dropped_never_comes_out(self):
        self.assertEqual(lines_of("second_wait"), ["A in", "A got: user", "-- no call is left"])

    def test_only_a_pending_future_can_be_set_or_cancelled(self):
        for language, yes, no in (("en", "yes", "no"), ("zh", "是", "否")):
            rows = {line.split()[0]: line.split() for line in lines_of("future_states", language)}
            self.assertEqual(rows["pending"][1:], [no, "InvalidStateError", "ok", yes])
            self.assertEqual(rows["result"][1:], [yes, "42", "InvalidStateError", no])
            self.assertEqual(rows["exception"][1:], [yes, "no", "disk", "InvalidStateError", no])
            self.assertEqual(rows["cancelled"][1:], [yes, "CancelledError", "InvalidStateError", no])

    def test_a_total_that_a_callback_keeps_is_right_one_turn_later(self):
        self.assertEqual(lines_of("too_early"), [
            "the order is paid", "total: 0", "-- one turn of the loop", "total: 42"])

    def test_three_awaits_are_four_steps_when_each_suspends_and_one_when_none_does(self):
        for language in LANGUAGES:
            suspended, finished = split_at(lines_of("three_awaits", language), "--")
            for lines, steps in ((suspended, 4), (finished, 1)):
                self.assertEqual([line for line in lines if line.startswith("step")],
                                 [f"step {number}:" for number in range(1, steps + 1)])
                self.assertEqual(lines[-1], "task: result 60")

    def test_a_turn_runs_what_was_queued_then_what_the_poll_found_then_the_timers(self):
        for reactor in ("epoll", ""):
            lines = [line.strip().partition(",")[0] for line in lines_of("one_turn", reactor=reactor)]
            self.assertEqual(lines, ["-- turn 1", "call_soon", "done callback", "step of a task", "descriptor",
                                     "call_later(0)", "-- turn 2", "call_soon in a call_soon"])

    def test_a_timer_waits_for_the_callback_that_computes(self):
        self.assertEqual(lines_of("late_timer"), [
            "[0 s] the work begins", "[3 s] the work ends", "[3 s] the timer, due at 1 s"])

    def test_who_does_not_say_what_it_knows_misses_the_news_between_two_questions(self):
        self.assertEqual([line.partition("] ")[2] for line in lines_of("lost_between_questions") if "heard" in line],
                         ["heard: sunny", "heard: cloudy", "heard: rain"])
        self.assertIn("[ 3.5 s] changes to: windy", lines_of("lost_between_questions"))

    def test_frames_of_a_client_are_masked_and_those_of_a_server_are_not(self):
        lines = "\n".join(lines_of("frames"))
        for who, mask in (("client", "1"), ("server", "0")):
            found = re.findall(rf"^{who}: \w+\n  \S+ +1 FIN \| 000 RSV .*\n  \S+ +(\d) MASK", lines, re.MULTILINE)
            self.assertEqual(found, [mask, mask])
        self.assertIn("    125: 7d\n    126: 7e 00 7e\n", lines)
        self.assertIn("  65535: 7e ff ff\n  65536: 7f 00 00 00 00 00 01 00 00", lines)

    def test_each_end_is_told_how_a_connection_ended(self):
        lines = lines_of("close_codes")
        self.assertEqual([line.split()[2] for line in lines if "on_close" in line],
                         ["4001", "1005", "1006", "1002", "1007", "1009", "1002"])
        self.assertEqual([line.split()[3] for line in lines if "client gets Close" in line],
                         ["4001", "1002", "1007", "1009", "1002"])
        self.assertEqual(sum("must not be sent (RFC" in line or "not 124 (RFC" in line for line in lines), 3)

    def test_a_text_cut_inside_of_a_letter_ends_the_connection_with_1007(self):
        self.assertEqual(lines_of("cut_text")[0], "client: got good morni")
        self.assertIn("1007", lines_of("cut_text")[1])

    def test_a_hook_whose_result_is_dropped_does_nothing_and_is_told_of_and_one_that_is_awaited_runs(self):
        self.assertEqual(lines_of("dropped_on_close")[1:], [
            "told: never-awaited", "bye: no, members: 1", "-- the caller awaits it", "Ada says: bye",
            "bye: yes, members: 0"])

    def test_tornado_drops_an_on_close_that_is_a_coroutine(self):
        if why_not("from_tornado"):
            print(f"SKIPPED on_close_tornado: {why_not('from_tornado')}")
            return
        done = subprocess.run(["/usr/bin/python3", SOURCES / "peers" / "on_close_tornado.py"], capture_output=True,
                              encoding="utf-8", timeout=60, check=True)
        self.assertIn(done.stdout.strip(), lines_of("dropped_on_close"))
        self.assertIn("coroutine 'Member.on_close' was never awaited", done.stderr)

    def test_who_leaves_after_the_first_await_is_still_counted(self):
        self.assertEqual(lines_of("late_leave"), [
            "[ 1.0 s] Ada leaves", "[ 1.5 s] Bob hears: 2 in the room", "[ 2.5 s] Bob hears: 1 in the room"])

    def test_a_send_waits_when_the_buffers_behind_it_are_full_and_goes_on_when_one_has_room_or_never_will(self):
        lines = [line.partition("] ")[2] for line in lines_of("full_buffers")]
        full = "queue 96/64 KiB, own kernel 64/64 KiB, peer's side 128/128 KiB"
        self.assertEqual([line for line in lines if "waits" in line],
                         [f"send 9 waits: {full}", f"send 13 waits: {full}"])
        self.assertEqual(lines[lines.index("the receiver takes 4 messages") + 1], "send 9 went on after 2.2 s")
        self.assertTrue(lines[-1].startswith("send 13 threw: "), lines[-1])

    def test_whoever_sends_to_one_after_the_other_goes_at_the_pace_of_the_slowest(self):
        lines = lines_of("slow_member")
        self.assertEqual(lines[-4:], ["[ 4.0 s] Bob hears news 4", "[ 9.0 s] Ada reads again",
                                      "[ 9.0 s] Bob hears news 5", "[10.0 s] Bob hears news 6"])

    def test_a_cut_is_noticed_by_pings_later_by_TCP_and_by_nobody_who_says_nothing(self):
        lines = lines_of("silent_peer")
        self.assertEqual([line for line in lines if "notices" in line or "still open" in line], [
            "[3600.0 s] A: still open, for all the server knows", "[ 934.0 s] B: the server notices, 1006",
            "[  40.0 s] C: the server notices, 1006", "[ 100.0 s] D: still open, for all the server knows"])

    def test_who_takes_sending_for_life_sees_life_until_TCP_gives_up(self):
        self.assertEqual(lines_of("wrong_sign_of_life")[-2:], [
            "[ 900.0 s] last sign of life 0 s ago", "[ 940.0 s] the connection is gone"])

    def test_a_peer_prints_what_its_twin_prints_but_where_the_page_says_that_they_differ(self):
        for name, peer in (("from_asyncio", [sys.executable, SOURCES / "peers" / "from_asyncio.py"]),
                           ("from_tornado", ["/usr/bin/python3", SOURCES / "peers" / "from_tornado.py"]),
                           ("from_asio", [PROGRAMS / "from_asio_peer"])):
            with self.subTest(page=name):
                if why_not(name):
                    print(f"SKIPPED the peer of {name}: {why_not(name)}")
                    continue
                done = subprocess.run(peer, capture_output=True, encoding="utf-8", timeout=60, check=True)
                # Python writes True where fmt writes true.
                told, ours = ([line.lower() for line in lines if not line.startswith("*")]
                              for lines in (done.stdout.splitlines(), lines_of(name)))
                self.assertEqual(told, ours)

    def test_what_tornado_has_removed_is_python_all_the_same(self):
        path = SOURCES / "peers" / "from_tornado_5.py"
        compile(path.read_text(encoding="utf-8"), path, "exec")

    def test_a_cancellation_that_is_swallowed_is_thrown_again_and_an_eager_task_speaks_first(self):
        self.assertEqual([line for line in lines_of("from_asyncio") if line.startswith("*")], [
            "* told: swallowed-cancellation", "* swallowed: the next await throws again", "* cancelled: true",
            "* eager: inside", "* eager: back from create_task"])

    def test_every_program_prints_as_many_lines_in_both_languages(self):
        for source in SOURCES.glob("*.cpp"):
            if source.stem.startswith(BROKEN):
                continue
            with self.subTest(program=source.stem):
                counts = [len(lines_of(source.stem, language, scale="0.1")) for language in LANGUAGES]
                self.assertEqual(*counts)

    def test_every_program_opens_with_a_banner_that_says_for_which_chapter_it_is_and_how_to_run_it(self):
        for source in SOURCES.glob("*.cpp"):
            with self.subTest(program=source.stem):
                lines = source.read_text(encoding="utf-8").splitlines()
                banner = next(place for place, line in enumerate(lines) if not line.startswith("//"))
                self.assertTrue(0 < banner <= BANNER_LINES_MAX, f"{banner} lines")
                text = "\n".join(lines[:banner])
                for part in ("// For ", f"./stepwise run {source.stem}", "// Try:", "// Prints:"):
                    self.assertIn(part, text)

    def test_the_map_of_the_folder_names_every_program(self):
        readme = (SOURCES / "README.md").read_text(encoding="utf-8")
        for source in SOURCES.glob("*.cpp"):
            self.assertIn(f"({source.name})", readme)


if __name__ == "__main__":
    python_suite.main()
