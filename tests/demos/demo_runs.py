"""Runs the demos and reads what they printed, for the suites beside it: `SUITE.py FOLDER_WITH_THE_BUILT_DEMOS …`."""

import functools
import os
import pathlib
import re
import subprocess
import sys
import typing
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
SOURCES = TESTS.parent / "demos"
PROGRAMS = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TESTS.parent / "build" / "demos"

LANGUAGES = ("en", "zh")
SCALE = 0.1  # B ends 3 program seconds before A's operation: 300 ms for a busy machine to be late
ROUNDING_SECONDS = 0.11  # two stamps, each rounded to a tenth
DEADLINE_SECONDS = 120
# How much longer everybody waits in a second and a third run, where a machine was too late for the first.
LONGER = (2, 4)

# What the demos say, in Chinese and in English. Whatever is not here is the same in both, or a test compares it whole.
CHINESE = (
    (r"回调 进入", "callback in"), (r"回调 离开", "callback out"),
    (r"([A-Z]) 进入", r"\1 in"), (r"([A-Z]) 离开", r"\1 out"), (r"([A-Z]) 得到: (.*)", r"\1 got: \2"),
    (r"io 开始(.*)", r"io begins\1"), (r"io 结束(.*)", r"io ends\1"),
    (r"没有人等 (.*)", r"nobody waits for \1"),
    (r"生成器到头了，不是错误", "the generator is at its end, which is no error"),
    (r"-- 两个同时来: (.*)", r"-- two at once: \1"),
    # on_close
    (r"-- 1: 普通的 on_close，五次", "-- 1: a plain on_close, five times"),
    (r"-- 2: on_close 是协程，两个连接同时来", "-- 2: on_close is a coroutine, two connections at once"),
    (r"-- 3: 普通的 on_close 另起一个 task，两次", "-- 3: a plain on_close starts a task, twice"),
    (r"-- 服务器上没有连接了", "-- the server has no connection any more"),
    (r"(\w+: on_message .*start)，要 4 秒", r"\1, takes 4 s"), (r"(\w+: on_message start) 结束", r"\1 ends"),
    (r"(\w+: on_close 1000) 开始", r"\1 begins"), (r"(\w+: on_close) 结束: 有人等它", r"\1 ends: it was awaited"),
    (r"(\w+: print_close)，连接早就没了", r"\1, after the connection"),
    # gather
    (r"问 (192.*)", r"\1 is asked"), (r"(192.*) 答了", r"\1 has answered"), (r"gather 抛出: (.*)", r"gather threw: \1"),
    (r"结果: home 是 (\w+)，office 是 (\w+)", r"results: home is \1, office is \2"),
    # students
    (r"-- 1: 三个处理函数.*", "-- 1: one answer, three handlers"),
    (r"-- 2: 上游出的错.*", "-- 2: what goes wrong upstream the client hears from each alike"),
    (r"-- 3: 一个在等.*", "-- 3: while one waits, others are served"),
    (r"-- 4: 两个问题一起问", "-- 4: two questions at once"),
    (r"-- 5: 只有回调才会犯的两个错", "-- 5: two mistakes that only callbacks can make"),
    (r"popular: 三个都是 (\d+)，同样的 (\d+) 个字节", r"popular: \1 from all three, the same \2 bytes"),
    (r"(\w+): 三个都是 (\d+): (.*)", r"\1: \2 from all three: \3"), (r"问 (/.*)", r"\1 is asked"),
    (r"/students2 在等的时候，/ping 答了 (\d+) 次", r"/ping was answered \1 times while /students2 waited"),
    (r"报告: (.*)", r"told: \1"), (r"(/.*)，歇着的连接: (\d+)", r"\1, connections that rest: \2"),
    # background_loop
    (r"开一个线程，等到它的服务器开始监听", "starts a thread, and waits until its server listens"),
    (r"开始监听，循环是它自己的", "listens, on a loop of its own"),
    (r"问: 你的钟走了几下？", "asks: how often has your clock ticked?"),
    (r"被问到，回答: (\d+)", r"is asked, and answers: \1"),
    (r"听到: (\d+)。现在睡 2 s，堵住自己的线程", r"hears: \1. Now it sleeps for 2 s, and blocks its thread"),
    (r"听到: (\d+)。那边的循环一直在转", r"hears: \1. The other loop went on all the time"),
    (r"交给它的循环一个函数: 停下", "hands its loop a function: stop"),
    (r"被叫停: .*", "is told to stop: accepts no more, and finishes what it has in hand"),
    (r"线程结束了，什么都没留下", "the thread has ended: nothing is left of it"),
    # thread_push
    (r"-- 1: 线程.*", "-- 1: the thread hands each tick to the loop"),
    (r"-- 2: 线程.*", "-- 2: the thread sends by itself"),
    (r"-- 3: 线程.*", "-- 3: the thread has a loop of its own, and writes to a connection of another one"),
    (r"(\d+) 个客户端，来了 (\d+) 次，(\d+) 下听到 (\d+) 下，漏掉 (\d+)，重复 (\d+)",
     r"\1 clients, \2 stays, \4 of \3 ticks heard, \5 missed, \6 twice"),
    (r"抛出: (.*)", r"threw: \1"), (r"发出去了", "sent it"),
    (r"客户端听到: (\d+)，是 call_soon_threadsafe 送来的", r"the client heard: \1, through call_soon_threadsafe"),
    (r"-- 别的线程只有一扇门.*",
     "-- another thread has one door: loop.call_soon_threadsafe. Whoever tries any other is told so"),
    # sender
    (r"初始化完成", "initialised"), (r"重新启动", "restarting"), (r"结束了", "ended"),
    (r"收到第 (\d+) 条", r"takes message \1"), (r"突然消失", "vanishes"),
    (r"不再接收，但不断开", "receives no more, but stays"),
    (r"没声音了: 像一个停住的进程", "falls silent, like a process that was stopped"),
    (r"醒来: 连接没了", "wakes up: its connection is gone"),
    (r"关闭，(\d+): .*", r"closes with \1: takes the rest and drops it, until the answer comes"),
    (r"第 (\d+) 次 send 在等: (\S+) MiB 里 (\S+) 到了对方，(\S+) 在自己内核里，(\S+) 在自己队列里",
     r"send \1 waits: of \2 MiB \3 have arrived, \4 wait in its kernel, \5 in its queue"),
    (r"第 (\d+) 次 send 等了 (\S+) s，继续: 又有地方了", r"send \1 went on after \2 s: there was room again"),
    (r"第 (\d+) 次 send 过了 (\S+) s 抛出: (.*)", r"send \1 threw after \2 s: \3"),
    (r"-- 时钟: 发送方的走了 (\d+) 下，最长隔 (\S+) s；接收方的 (\d+) 下，(\S+) s",
     r"-- clocks: the sender's ticked \1 times, \2 s apart at most; the receiver's \3 times, \4 s"),
)


