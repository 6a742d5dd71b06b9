"""A small fuzzing server for WebSocket clients: it speaks the dialogue of /getCaseCount, /runCase?case=N&agent=NAME and
/updateReports?agent=NAME. Each case sends bytes of its own, and knows which answer is right. Frames are written by hand
where they must be wrong, and by wsproto where they are compressed."""

import asyncio
import urllib.parse
import zlib

import wsproto
import wsproto.events as events
import wsproto.extensions

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(opcode, payload=b"", fin=True, bits=0):
    first = (0x80 if fin else 0) | bits << 4 | opcode
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65536:
        return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload
    return bytes([first, 127]) + len(payload).to_bytes(8, "big") + payload


def close(code, reason=b""):
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def packed(text):
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


BIG = bytes(range(256)) * 4096  # 1 MiB

# A name, what the server sends, and what must come back: events up to the client's Close. "close:CODE" is the client's
# own close of a broken connection; the others are answered, then closed by the server with 1000.
CASES = [
    ("an empty text", frame(TEXT), ["text:"]),
    ("a text", frame(TEXT, "grüß dich 🎈".encode()), ["text:grüß dich 🎈"]),
    ("a binary message", frame(BINARY, b"\0\xff"), [b"\0\xff"]),
    ("65,536 bytes", frame(BINARY, b"x" * 65536), [b"x" * 65536]),
    ("1 MiB", frame(BINARY, BIG), [BIG]),
    ("1 MiB in fragments of 4 KiB", b"".join(
        frame(BINARY if at == 0 else CONTINUATION, BIG[at:at + 4096], at + 4096 == len(BIG))
        for at in range(0, len(BIG), 4096)), [BIG]),
    ("fragments with a ping between", frame(TEXT, b"a", False) + frame(PING, b"now") + frame(CONTINUATION, b"b"),
     ["pong:now", "text:ab"]),
    ("a ping of 125 bytes", frame(PING, b"p" * 125), ["pong:" + "p" * 125]),
    ("a pong that was not asked for", frame(PONG, b"x") + frame(TEXT, b"a"), ["text:a"]),
    ("compressed, whole", frame(TEXT, packed(b"again and again " * 50), bits=4), ["text:" + "again and again " * 50]),
    ("compressed, in fragments", frame(TEXT, packed(b"abc" * 99)[:4], False, 4) +
     frame(CONTINUATION, packed(b"abc" * 99)[4:]), ["text:" + "abc" * 99]),
    ("compressed noise", frame(TEXT, b"\xff\xff\xff", bits=4), ["close:1007"]),
    ("RSV1 in a continuation", frame(TEXT, packed(b"abc"), False, 4) + frame(CONTINUATION, b"", bits=4),
     ["close:1002"]),
    ("a close without a code", frame(CLOSE), ["close:"]),
    ("a close with 4999", close(4999, b"bye"), ["close:4999"]),
    ("a close with 1005", close(1005), ["close:1002"]),
    ("a close with half a code", frame(CLOSE, b"x"), ["close:1002"]),
    ("a close whose reason is not UTF-8", close(1000, b"\xff"), ["close:1007"]),
    ("RSV2", frame(TEXT, b"a", bits=2), ["close:1002"]),
    ("opcode 3", frame(3), ["close:1002"]),
    ("a fragmented ping", frame(PING, fin=False), ["close:1002"]),
    ("a ping of 126 bytes", frame(PING, b"x" * 126), ["close:1002"]),
    ("a continuation of nothing", frame(CONTINUATION, b"a"), ["close:1002"]),
    ("a text inside a text", frame(TEXT, b"a", False) + frame(TEXT, b"b"), ["close:1002"]),
    ("a masked frame", bytes([0x81, 0x81, 1, 2, 3, 4, 0x60]), ["close:1002"]),
    ("a text that is not UTF-8", frame(TEXT, b"\xc0\xaf"), ["close:1007"]),
    ("half a character", frame(TEXT, b"\xc3", False) + frame(CONTINUATION), ["close:1007"]),
]


