#!/usr/bin/env python3
"""What the demos print whose clients and servers talk to each other, in both languages, with waits scaled down.

Usage: talking_demos_test.py FOLDER_WITH_THE_BUILT_DEMOS REACTOR
"""

import concurrent.futures
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from demo_runs import LANGUAGES, ROUNDING_SECONDS, DemoCase, lines_of, output, start, texts_of  # noqa: E402

SCALE = 0.2  # half a program second lies between what must not change places: 100 ms for a busy machine to be late
STAMP = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]")
KEEPALIVE_SECONDS = 2  # interval and timeout, which are not scaled


class TalkingCase(DemoCase):
    scale = SCALE

    def check_parts(self, name, first_word, check):
        """check(lines) of the part that begins with a line `-- first_word: …` and ends before the next such line."""
        def find(lines):
            begin = next(place for place, line in enumerate(lines) if line.text.startswith(f"-- {first_word}: "))
            end = next((place for place in range(begin + 1, len(lines))
                        if re.match(r"-- \w: ", lines[place].text)), len(lines))
            check(lines[begin + 1:end])

        self.check_in_both_languages(find, name)


class OnClose(TalkingCase):
    GONE = "-- the server has no connection any more"

    def check_case(self, number, check):
        def unstamp(lines):
            check([line._replace(text=STAMP.sub("[now]", line.text)) for line in lines])

        self.check_parts("on_close", number, unstamp)

    def of_connection(self, lines, name):
        return [text.removeprefix(name + ": ") for text in texts_of(lines) if text.startswith(name + ": ")]

    def test_five_rounds_are_open_two_messages_and_a_plain_on_close_with_1000(self):
        def check(lines):
            self.assertEqual(texts_of(lines), [
                f"{name}: {what}" for name in "ABCDE"
                for what in ("open", "on_message [now]start", "on_message [now]stop", "on_close 1000")] + [self.GONE])
            for name in "ABCDE":
                self.assert_takes(lines, f"{name}: on_message [now]start", f"{name}: on_message [now]stop", 2)

        self.check_case(1, check)

    def test_a_coroutine_on_close_runs_to_its_end_before_the_connection_is_gone(self):
        def check(lines):
            for name in ("quick", "slow"):
                self.assertEqual(self.of_connection(lines, name)[-2:], [
                    "on_close 1000 begins", "on_close ends: it was awaited"])
                self.assert_takes(lines, f"{name}: on_close 1000 begins", f"{name}: on_close ends: it was awaited", 1)
            self.assertEqual(lines[-1].text, self.GONE)

        self.check_case(2, check)

    def test_a_slow_on_message_delays_the_next_one_of_its_own_connection_only(self):
        def check(lines):
            self.assertEqual(self.of_connection(lines, "slow")[:4], [
                "open", "on_message [now]start, takes 4 s", "on_message start ends", "on_message [now]stop"])
            self.assertEqual(self.of_connection(lines, "quick")[:3], [
                "open", "on_message [now]start", "on_message [now]stop"])
            self.assert_order(lines, "slow: on_message [now]start, takes 4 s", "quick: on_message [now]stop",
                              "quick: on_close ends: it was awaited", "slow: on_message start ends")
            self.assert_takes(lines, "slow: on_message [now]start, takes 4 s", "slow: on_message [now]stop", 4)

        self.check_case(2, check)

    def test_what_a_plain_on_close_starts_ends_after_the_connection_is_gone(self):
        def check(lines):
            for name in "AB":
                self.assertEqual(self.of_connection(lines, name), [
                    "open", "on_message [now]start", "on_message [now]stop", "on_close 1000",
                    "print_close, after the connection"])
                self.assert_takes(lines, f"{name}: on_close 1000", f"{name}: print_close, after the connection", 1)
            self.assert_order(lines, "B: on_close 1000", self.GONE, "B: print_close, after the connection")

        self.check_case(3, check)

    def test_it_ends_with_what_is_awaited_and_what_is_not(self):
        for language, words in (("en", ("-- awaited, ", "-- not awaited: ")), ("zh", ("-- 有人等: ", "-- 没人等: "))):
            last_two = lines_of("on_close", language, SCALE)[-2:]
            for line, word in zip(last_two, words):
                self.assertTrue(line.text.startswith(word), line)


