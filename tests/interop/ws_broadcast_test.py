#!/usr/bin/env python3
"""Several of Python's websockets at once against ws_broadcast: `ws_broadcast_test.py PROGRAM REACTOR`."""

import asyncio
import contextlib
import pathlib
import sys
import unittest

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from program_contract import ServerProgramContract  # noqa: E402
from server_process import ServerProcess  # noqa: E402

PROGRAM, REACTOR = (sys.argv + ["", ""])[1:3]
WAIT_SECONDS_MAX = 60


class BroadcastContract(ServerProgramContract, unittest.TestCase):
    program, reactor = PROGRAM, REACTOR


class BroadcastTest(unittest.TestCase):
    def converse(self, count, conversation):
        """Runs `conversation(sockets)` with so many connections to a server of its own, within a deadline: on one loop,
        and over two."""
        async def main(server):
            async with contextlib.AsyncExitStack() as stack:
                sockets = [await stack.enter_async_context(websockets.connect(server.url("/", "ws")))
                           for _ in range(count)]
                await conversation(sockets)
        for threads in ("1", "2"):
            with self.subTest(threads=threads), ServerProcess(PROGRAM, "--reactor", REACTOR,
                                                              "--threads", threads) as server:
                asyncio.run(asyncio.wait_for(main(server), WAIT_SECONDS_MAX))

    def test_every_message_goes_to_all_with_its_type_and_in_order(self):
        async def conversation(sockets):
            for message in ("你好", b"\x00\x01", "x" * 70_000):
                await sockets[1].send(message)
            for socket in sockets:
                self.assertEqual([await socket.recv() for _ in range(3)], ["你好", b"\x00\x01", "x" * 70_000])
        self.converse(5, conversation)

    def test_all_hear_what_many_say_at_once_in_one_order(self):
        async def conversation(sockets):
            async def talk(socket, number):
                for line in range(100):
                    await socket.send(f"{number}.{line}")

            async def listen(socket):
                return [await socket.recv() for _ in range(100 * len(sockets))]
            talking = asyncio.gather(*(talk(socket, number) for number, socket in enumerate(sockets)))
            heard = await asyncio.gather(*(listen(socket) for socket in sockets))
            await talking
            self.assertEqual(len(set(heard[0])), 100 * len(sockets))
            self.assertTrue(all(one == heard[0] for one in heard))
        self.converse(12, conversation)

    def test_who_has_left_is_missed_by_nobody(self):
        async def conversation(sockets):
            await sockets[0].close()
            sockets[2].transport.abort()
            await sockets[1].send("still here")
            for socket in (sockets[1], sockets[3]):
                self.assertEqual(await socket.recv(), "still here")
        self.converse(4, conversation)


if __name__ == "__main__":
    python_suite.main()
