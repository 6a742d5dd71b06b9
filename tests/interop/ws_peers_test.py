#!/usr/bin/env python3
"""Our ends of a WebSocket against other people's, both ways round, compressed and not, with 1 MiB, close codes and
coming back: Python's websockets, wsproto, Tornado, node-ws, node's own client and Beast. Chromium is in tests/browser.
`ws_peers_test.py WS_ECHO STEPWISE_WS REACTOR RECONNECTING_PROGRAM [BEAST_PEER]`"""

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
from reserved_port import reserved_port  # noqa: E402
from server_process import ServerProcess  # noqa: E402

ECHO, CLIENT, REACTOR, RECONNECTING, BEAST = (sys.argv + [""] * 5)[1:6]
NODE_PEER = pathlib.Path(__file__).resolve().parent / "node_peer.mjs"
MESSAGES = ["short", "grüß dich, 你好 🎈", "again and again, " * 100, b"\x00\xff" * 70000, os.urandom(1 << 20),
            b"z" * (1 << 20)]
WAIT_SECONDS_MAX = 60
# For an answer. A peer on a busy machine may need more: each try gives it more than the one before.
WAITS = ("0.5", "3", "12")
NO_BEAST = "Beast is not installed: libboost1.81-dev"


def run(conversation):
    return asyncio.run(asyncio.wait_for(conversation, WAIT_SECONDS_MAX))


def leaving(message):
    """The code and the reason, if a client asks its server to leave: "leave 4011 enough"."""
    word, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
    code, _, reason = rest.partition(" ")
    return (int(code), reason) if word == "leave" else None


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

    def test_websockets_as_the_client(self):
        async def converse(compression, is_compressed):
            async with websockets.connect(self.server.url("/", "ws"), compression=compression,
                                          max_size=1 << 22) as socket:
                self.assertEqual(bool(socket.extensions), is_compressed)
                for message in MESSAGES:
                    await socket.send(message)
                    self.assertEqual(await socket.recv(), message)
                await socket.close(4004, "bye")
                self.assertEqual(socket.close_rcvd.code, 4004)
        run(converse(None, False))
        run(converse("deflate", True))

    def assert_program_talks(self, command):
        for word, told in (("packed", "permessage-deflate\n"), ("plain", "")):
            done = subprocess.run([*command, word], capture_output=True, text=True, timeout=WAIT_SECONDS_MAX)
            self.assertEqual((done.stdout, done.stderr), (told + "all came back; closed 4003\n", ""))

    def test_node_ws_as_the_client(self):
        self.assert_program_talks(["node", NODE_PEER, "client", self.server.url("/", "ws")])

    @unittest.skipUnless(BEAST, NO_BEAST)
    def test_beast_as_the_client(self):
        self.assert_program_talks([BEAST, "client", str(self.server.port)])

    def test_nodes_own_client(self):
        done = subprocess.run(["node", "--experimental-websocket", NODE_PEER, "own", self.server.url("/", "ws")],
                              capture_output=True, text=True, timeout=WAIT_SECONDS_MAX)
        if "bad option" in done.stderr:
            self.skipTest("this node has no WebSocket of its own: it came with node 20")
        self.assertIn("all came back; closed 4003\n", done.stdout, done.stderr)


class OurServerThatReturns(unittest.TestCase):
    """It ends, with 1001 for its clients, and is started again where it was."""

    def server_at(self, port):
        server = ServerProcess(ECHO, "--reactor", REACTOR)
        server.command[server.command.index("0")] = str(port)
        return server

    async def see_it_return(self, peer):
        """Runs `peer(port, was_here)`: a coroutine that talks, says that it did, and comes back."""
        was_here = asyncio.Event()
        with reserved_port() as port:
            with self.server_at(port) as first:
                talking = asyncio.create_task(peer(port, was_here.set))
                await was_here.wait()
                first.process.terminate()
                await asyncio.to_thread(first.wait)
            with self.server_at(port) as again:
                told = await talking
                self.assertEqual(await asyncio.to_thread(again.stop), 0, again.errors())
        return told

    def test_websockets_comes_back(self):
        async def peer(port, was_here):
            heard = []
            async for socket in websockets.connect(f"ws://127.0.0.1:{port}/"):  # its own way to come back
                await socket.send("here" if not heard else "here again")
                heard.append(await socket.recv())
                if len(heard) == 2:
                    return [*heard, code]
                was_here()
                await socket.wait_closed()
                code = socket.close_rcvd.code
        self.assertEqual(run(self.see_it_return(peer)), ["here", "here again", 1001])

    def test_wsproto_and_tornado_come_back(self):
        async def wsproto_peer(port, text):
            socket, _ = await WsprotoPeer.connect("127.0.0.1", port, [])
            socket.send(events.Message(data=text))
            return socket, await socket.next_message(), socket.next_message

        async def tornado_peer(port, text):
            socket = await tornado.websocket.websocket_connect(f"ws://127.0.0.1:{port}/")
            await socket.write_message(text)
            return socket, await socket.read_message(), socket.read_message

        for connect in (wsproto_peer, tornado_peer):
            async def peer(port, was_here):
                socket, heard, end = await connect(port, "here")
                was_here()
                ending = await end()
                while True:
                    with contextlib.suppress(OSError):
                        again, heard_again, _ = await connect(port, "here again")
                        again.close()
                        return [heard, heard_again, ending.code if ending else socket.close_code]
                    await asyncio.sleep(0)
            with self.subTest(peer=connect.__name__):
                self.assertEqual(run(self.see_it_return(peer)), ["here", "here again", 1001])

    def assert_program_returns(self, command_of_port):
        async def peer(port, was_here):
            process = await asyncio.create_subprocess_exec(*command_of_port(port), stdout=subprocess.PIPE)
            heard = await process.stdout.readline()
            was_here()
            heard += await process.stdout.read()
            self.assertEqual(await process.wait(), 0)
            return heard.decode()
        self.assertEqual(run(self.see_it_return(peer)), "here\nclosed 1001\nhere again\n")

    def test_node_ws_comes_back(self):
        self.assert_program_returns(lambda port: ["node", NODE_PEER, "return", f"ws://127.0.0.1:{port}/"])

    @unittest.skipUnless(BEAST, NO_BEAST)
    def test_beast_comes_back(self):
        self.assert_program_returns(lambda port: [BEAST, "return", str(port)])


