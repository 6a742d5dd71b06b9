#!/usr/bin/env python3
"""What the demos print that have a thread beside the loop, in both languages, with waits scaled down.

Usage: thread_demos_test.py FOLDER_WITH_THE_BUILT_DEMOS REACTOR
"""

import concurrent.futures
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from demo_runs import LANGUAGES, DemoCase, lines_of, start, texts_of  # noqa: E402

SCALE = 0.2
ONE_DOOR = ("was called from a thread that is not the loop's. Only EventLoop::call_soon_threadsafe may be: "
            "let it make this call")


class BackgroundLoop(DemoCase):
    scale = SCALE

    def test_the_main_thread_asks_and_the_server_s_thread_answers(self):
        def check(lines):
            self.assertEqual([re.sub(r"\d+", "N", line.text) for line in lines if line.thread == "main"], [
                "starts a thread, and waits until its server listens", "asks: how often has your clock ticked?",
                "hears: N. Now it sleeps for N s, and blocks its thread", "asks: how often has your clock ticked?",
                "hears: N. The other loop went on all the time", "hands its loop a function: stop",
                "the thread has ended: nothing is left of it"])
            self.assertEqual([re.sub(r"\d+", "N", line.text) for line in lines if line.thread == "server"], [
                "listens, on a loop of its own", "is asked, and answers: N", "is asked, and answers: N",
                "is told to stop: accepts no more, and finishes what it has in hand"])
            self.assertEqual(lines[-1].thread, "main")

        self.check_in_both_languages(check, "background_loop")

    def test_its_loop_goes_on_while_the_main_thread_is_blocked(self):
        def check(lines):
            answers = [int(text.rpartition(" ")[2]) for text in texts_of(lines) if text.startswith("is asked")]
            # 20 on a machine with time for both; it may have none for one of them.
            self.assertGreaterEqual(answers[1] - answers[0], 5)

        self.check_in_both_languages(check, "background_loop")


class ThreadPush(DemoCase):
    scale = SCALE

    def counts(self, lines):
        """(clients, stays, heard, of, missed, twice)"""
        line = next(text for text in texts_of(lines) if " ticks heard" in text)
        return tuple(map(int, re.findall(r"\d+", line)))

    def test_every_client_hears_every_tick_once_although_clients_come_and_go(self):
        def check(lines):
            clients, stays, heard, of, missed, twice = self.counts(lines)
            self.assertEqual((clients, of, twice), (8, 80, 0))
            self.assertGreaterEqual(stays, 8 * 3)
            self.assertLessEqual(missed, 8)  # on a machine where to come again takes longer than a tick
            self.assertGreaterEqual(heard, of - 16)

        self.check_in_both_languages(check, "thread_push")

    def test_a_thread_that_sends_by_itself_is_told_the_one_door(self):
        def check(lines):
            threw = [line for line in lines if line.text.startswith("threw: ")]
            self.assertEqual([line.thread for line in threw], ["clock", "clock"])
            # Where it was called is told where the program's lines can be read.
            said = [line.text.partition("; called at ") for line in threw]
            self.assertEqual([what for what, _, _ in said], [
                f"threw: ws::Broadcast::send {ONE_DOOR}", f"threw: ws::Connection {ONE_DOOR}"])
            for _, _, where in said:
                self.assertRegex(where, r"^(.*17_thread_push\.cpp:\d+, in push_\w+\(\))?$")
            self.assertNotIn("sent it", texts_of(lines))

        self.check_in_both_languages(check, "thread_push")

    def test_a_thread_with_a_loop_of_its_own_reaches_the_other_loop_s_connection_by_call_soon_threadsafe(self):
        def check(lines):
            self.assertIn("the client heard: 1, through call_soon_threadsafe", texts_of(lines))
            self.assertTrue(lines[-1].text.startswith("-- another thread has one door: "))

        self.check_in_both_languages(check, "thread_push")

    def test_a_fast_clock_and_many_clients_give_nothing_twice_and_nothing_out_of_order(self):
        done = start("thread_push", "--lang", "en", "--scale", "0.005", "--ticks", "200", "--clients", "50")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"50 clients, .* of 10000 ticks heard, \d+ missed, 0 twice")


if __name__ == "__main__":
    os.environ["STEPWISE_REACTOR"] = sys.argv[2]
    # They sleep more than they work: all at once, before the cases look at what was printed.
    with concurrent.futures.ThreadPoolExecutor() as together:
        runs = [together.submit(lines_of, name, language, SCALE)
                for name in ("background_loop", "thread_push") for language in LANGUAGES]
        concurrent.futures.wait(runs)  # what went wrong shows in the case that looks at it: a failed run is not cached
    python_suite.main()