class Gather(TalkingCase):
    def test_one_after_the_other_takes_the_sum(self):
        def check(lines):
            self.assertEqual(texts_of(lines)[:4], [
                "192.0.2.1 is asked", "192.0.2.1 has answered", "192.0.2.2 is asked", "192.0.2.2 has answered"])
            self.assertRegex(lines[4].text, "Xiamen, Fuzhou$")
            self.assert_takes(lines, "192.0.2.1 is asked", "192.0.2.2 has answered", 2)

        self.check_parts("gather", 1, check)

    def test_a_list_is_asked_at_once_and_keeps_its_order(self):
        def check(lines):
            self.assertEqual(texts_of(lines)[:4], [
                "192.0.2.1 is asked", "192.0.2.2 is asked", "192.0.2.3 is asked", "192.0.2.3 has answered"])
            self.assertEqual(sorted(texts_of(lines)[4:6]), ["192.0.2.1 has answered", "192.0.2.2 has answered"])
            self.assertRegex(lines[6].text, "Xiamen, Fuzhou, Quanzhou$")
            self.assert_takes(lines, "192.0.2.1 is asked", "192.0.2.1 has answered", 1)

        self.check_parts("gather", 2, check)

    def test_a_map_is_asked_at_once_and_keeps_its_names(self):
        def check(lines):
            self.assertEqual(texts_of(lines), [
                "192.0.2.3 is asked", "192.0.2.1 is asked", "192.0.2.3 has answered", "192.0.2.1 has answered",
                "results: home is Quanzhou, office is Xiamen"])

        self.check_parts("gather", 3, check)

    def test_the_first_error_is_thrown_at_once_and_the_siblings_run_on(self):
        def check(lines):
            self.assert_order(lines, "192.0.2.7 has answered", "gather threw: 192.0.2.7: unknown address",
                              "192.0.2.1 has answered")
            self.assert_order(lines, "gather threw: 192.0.2.7: unknown address", "192.0.2.2 has answered")

        self.check_parts("gather", 4, check)

    def test_an_upstream_that_says_no_or_nonsense_or_nothing_is_one_clear_line(self):
        def check(lines):
            results = [text.partition(": ")[2] for text in texts_of(lines)[-4:]]
            self.assertEqual(results[:3], [
                "Xiamen", "192.0.2.7: unknown address", '192.0.2.8: this is no answer: {"ret: 1}'])
            self.assertRegex(results[3], r"^192\.0\.2\.9: http://127\.0\.0\.1:\d+/\S+: 404 Not Found$")

        self.check_parts("gather", 5, check)


class Students(TalkingCase):
    POPULAR = '{"ret":1,"subjects":["Spring in a Small Town","Yellow Earth"]}'
    DRAMA = '{"ret":1,"subjects":["The Goddess"]}'

    def test_callback_coroutine_and_split_out_coroutine_give_the_same_bytes(self):
        def check(lines):
            self.assertRegex(lines[0].text, r"^popular: 200 from all three, the same \d+ bytes$")
            self.assertEqual(texts_of(lines)[1:], ["  " + self.POPULAR])

        self.check_parts("students", 1, check)

    def test_what_the_upstream_does_wrong_becomes_the_same_clear_answer_of_each(self):
        def check(lines):
            self.assertEqual(texts_of(lines), [
                "jazz: 404 from all three: no such genre",
                'garbled: 502 from all three: this is no answer: {"ret:0"}',
                "busy: 502 from all three: the upstream says 503",
                "closed: 502 from all three: the upstream cannot be asked"])

        self.check_parts("students", 2, check)

    def test_others_are_served_while_a_handler_waits(self):
        def check(lines):
            served = re.fullmatch(r"/ping was answered (\d) times while /students2 waited", lines[0].text)
            self.assertIn(int(served[1]), (2, 3, 4, 5))

        self.check_parts("students", 3, check)

    def test_two_questions_take_the_time_of_one_as_a_list_in_order_and_as_a_map_by_name(self):
        def check(lines):
            answers = {line.text: following for line, following in zip(lines, lines[1:])}
            by_list, by_name = answers["/list/popular/drama is asked"], answers["/by_name is asked"]
            self.assertEqual(by_list.text, f"  200 [{self.POPULAR},{self.DRAMA}]")
            self.assertEqual(by_name.text, f'  200 {{"tomorrow":{self.POPULAR},"tonight":{self.DRAMA}}}')
            for asked, answer in ((lines[0], by_list), (lines[2], by_name)):
                self.assertGreaterEqual(answer.seconds - asked.seconds, 1 - ROUNDING_SECONDS)
                self.assertLess(answer.seconds - asked.seconds, 1.9)

        self.check_parts("students", 4, check)

    def test_of_two_the_one_that_fails_first_answers_for_both(self):
        def check(lines):
            self.assertEqual(texts_of(lines)[-2:], ["/list/popular/jazz is asked", "  404 no such genre"])
            self.assertLess(lines[-1].seconds - lines[-2].seconds, 0.95)

        self.check_parts("students", 4, check)

    def test_a_forgotten_answer_and_a_second_one_are_told_of_and_the_connection_lives(self):
        def check(lines):
            self.assertEqual(texts_of(lines), [
                "told: GET /forgotten has a Responder that ended without an answer",
                "/forgotten: 500 Internal Server Error, connections that rest: 1",
                "told: Responder::send: it was answered, or moved away",
                "/twice: 500 Internal Server Error, connections that rest: 1",
                "/ping: 200 pong, connections that rest: 1"])

        self.check_parts("students", 5, check)


