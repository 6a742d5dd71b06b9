"""A plain socket that speaks bytes, for what no well-behaved client would send. Every wait has a deadline."""

import dataclasses
import os
import socket
import struct

WAIT_SECONDS_MAX = 20
# The example of RFC 6455, section 1.3.
EXAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
EXAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@dataclasses.dataclass
class Response:
    status: int
    headers: dict
    body: bytes


@dataclasses.dataclass
class Frame:
    first_byte: int  # FIN, RSV and opcode
    payload: bytes

    @property
    def close_code(self):
        return struct.unpack("!H", self.payload[:2])[0] if self.first_byte == 0x88 and self.payload else None


def frame(first_byte, payload=b"", masked=True):
    """The bytes of one frame in the shortest form that its length has."""
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes([first_byte, mask_bit | len(payload)])
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first_byte, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first_byte, mask_bit | 127, len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


class RawConnection:
    read_bytes_max = 65536

    def __init__(self, address):
        self.socket = socket.create_connection(address, WAIT_SECONDS_MAX)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the peer may refuse before it has read everything: its answer is what counts

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Vanishes: the peer sees a reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _read_more(self):
        """False at the end of the stream."""
        try:
            data = self.socket.recv(self.read_bytes_max)
        except ConnectionResetError:
            data = b""
        self._received += data
        return bool(data)

    def _take(self, size):
        while len(self._received) < size:
            if not self._read_more():
                raise AssertionError(f"the server closed after {self._received!r}; {size} bytes were expected")
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _take_until(self, mark):
        while mark not in self._received:
            if not self._read_more():
                raise AssertionError(f"the server closed after {self._received!r}, without {mark!r}")
        return self._take(self._received.index(mark) + len(mark))

    def read_response(self, head_only=False):
        """One HTTP response with a Content-Length or without a body."""
        lines = self._take_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        no_body = head_only or lines[0].split()[1] in ("101", "100", "204", "304")
        size = 0 if no_body else int(headers.get("content-length", 0))
        # Header names and values are lower-cased but for the one whose case matters.
        accept = next((line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-accept:")), None)
        headers.update({"sec-websocket-accept": accept} if accept else {})
        return Response(int(lines[0].split()[1]), headers, self._take(size))

    def read_frame(self):
        first_byte, length = self._take(2)
        assert length < 128, "a server's frame must not be masked"
        if length == 126:
            length, = struct.unpack("!H", self._take(2))
        elif length == 127:
            length, = struct.unpack("!Q", self._take(8))
        return Frame(first_byte, self._take(length))

    def read_answer(self):
        """The next frame that is no ping: who has been silent for long is asked whether it is there."""
        answer = self.read_frame()
        while answer.first_byte == 0x89:
            answer = self.read_frame()
        return answer

    def read_to_the_end(self):
        """Everything up to the server's end of the stream."""
        while self._read_more():
            pass
        rest, self._received = self._received, b""
        return rest

    def upgrade(self, path="/", key=EXAMPLE_KEY, version="13", more=""):
        """Asks for a WebSocket and gives the response."""
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket"]
        lines += [f"Sec-WebSocket-Key: {key}"] if key else []
        lines += [f"Sec-WebSocket-Version: {version}"] if version else []
        self.send(("\r\n".join(lines) + "\r\n" + more + "\r\n").encode())
        return self.read_response()
