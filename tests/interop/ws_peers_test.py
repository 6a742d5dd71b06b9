#!/usr/bin/env python3
"""Our ends of a WebSocket against other people's, both ways round, compressed and not: wsproto, Tornado, node-ws,
node's own client, and Beast where it is built: `ws_peers_test.py WS_ECHO STEPWISE_WS REACTOR [BEAST]`."""

import asyncio
import contextlib
import os
import pathlib
import subprocess
import sys
import unittest

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
import websockets
import wsproto
import wsproto.events as events
import wsproto.extensions

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import python_suite  # noqa: E402
from server_process import ServerProcess  # noqa: E402

ECHO, CLIENT, REACTOR, BEAST = (sys.argv + [""] * 4)[1:5]
NODE_PEER = pathlib.Path(__file__).resolve().parent / "node_peer.mjs"
MESSAGES = ["short", "grüß dich, 你好 🎈", "again and again, " * 100, b"\x00\xff" * 70000, os.urandom(1 << 20),
            b"z" * (1 << 20)]
WAIT_SECONDS_MAX = 60


def run(conversation):
    return asyncio.run(asyncio.wait_for(conversation, WAIT_SECONDS_MAX))


class WsprotoPeer:
    """A connection of wsproto over asyncio's streams, either end of it."""

    def __init__(self, reader, writer, connection):
        self._reader, self._writer, self.connection = reader, writer, connection
        self._events = connection.events()

    @classmethod
    async def connect(cls, host, port, extensions):
        reader, writer = await asyncio.open_connection(host, port)
        peer = cls(reader, writer, wsproto.WSConnection(wsproto.ConnectionType.CLIENT))
        peer.send(events.Request(host=f"{host}:{port}", target="/", extensions=extensions))
        accepted = await peer.next()
        assert isinstance(accepted, events.AcceptConnection), accepted
        return peer, accepted

    def send(self, event):
        self._writer.write(self.connection.send(event))

    async def next(self):
        while True:
            for event in self._events:
                return event
            data = await self._reader.read(1 << 16)
            self.connection.receive_data(data or None)
            self._events = self.connection.events()

    async def next_message(self):
        parts = []
        while True:
            event = await self.next()
            if not isinstance(event, (events.TextMessage, events.BytesMessage)):
                return event
            parts.append(event.data)
            if event.message_finished:
                return "".join(parts) if isinstance(event, events.TextMessage) else b"".join(map(bytes, parts))

    def close(self):
        self._writer.close()


class OurServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(ServerProcess(ECHO, "--reactor", REACTOR))

    def test_wsproto_as_the_client(self):
        async def converse(extensions, is_compressed):
            peer, accepted = await WsprotoPeer.connect(*self.server.address, extensions)
            self.assertEqual(bool(accepted.extensions), is_compressed)
            for message in MESSAGES:
                peer.send(events.Message(data=message))
                self.assertEqual(await peer.next_message(), message)
            peer.send(events.CloseConnection(code=4001, reason="bye"))
            closed = await peer.next_message()
            self.assertEqual(closed.code, 4001)
            peer.close()
        run(converse([], False))
        run(converse([wsproto.extensions.PerMessageDeflate()], True))
        for bits in (9, 12, 15):
            run(converse([wsproto.extensions.PerMessageDeflate(server_max_window_bits=bits,
                                                               client_max_window_bits=bits)], True))

    def test_tornado_as_the_client(self):
        async def converse(options):
            socket = await tornado.websocket.websocket_connect(self.server.url("/", "ws"), compression_options=options,
                                                               max_message_size=1 << 22)
            for message in MESSAGES:
                await socket.write_message(message, binary=isinstance(message, bytes))
                self.assertEqual(await socket.read_message(), message)
            socket.close(4002, "enough")
            self.assertIsNone(await socket.read_message())
            self.assertEqual(socket.close_code, 4002)
        run(converse(None))
        run(converse({}))
        run(converse({"compression_level": 9, "mem_level": 9}))

    def node(self, *arguments):
        done = subprocess.run(["node", *arguments], capture_output=True, text=True, timeout=WAIT_SECONDS_MAX)
        return done.stdout, done.stderr

    def test_node_ws_as_the_client(self):
        url = self.server.url("/", "ws")
        ending = "all came back; closed 4003\n"
        self.assertEqual(self.node(NODE_PEER, "client", url, "packed"), ("permessage-deflate\n" + ending, ""))
        self.assertEqual(self.node(NODE_PEER, "client", url, "plain"), (ending, ""))

    def test_nodes_own_client(self):
        output, errors = self.node("--experimental-websocket", NODE_PEER, "own", self.server.url("/", "ws"))
        if "bad option" in errors:
            self.skipTest("this node has no WebSocket of its own: it came with node 20")
        self.assertIn("all came back; closed 4003\n", output, errors)


