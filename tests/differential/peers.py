"""Our parsers and other people's behind one face: `outcome(kind, bytes)` tells which messages came out whole and how it
ended. Ours and node's are programs that are asked line by line, h11 and wsproto are modules of Debian's Python."""

import dataclasses
import json
import subprocess

import h11
import wsproto.extensions
import wsproto.frame_protocol as wsproto_frames


# h11's words for bytes that end before their message does.
EARLY_ENDS = ("without sending complete", "peer unexpectedly closed connection",
              "event type ConnectionClosed when role")


@dataclasses.dataclass
class Outcome:
    messages: list  # of dict (HTTP) or of [what, payload] (frames)
    ending: str  # complete, incomplete or refused
    why: str = ""


def _fields(pairs):
    return [[name.lower(), value] for name, value in pairs]


class Program:
    """A child process that answers a line of JSON to a line `KIND HEX`."""

    keeps_http_1_0 = True

    def __init__(self, *command, names=()):
        self.names = names
        self._process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)

    def outcome(self, kind, data):
        self._process.stdin.write(f"{kind} {data.hex()}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the program ended, code {self._process.wait()}, at: {kind} {data.hex()}")
        answer = json.loads(line)
        return Outcome([self._message(message) for message in answer["messages"]], answer["ending"], answer["why"])

    @staticmethod
    def _message(message):
        if isinstance(message, list):
            return [message[0], bytes.fromhex(message[1])]
        plain = dict(message, body=bytes.fromhex(message.get("body", "")))
        for name in ("method", "target"):
            if name in plain:
                plain[name] = bytes.fromhex(plain[name])
        for name in ("fields", "trailers"):
            plain[name] = _fields((bytes.fromhex(left), bytes.fromhex(right)) for left, right in plain[name])
        return plain

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()


class H11:
    names = ("h11",)
    keeps_http_1_0 = False  # it closes behind each of them, whatever Connection says

    def outcome(self, kind, data):
        return self._requests(data) if kind == "request" else self._response(kind.removeprefix("response:"), data)

    @staticmethod
    def _read(connection, events, outcome):
        """False: nothing more is to be had."""
        message = {}
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                early = any(words in str(error) for words in EARLY_ENDS)
                outcome.ending, outcome.why = ("incomplete" if early else "refused"), str(error)
                return False
            if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return False
            if isinstance(event, events):
                message = {"version": event.http_version.decode(), "body": b"",
                           "fields": _fields((bytes(name), bytes(value)) for name, value in event.headers)}
                if isinstance(event, h11.Request):
                    message.update(method=bytes(event.method), target=bytes(event.target))
                else:
                    message.update(status=event.status_code)
            elif isinstance(event, h11.Data):
                message["body"] += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                message["trailers"] = _fields((bytes(name), bytes(value)) for name, value in event.headers)
                outcome.messages.append(message)
                return True

    def _requests(self, data):
        outcome = Outcome([], "complete")
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=48 * 1024)
        connection.receive_data(data)
        connection.receive_data(b"")
        while self._read(connection, h11.Request, outcome):
            connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                break
            connection.start_next_cycle()
        return outcome

    def _response(self, method, data):
        outcome = Outcome([], "complete")
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=48 * 1024)
        target = "a:1" if method == "CONNECT" else "/"
        connection.send(h11.Request(method=method, target=target, headers=[("host", "a")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(data)
        connection.receive_data(b"")
        self._read(connection, h11.Response, outcome)
        return outcome


class Wsproto:
    """Its frames, joined to messages: the layer below its connection says more exactly what it refused."""

    names = ("wsproto",)
    keeps_http_1_0 = True
    NAMES = {wsproto_frames.Opcode.TEXT: "text", wsproto_frames.Opcode.BINARY: "binary",
             wsproto_frames.Opcode.PING: "ping", wsproto_frames.Opcode.PONG: "pong"}

    def outcome(self, kind, data):
        outcome = Outcome([], "complete")
        extensions = []
        if kind.startswith("packed_"):
            deflate = wsproto.extensions.PerMessageDeflate()
            deflate.accept("permessage-deflate") if kind.endswith("server") else deflate.finalize("permessage-deflate")
            extensions = [deflate]
        protocol = wsproto_frames.FrameProtocol(client=kind.endswith("client"), extensions=extensions)
        protocol.receive_bytes(data)
        parts = b""
        try:
            for frame in protocol.received_frames():
                if frame.opcode is wsproto_frames.Opcode.CLOSE:
                    code, reason = frame.payload
                    outcome.messages.append(["close", f"{int(code)} {reason or ''}".encode()])
                    break
                payload = frame.payload.encode() if isinstance(frame.payload, str) else bytes(frame.payload)
                if frame.opcode.iscontrol():
                    outcome.messages.append([self.NAMES[frame.opcode], payload])
                    continue
                parts += payload
                if frame.message_finished:
                    outcome.messages.append([self.NAMES[frame.opcode], parts])
                    parts = b""
        except wsproto_frames.ParseFailed as error:
            outcome.ending, outcome.why = "refused", f"{int(error.code)} {error}"
        return outcome
