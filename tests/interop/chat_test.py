#!/usr/bin/env python3
"""Python's websockets against the chat room, where a browser does not go: `chat_test.py PROGRAM REACTOR`."""

import asyncio
import json
import pathlib
import sys
import unittest
import urllib.parse

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from program_contract import ServerProgramContract  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
WAIT_SECONDS_MAX = 60
MEMBERS_MAX = 200


class ChatContract(ServerProgramContract, unittest.TestCase):
    program, reactor = PROGRAM, REACTOR


class Person:
    """Someone in the room, with a mailbox."""

    def __init__(self, socket):
        self.socket = socket

    async def hear(self, kind):
        """The next message of that type; what is heard before is passed over."""
        while True:
            message = json.loads(await self.socket.recv())
            if message["type"] == kind:
                return message

    async def say(self, text):
        await self.socket.send(text)


class ChatTest(unittest.TestCase):
    def converse(self, conversation):
        """Runs `conversation(enter)` against a room of its own, within a deadline: on one loop, and over two."""
        async def main(server):
            sockets = []

            async def enter(name="", language="en"):
                query = urllib.parse.urlencode({"name": name, "lang": language})
                # No bound on what waits: someone who does not listen must still notice a close.
                sockets.append(await websockets.connect(server.url(f"/socket?{query}", "ws"), max_queue=None))
                return Person(sockets[-1])
            await conversation(enter)
            await asyncio.gather(*(socket.close() for socket in sockets))
        for threads in ("1", "2"):
            with self.subTest(threads=threads), ServerProcess(PROGRAM, "--reactor", REACTOR,
                                                              "--threads", threads) as server:
                asyncio.run(asyncio.wait_for(main(server), WAIT_SECONDS_MAX))

    def test_a_newcomer_is_welcomed_before_it_hears_its_own_join(self):
        async def conversation(enter):
            ada = await enter("Ada")
            self.assertEqual(json.loads(await ada.socket.recv()), {"type": "welcome", "name": "Ada", "online": ["Ada"]})
            join = json.loads(await ada.socket.recv())
            self.assertRegex(join.pop("time"), r"^\d\d:\d\d:\d\d$")
            self.assertEqual(join, {"type": "join", "name": "Ada", "online": ["Ada"], "ip": "127.0.0.1"})
        self.converse(conversation)

    def test_names_that_are_taken_get_the_lowest_free_number(self):
        async def conversation(enter):
            people = [await enter("Ada") for _ in range(3)]
            self.assertEqual([(await one.hear("welcome"))["name"] for one in people], ["Ada", "Ada 2", "Ada 3"])
            await people[1].socket.close()
            self.assertEqual((await people[0].hear("leave"))["online"], ["Ada", "Ada 3"])
            self.assertEqual((await (await enter("Ada")).hear("welcome"))["name"], "Ada 2")
        self.converse(conversation)

    def test_a_name_is_made_fit_to_be_shown(self):
        cases = {"": "guest", "  \n ": "guest", b"\xff\xfe": "guest", " a\nb\t": "a b", "\0x": "x", "中" * 40: "中" * 32,
                 "<b>": "<b>"}

        async def conversation(enter):
            for wanted, given in cases.items():
                person = await enter(wanted)
                self.assertEqual((await person.hear("welcome"))["name"], given)
                await person.socket.close()
            self.assertEqual((await (await enter("", "zh-CN")).hear("welcome"))["name"], "访客")
        self.converse(conversation)

    def test_what_is_refused_is_told_to_its_sender_alone_and_in_its_language(self):
        async def conversation(enter):
            ada, ming = await enter("Ada"), await enter("小明", "zh")
            for refused, words in (("  \n", "消息是空的"), (b"bytes", "只能发送文字"), ("界" * 2001, "2000 个字符")):
                await ming.say(refused)
                self.assertIn(words, (await ming.hear("error"))["text"])
            await ming.say("界" * 2000)
            heard = []
            while not heard or heard[-1]["type"] != "say":
                heard.append(json.loads(await ada.socket.recv()))
            self.assertEqual([one["type"] for one in heard], ["welcome", "join", "join", "say"])
            self.assertEqual(heard[-1]["text"], "界" * 2000)
        self.converse(conversation)

    def test_a_message_far_too_long_ends_its_connection_and_the_others_hear_the_leave(self):
        async def conversation(enter):
            ada, ming = await enter("Ada"), await enter("小明")
            await ming.say("x" * 17_000)
            with self.assertRaises(websockets.ConnectionClosed) as closed:
                await ming.hear("never")
            self.assertEqual(closed.exception.rcvd.code, 1009)
            self.assertEqual((await ada.hear("leave"))["name"], "小明")
        self.converse(conversation)

    def test_a_lost_connection_is_a_leave_too(self):
        async def conversation(enter):
            ada, ming = await enter("Ada"), await enter("小明")
            ming.socket.transport.abort()
            self.assertEqual((await ada.hear("leave"))["online"], ["Ada"])
        self.converse(conversation)

    def test_everyone_hears_everything_in_one_order_when_many_talk_at_once(self):
        async def conversation(enter):
            people = [await enter(f"p{number}") for number in range(10)]

            async def talk(person, number):
                for line in range(20):
                    await person.say(f"{number}.{line}")

            async def listen(person):
                return [(await person.hear("say"))["text"] for _ in range(200)]
            talking = asyncio.gather(*(talk(person, number) for number, person in enumerate(people)))
            heard = await asyncio.gather(*(listen(person) for person in people))
            await talking
            self.assertTrue(all(one == heard[0] for one in heard))
            for number in range(10):
                mine = [text for text in heard[0] if text.startswith(f"{number}.")]
                self.assertEqual(mine, [f"{number}.{line}" for line in range(20)])
        self.converse(conversation)

    def test_a_full_room_refuses_the_next_one_and_takes_someone_when_one_has_left(self):
        async def conversation(enter):
            people = [await enter("Bob") for _ in range(MEMBERS_MAX)]
            self.assertEqual(len((await people[-1].hear("join"))["online"]), MEMBERS_MAX)
            late = await enter("late", "zh")
            self.assertIn("已满", (await late.hear("error"))["text"])
            with self.assertRaises(websockets.ConnectionClosed) as closed:
                await late.hear("never")
            self.assertEqual(closed.exception.rcvd.code, 1013)
            await people[0].socket.close()
            await people[-1].hear("leave")
            self.assertEqual((await (await enter("late")).hear("welcome"))["name"], "late")
        self.converse(conversation)

    def test_pages_of_other_origins_are_not_let_in(self):
        with ServerProcess(PROGRAM, "--reactor", REACTOR) as server:
            async def main():
                await websockets.connect(server.url("/socket", "ws"), origin="http://elsewhere.example")
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                asyncio.run(main())
            self.assertEqual(refused.exception.status_code, 403)


if __name__ == "__main__":
    python_suite.main()
