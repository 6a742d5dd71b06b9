"""WebSocket frames for one end to receive, most of them a little wrong: `frames(dice, masked)` gives bytes, and
`packed_frames` those of a peer that compresses, with a window that it keeps."""

import struct
import zlib

TEXTS = [b"hello", b"", "é一😀".encode(), b"\xe4", b"\xb8\x80", b"\xed\xa0\x80", b"\xff", b"a" * 126,
         b"\xf4\x90\x80\x80", b"\xc0\xaf"]
LONG_TEXT = b"z" * 70000
CLOSES = [b"", b"\x03\xe8", b"\x03\xe9bye", b"\x03", b"\x03\xe8\xff"]
CODES = [0, 999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1013, 1014, 1015, 1016, 2000, 2999, 3000, 3999,
         4000, 4999, 5000, 65535]


def length_field(dice, size, mask_bit, badness):
    forms = [(0 if size <= 125 else 2 if size <= 65535 else 8)]
    if dice.random() < badness / 8:
        forms = [form for form in (2, 8) if form >= forms[0]]
    form = dice.choice(forms)
    if form == 0:
        return bytes([mask_bit | size])
    return bytes([mask_bit | 126]) + struct.pack(">H", size) if form == 2 else \
        bytes([mask_bit | 127]) + struct.pack(">Q", size)


def frame(dice, opcode, payload, fin, masked, badness):
    first = (0x80 if fin else 0) | opcode
    if dice.random() < badness / 12:
        first ^= 1 << dice.randrange(8)
    if dice.random() < badness / 20:
        masked = not masked
    head = bytes([first]) + length_field(dice, len(payload), 0x80 if masked else 0, badness)
    if not masked:
        return head + payload
    key = bytes(dice.randrange(256) for _ in range(4))
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def message(dice, masked, badness):
    kind = dice.randrange(8)
    if kind == 0:
        payload = struct.pack(">H", dice.choice(CODES)) if dice.random() < badness else dice.choice(CLOSES[:3])
        return frame(dice, 8, payload if dice.random() < 0.8 else dice.choice(CLOSES), True, masked, badness)
    if kind in (1, 2):
        size = dice.choice([0, 5, 125] + ([126] if badness else []))
        return frame(dice, 8 + kind, b"p" * size, dice.random() > badness / 20, masked, badness)
    opcode = dice.choice([1, 2])
    parts = [dice.choice(TEXTS if badness else TEXTS[:3]) for _ in range(dice.choice([1, 1, 2, 3]))]
    if dice.random() < 0.01:
        parts[0] = LONG_TEXT
    text = b""
    for index, part in enumerate(parts):
        broken = dice.random() < badness / 12
        text += frame(dice, opcode if (index == 0) != broken else 0, part, index + 1 == len(parts), masked, badness)
        if dice.random() < 0.2:
            text += frame(dice, 9, b"between", True, masked, badness)
    return text


def frames(dice, masked):
    badness = dice.choice([0, 0.5, 1])
    text = b"".join(message(dice, masked, badness) for _ in range(dice.randrange(1, 5)))
    if dice.random() < badness / 4:
        text = text[:dice.randrange(len(text) + 1)]
    if text and dice.random() < badness / 8:
        at = dice.randrange(len(text))
        text = text[:at] + bytes([dice.randrange(256)]) + text[at + 1:]
    return text


def packed_message(dice, deflate, masked, badness):
    """One message, compressed behind those before it, in fragments. Some say so where they must not.
    Wrong bytes within are for the fuzz target `deflate`, which asks zlib: wsproto does not see where a block ends.
    Pings stand before it: behind one between fragments, wsproto 1.2 takes the rest of the message as it is."""
    text = b"".join(dice.choice(TEXTS) for _ in range(dice.choice([1, 2, 40])))
    payload = (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    cuts = sorted(dice.randrange(len(payload) + 1) for _ in range(dice.choice([0, 0, 1, 2])))
    parts = [payload[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(payload)])]
    opcode, bytes_sent = dice.choice([1, 2, 2]), b""
    for index, part in enumerate(parts):
        has_bit = (index == 0) != (dice.random() < badness / 12)
        first = (opcode if index == 0 else 0) | (0x40 if has_bit else 0)
        bytes_sent += frame(dice, first, part, index + 1 == len(parts), masked, badness / 4)
    ping = frame(dice, 9 | (0x40 if dice.random() < badness / 12 else 0), b"before", True, masked, 0)
    return (ping if dice.random() < 0.2 else b"") + bytes_sent


def packed_frames(dice, masked):
    badness = dice.choice([0, 0, 0.5, 1])
    deflate = zlib.compressobj(dice.choice([1, 6, 9]), zlib.DEFLATED, -15)
    return b"".join(packed_message(dice, deflate, masked, badness) if dice.random() < 0.8 else
                    message(dice, masked, badness / 4) for _ in range(dice.randrange(1, 5)))