def bomb(unpacked_bytes):
    """A message some thousand times as long as its frame."""
    block_bytes = 1 << 20
    deflate = zlib.compressobj(9, wbits=-15)
    # Behind a full flush the compressor has forgotten all: the same block may follow again.
    block = deflate.compress(bytes(block_bytes)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return frame(BINARY, (block * (unpacked_bytes // block_bytes))[:-4], bits=4)


def fragments(whole_bytes, fragment_bytes):
    """A message that is one byte longer than `whole_bytes`."""
    more = frame(CONTINUATION, b"f" * fragment_bytes, False)
    return frame(BINARY, b"f", False) + more * (whole_bytes // fragment_bytes)


async def one_byte_at_a_time(writer, _):
    for byte in frame(PING, b"now") + frame(TEXT, "grüß".encode()):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)


def half_close(last):
    """Behind an echo: what a client is about to send need not come when nobody says Close."""
    async def send(writer, hear):
        writer.write(frame(TEXT, b"a"))
        await hear()
        writer.write(last)
        writer.write_eof()
    return send


PINGS = [f"{number:04}" for number in range(10_000)]


def faults(message_bytes_max):
    """Cases as above, of a server that breaks, floods or deceives a client with that limit. "end": no Close came."""
    return [
        ("one byte at a time", one_byte_at_a_time, ["pong:now", "text:grüß"]),
        ("half-close", half_close(b""), ["text:a", "end"]),
        ("half-close within a frame", half_close(frame(TEXT, b"never whole")[:5]), ["text:a", "end"]),
        ("a decompression bomb", bomb(16 * message_bytes_max), ["close:1009"]),
        ("a flood of fragments", fragments(message_bytes_max, 1024), ["close:1009"]),
        ("a flood of fragments of nothing", frame(TEXT, b"a", False) + frame(CONTINUATION, fin=False) * 100_000 +
         frame(CONTINUATION, b"b"), ["text:ab"]),
        ("a flood of pings", b"".join(frame(PING, number.encode()) for number in PINGS) + frame(TEXT, b"a"),
         [f"pong:{number}" for number in PINGS] + ["text:a"]),
    ]


class FuzzingServer:
    """`async with FuzzingServer() as server:` then `server.url`; afterwards `results[agent]` is [(name, what came)]
    for each case that was run, and `reported` the agents that asked for their report. `before_report()` is awaited
    while that client waits for it. Instead of bytes a case may have a coroutine function of the stream to write to
    and of a function that awaits one answer."""

    def __init__(self, cases=CASES, before_report=None):
        self._cases, self._before_report = cases, before_report

    async def __aenter__(self):
        self.results, self.reported = {}, []
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"ws://{host}:{port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            await asyncio.wait_for(self._converse(reader, writer), 30)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _converse(self, reader, writer):
        peer = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        peer.receive_data(await reader.readuntil(b"\r\n\r\n"))
        request = next(peer.events())
        writer.write(peer.send(events.AcceptConnection(extensions=[wsproto.extensions.PerMessageDeflate()])))
        target = urllib.parse.urlsplit(request.target)
        query = dict(urllib.parse.parse_qsl(target.query))
        if target.path == "/getCaseCount":
            writer.write(frame(TEXT, str(len(self._cases)).encode()) + close(1000))
        elif target.path == "/updateReports":
            if self._before_report:
                await self._before_report()
            self.reported.append(query["agent"])
            writer.write(close(1000))
        else:
            name, sent, right = self._cases[int(query["case"]) - 1]
            came = []

            async def hear():
                came.extend(await self._read_answers(peer, reader, 1))
            if callable(sent):
                await sent(writer, hear)
            else:
                writer.write(sent)
            came += await self._read_answers(peer, reader, len(right) - len(came))
            self.results.setdefault(query["agent"], []).append((name, came == right, came))
            if came[-1:] != ["end"] and not str(came[-1:]).startswith("['close:"):
                writer.write(close(1000))
        await writer.drain()
        await reader.read(-1)

    @staticmethod
    async def _read_answers(peer, reader, wanted):
        came, parts = [], []
        while len(came) < wanted:
            data = await reader.read(65536)
            if not data:
                return came + ["end"]
            peer.receive_data(data)
            for event in peer.events():
                if isinstance(event, (events.TextMessage, events.BytesMessage)):
                    parts.append(event.data)
                    if event.message_finished:
                        is_bytes = isinstance(event, events.BytesMessage)
                        whole = b"".join(map(bytes, parts)) if is_bytes else "".join(parts)
                        came.append("text:" + whole if isinstance(whole, str) else whole)
                        parts = []
                elif isinstance(event, events.Pong):
                    came.append("pong:" + bytes(event.payload).decode())
                elif isinstance(event, events.CloseConnection):
                    came.append("close:" + ("" if event.code == 1005 else str(int(event.code))))
        return came