class Polling(TalkingCase):
    HEARD = re.compile(r"(\w+) +(\S+) s: (.*)")
    NEWS = ["sunny", "cloudy", "windy", "rain"]

    def heard(self, lines, who):
        """(what, how late)"""
        found = [self.HEARD.fullmatch(line.text) for line in lines]
        return [(match[1], float(match[2])) for match in found if match[3] == who]

    def table(self, language):
        """of each way: heard, requests, bytes sent and received, bytes for each news, seconds of the latest"""
        rows = {}
        for row in re.findall(r"^(\w[\w ]+?) +(\d)/4 +(\d+) +(\d+) +(\d+) +(\d+) +(\S+) s$",
                              output("polling", language, self.scale), re.MULTILINE):
            rows[row[0]] = [float(number) for number in row[1:]]
        return rows

    def test_who_polls_hears_late_and_misses_what_has_changed_again(self):
        def check(lines):
            heard = self.heard(lines, "polling")
            self.assertEqual([what for what, _ in heard], ["sunny", "windy", "rain"])
            self.assertGreater(max(late for _, late in heard), 0.2)

        self.check_in_both_languages(check, "polling")

    def test_who_waits_for_the_answer_and_who_is_told_hear_all_of_it_at_once(self):
        def check(lines):
            for who in ("long polling", "WebSocket"):
                heard = self.heard(lines, who)
                self.assertEqual([what for what, _ in heard], self.NEWS)
                self.assertLess(max(late for _, late in heard), 0.5)

        self.check_in_both_languages(check, "polling")

    def check_table(self, language):
        rows = self.table(language)
        self.assertEqual(list(rows), ["polling", "long polling", "WebSocket"])
        self.assertTrue(14 <= rows["polling"][1] <= 20, rows)
        self.assertEqual(rows["long polling"][1], 6)
        self.assertEqual(rows["WebSocket"][1], 1)
        for heard, _, sent, received, per_news, _ in rows.values():
            self.assertEqual(per_news, (sent + received) // heard)
        per_news = [row[4] for row in rows.values()]
        self.assertGreater(per_news[0], 2 * per_news[1])
        self.assertGreater(per_news[1], 1.5 * per_news[2])  # four messages and a handshake

    def test_the_table_counts_requests_and_bytes_of_each(self):
        for language in LANGUAGES:
            with self.subTest(language=language):
                self.in_time(lambda language=language: self.check_table(language))


class Sender(TalkingCase):
    WAITS = re.compile(r"send (\d+) waits: of (\S+) MiB (\S+) have arrived, "
                       r"(\S+) wait in its kernel, (\S+) in its queue")
    WENT_ON = re.compile(r"send (\d+) went on after (\S+) s: there was room again")
    THREW = re.compile(r"send (\d+) threw after (\S+) s: (.*)")
    CLOCKS = re.compile(r"-- clocks: the sender's ticked (\d+) times, (\S+) s apart at most; "
                        r"the receiver's (\d+) times, (\S+) s")

    def check_case(self, letter, check):
        self.check_parts("sender", letter, check)

    def found(self, pattern, lines):
        return [match for match in map(pattern.fullmatch, texts_of(lines)) if match]

    def assert_ends(self, lines, how):
        """The sender's last lines, after what the receiver did."""
        of_sender = [line.text for line in lines if line.thread == "sender" and not line.text.startswith("--")]
        self.assertEqual(of_sender[0], "initialised")
        self.assertEqual(of_sender[-2:], ["restarting", "ended"])
        self.assertRegex(self.THREW.fullmatch(of_sender[-3])[3], how)

    def assert_waits(self, lines):
        """Somewhere between sender and receiver lies every byte that was not taken."""
        waiting = self.found(self.WAITS, lines)
        self.assertTrue(waiting, texts_of(lines))
        for match in waiting:
            number, *mebibytes = map(float, match.groups())
            self.assertEqual(mebibytes[0], number)
            self.assertAlmostEqual(sum(mebibytes[1:]), number, delta=0.21)
            self.assertGreater(mebibytes[1] + mebibytes[2], 0)

    def clocks(self, lines):
        sender_ticks, sender_gap, receiver_ticks, receiver_gap = self.found(self.CLOCKS, lines)[0].groups()
        return int(sender_ticks), float(sender_gap), int(receiver_ticks), float(receiver_gap)

    def test_a_receiver_that_blocks_its_thread_stops_its_own_clock_and_not_the_sender_s(self):
        def check(lines):
            self.assert_waits(lines)
            self.assert_ends(lines, "closed: 1000")
            sender_ticks, _, receiver_ticks, receiver_gap = self.clocks(lines)
            self.assertLess(receiver_ticks, sender_ticks / 2)  # a few more while a busy machine brings a message
            self.assertGreaterEqual(receiver_gap, 0.9)
            self.assertGreaterEqual(sender_ticks, 20)

        self.check_case("a", check)

    def test_a_receiver_that_awaits_makes_the_sender_wait_all_the_same(self):
        def check(lines):
            self.assert_waits(lines)
            self.assert_ends(lines, "closed: 1000")
            sender_ticks, _, receiver_ticks, _ = self.clocks(lines)
            self.assertGreaterEqual(receiver_ticks, 20)
            self.assertGreaterEqual(sender_ticks, 20)

        self.check_case("b", check)

    def test_a_sender_that_waited_goes_on_when_there_is_room_again(self):
        def check(lines):
            waited = [match[1] for match in self.found(self.WAITS, lines)]
            went_on = [match[1] for match in self.found(self.WENT_ON, lines)]
            threw = [match[1] for match in self.found(self.THREW, lines)]
            self.assertTrue(went_on)
            self.assertTrue(set(waited) <= set(went_on + threw), (waited, went_on, threw))

        self.check_case("a", check)
        self.check_case("b", check)

    def test_a_receiver_that_stays_and_takes_nothing_blocks_the_sender_until_it_closes(self):
        def check(lines):
            self.assert_waits(lines)
            self.assert_ends(lines, "closed: 1000")
            closes = "closes with 1000: takes the rest and drops it, until the answer comes"
            self.assert_order(lines, "receives no more, but stays", closes, "restarting")
            self.assert_takes(lines, "receives no more, but stays", "restarting", 4)

        self.check_case("c", check)

    def test_a_normal_close_is_thrown_with_its_code_and_reason(self):
        def check(lines):
            self.assert_ends(lines, "closed: 4001 .*: enough$")
            self.assert_order(lines, "takes message 100", "restarting")

        self.check_case("d", check)

    def test_a_receiver_that_vanishes_wakes_the_sender_with_1006(self):
        def check(lines):
            self.assert_waits(lines)
            self.assert_ends(lines, "closed: 1006 abnormal closure$")
            self.assert_order(lines, "vanishes", "restarting")

        self.check_case("e", check)

    def test_a_silent_receiver_is_given_up_by_keepalive_although_the_sender_waits(self):
        def check(lines):
            self.assert_waits(lines)
            self.assert_ends(lines, "closed: 1006 .*keepalive")
            self.assert_order(lines, "falls silent, like a process that was stopped", "restarting",
                              "wakes up: its connection is gone")
            at = {line.text: line.seconds * self.scale for line in lines}
            seconds = at["restarting"] - at["falls silent, like a process that was stopped"]
            self.assertLess(seconds, KEEPALIVE_SECONDS + 4)  # it looks once a second, and the machine may be busy
            self.assertGreater(seconds, KEEPALIVE_SECONDS - 1.1)
            sender_ticks, _, receiver_ticks, receiver_gap = self.clocks(lines)
            self.assertLess(receiver_ticks, sender_ticks / 2)
            self.assertGreaterEqual(receiver_gap * self.scale, seconds / 2)
            self.assertGreaterEqual(sender_ticks, 20)

        self.check_case("f", check)

    def test_one_case_can_be_run_alone(self):
        done = start("sender", "--lang", "en", "--scale", "0.1", "--case", "d")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("-- d: ", done.stdout)
        for letter in "abcef":
            self.assertNotIn(f"-- {letter}: ", done.stdout)


if __name__ == "__main__":
    os.environ["STEPWISE_REACTOR"] = sys.argv[2]
    # They sleep more than they work: all at once, before the cases look at what was printed.
    with concurrent.futures.ThreadPoolExecutor() as together:
        runs = [together.submit(lines_of, name, language, SCALE)
                for name in ("on_close", "gather", "sender", "students", "polling") for language in LANGUAGES]
        concurrent.futures.wait(runs)  # what went wrong shows in the case that looks at it: a failed run is not cached
    python_suite.main()