class OurClient(unittest.TestCase):
    """Lines through `./stepwise ws`, which a foreign server sends back."""

    LINES = ["short", "grüß dich, 你好 🎈", "again and again, " * 100, "z" * (1 << 20)]

    async def talk(self, url, *flags, lines=LINES):
        process = await asyncio.create_subprocess_exec(
            CLIENT, url, "--wait", "0.5", *flags, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=os.environ | {"STEPWISE_REACTOR": REACTOR})
        output, errors = await process.communicate("".join(line + "\n" for line in lines).encode())
        self.assertEqual(output.decode(), "".join(line + "\n" for line in lines), errors.decode())
        self.assertEqual(process.returncode, 0, errors.decode())
        return errors.decode()

    async def talk_in_each_way(self, url):
        self.assertIn(", compressed\n", await self.talk(url))
        self.assertNotIn("compressed", await self.talk(url, "--no-compress"))

    def test_websockets_as_the_server(self):
        async def echo(socket):
            with contextlib.suppress(websockets.ConnectionClosed):
                async for message in socket:
                    await socket.send(message)

        async def main():
            async with websockets.serve(echo, "127.0.0.1", 0, max_size=1 << 22) as server:
                host, port = server.sockets[0].getsockname()
                await self.talk_in_each_way(f"ws://{host}:{port}/")
        run(main())

    def test_tornado_as_the_server(self):
        class Echo(tornado.websocket.WebSocketHandler):
            def get_compression_options(self):
                return {}

            def on_message(self, message):
                self.write_message(message, binary=isinstance(message, bytes))

        async def main():
            sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
            server = tornado.httpserver.HTTPServer(tornado.web.Application([("/", Echo)]))
            server.add_sockets(sockets)
            await self.talk_in_each_way("ws://127.0.0.1:%d/" % sockets[0].getsockname()[1])
            server.stop()
        run(main())

    def test_wsproto_as_the_server(self):
        async def serve(reader, writer):
            peer = WsprotoPeer(reader, writer, wsproto.WSConnection(wsproto.ConnectionType.SERVER))
            await peer.next()
            peer.send(events.AcceptConnection(extensions=[wsproto.extensions.PerMessageDeflate()]))
            while isinstance(message := await peer.next_message(), (str, bytes)):
                peer.send(events.Message(data=message))
            peer.send(message.response())
            peer.close()

        async def main():
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                host, port = server.sockets[0].getsockname()
                await self.talk_in_each_way(f"ws://{host}:{port}/")
        run(main())

    def test_node_ws_as_the_server(self):
        for word, is_packed in (("packed", True), ("plain", False)):
            starting = ServerProcess("node")
            starting.command = ["node", str(NODE_PEER), "server", word]
            with starting as server:
                told = run(self.talk(server.url("/", "ws")))
                self.assertEqual(", compressed\n" in told, is_packed)

    @unittest.skipIf(not pathlib.Path(BEAST).is_file(), "Beast takes minutes to build: `./stepwise bench net` does it")
    def test_beast_as_the_server(self):
        with ServerProcess(BEAST) as server:
            run(self.talk(server.url("/", "ws")))


if __name__ == "__main__":
    python_suite.main()