class OurClient(unittest.TestCase):
    """Lines through `./stepwise ws`, which a foreign server sends back."""

    LINES = ["short", "grüß dich, 你好 🎈", "again and again, " * 100, "z" * (1 << 20)]

    async def talk(self, url, *flags, lines=LINES, closing=""):
        given = "".join(line + "\n" for line in lines)
        for wait in WAITS:
            process = await asyncio.create_subprocess_exec(
                CLIENT, url, "--wait", wait, *flags, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=os.environ | {"STEPWISE_REACTOR": REACTOR})
            output, errors = await process.communicate((given + closing).encode())
            if output.decode() == given:
                break
        self.assertEqual(output.decode(), given, errors.decode())
        self.assertEqual(process.returncode, 0, errors.decode())
        return errors.decode()

    async def come_back(self, url):
        """Three times: the server leaves each time, when it is asked to, with a code of its own."""
        process = await asyncio.create_subprocess_exec(
            RECONNECTING, url, "3", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"STEPWISE_REACTOR": REACTOR})
        output, errors = await process.communicate()
        self.assertEqual((output.decode(), errors.decode()),
                         ("".join(f"here for the {number}. time\nclosed {4000 + number} enough\n"
                                  for number in (1, 2, 3)), ""))

    async def do_all(self, url, endings, behind=0):
        """`endings` are what the server saw, as lines, of which the first ones are of before."""
        self.assertIn(", compressed\n", await self.talk(url))
        self.assertNotIn("compressed", await self.talk(url, "--no-compress"))
        told = await self.talk(url, lines=[], closing="/close 4005 enough of it\n")
        self.assertIn("4005", told)
        await self.come_back(url)
        first_other = next(at for at in range(behind, len(endings)) if endings[at] != "closed 1000 ")
        self.assertGreaterEqual(first_other - behind, 2)
        self.assertEqual(endings[first_other], "closed 4005 enough of it")

    def test_websockets_as_the_server(self):
        endings = []

        async def echo(socket):
            with contextlib.suppress(websockets.ConnectionClosed):
                async for message in socket:
                    if (leave := leaving(message)):
                        await socket.close(*leave)
                    else:
                        await socket.send(message)
            endings.append(f"closed {socket.close_rcvd.code} {socket.close_rcvd.reason}")

        async def main():
            async with websockets.serve(echo, "127.0.0.1", 0, max_size=1 << 22) as server:
                host, port = server.sockets[0].getsockname()
                await self.do_all(f"ws://{host}:{port}/", endings)
        run(main())

    def test_tornado_as_the_server(self):
        endings = []

        class Echo(tornado.websocket.WebSocketHandler):
            def get_compression_options(self):
                return {}

            def on_message(self, message):
                if (leave := leaving(message)):
                    self.close(*leave)
                else:
                    self.write_message(message, binary=isinstance(message, bytes))

            def on_close(self):
                endings.append(f"closed {self.close_code} {self.close_reason or ''}")

        async def main():
            sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
            server = tornado.httpserver.HTTPServer(tornado.web.Application([("/", Echo)]))
            server.add_sockets(sockets)
            await self.do_all("ws://127.0.0.1:%d/" % sockets[0].getsockname()[1], endings)
            server.stop()
        run(main())

    def test_wsproto_as_the_server(self):
        endings = []

        async def serve(reader, writer):
            peer = WsprotoPeer(reader, writer, wsproto.WSConnection(wsproto.ConnectionType.SERVER))
            await peer.next()
            peer.send(events.AcceptConnection(extensions=[wsproto.extensions.PerMessageDeflate()]))
            while isinstance(message := await peer.next_message(), (str, bytes)):
                leave = leaving(message)
                peer.send(events.CloseConnection(*leave) if leave else events.Message(data=message))
            endings.append(f"closed {message.code} {message.reason or ''}")
            if peer.connection.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
                peer.send(message.response())
            peer.close()

        async def main():
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                host, port = server.sockets[0].getsockname()
                await self.do_all(f"ws://{host}:{port}/", endings)
        run(main())

    def assert_program_serves(self, command):
        for word, is_packed in (("packed", True), ("plain", False)):
            starting = ServerProcess(command[0])
            starting.command = [*command, "server", word]
            with starting as server:
                url = server.url("/", "ws")
                self.assertEqual(", compressed\n" in run(self.talk(url)), is_packed)
                if is_packed:
                    run(self.do_all(url, server.output, 2))

    def test_node_ws_as_the_server(self):
        self.assert_program_serves(["node", str(NODE_PEER)])

    @unittest.skipUnless(BEAST, NO_BEAST)
    def test_beast_as_the_server(self):
        self.assert_program_serves([BEAST])


if __name__ == "__main__":
    python_suite.main()