class Line(typing.NamedTuple):
    seconds: float
    thread: str
    text: str


def environment(**variables):
    rest = {name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "LC_MESSAGES")}
    return {**rest, **variables}


def start(name, *arguments, **variables):
    return subprocess.run([PROGRAMS / name, *arguments], capture_output=True, encoding="utf-8",
                          timeout=DEADLINE_SECONDS, env=environment(**variables), check=False)


@functools.cache
def output(name, language, scale=SCALE):
    done = start(name, "--lang", language, "--scale", str(scale))
    if done.returncode != 0 or done.stderr:
        # No matter of time: not for AssertionError, after which another run is looked at.
        raise RuntimeError(f"{name} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def in_english(text):
    for chinese, english in CHINESE:
        if re.fullmatch(chinese, text):
            return re.sub(chinese, english, text)
    return text


def lines_of(name, language, scale=SCALE):
    """The stamped lines, translated to English."""
    found = []
    for text in output(name, language, scale).splitlines():
        stamped = re.fullmatch(r"\[ *(\d+\.\d) s(?: \| (\w+) *)?\] (.*)", text)
        if stamped:
            seconds, thread, said = stamped.groups()
            found.append(Line(float(seconds), thread or "main", in_english(said)))
    return found


def texts_of(lines):
    return [line.text for line in lines]


class DemoCase(unittest.TestCase):
    maxDiff = None
    scale = SCALE

    def in_time(self, check):
        """Once more, with longer waits, if what was seen is wrong: a busy machine changes what comes before what."""
        first = self.scale
        try:
            for longer in (1, *LONGER):
                self.scale = first * longer
                try:
                    return check()
                except AssertionError:
                    if longer == LONGER[-1]:
                        raise
        finally:
            self.scale = first
        return None

    def check_in_both_languages(self, check, *names):
        for name in names:
            for language in LANGUAGES:
                with self.subTest(demo=name, language=language):
                    self.in_time(lambda name=name, language=language: check(lines_of(name, language, self.scale)))

    def assert_order(self, lines, *texts):
        """Each text occurs, and the first one of each comes after the first one of the text before it."""
        said = texts_of(lines)
        for text in texts:
            self.assertIn(text, said)
        places = [said.index(text) for text in texts]
        self.assertEqual(places, sorted(places), f"wanted {texts} in this order, got {said}")

    def assert_takes(self, lines, first, second, seconds):
        at = {line.text: line.seconds for line in reversed(lines)}
        self.assertGreaterEqual(at[second] - at[first], seconds - ROUNDING_SECONDS)

    def assert_thread(self, lines, thread, texts):
        self.assertEqual([line.text for line in lines if line.thread == thread], texts)
