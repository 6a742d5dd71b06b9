"""Requests and responses from a grammar, most of them a little wrong: `request(dice)` and `response(dice)` give bytes.
The same dice, the same bytes. Wrong are above all the things with which servers were made to disagree."""

TOKENS = [b"X", b"Accept", b"x-a_b", b"!#$%&'*+-.^_`|~0", b"Cookie", b"ETag"]
VALUES = [b"y", b"", b"a b", b"a,b", b"\"q\\\"s\"", b"caf\xc3\xa9", b"\xff", b"a\tb", b"x" * 300, b"k=v; l=w"]
BAD_VALUES = [b"a\x00b", b"a\x0bb", b"a\x7fb", b"\x01", b"a\rb", b"a\nb", b"a\r\n b", b"a\r\n\tb", b"\x1f"]
BAD_LINES = [b"X : y", b" X: y", b"\tX: y", b"X", b": y", b"X\x00: y", b"X(: y", b"X y: z", b"", b"\xc3\xa9: y",
             b"X\t: y"]
LENGTHS = [b"+5", b"-5", b"0x5", b"5 5", b"5,5", b"5, 5", b"", b"5.0", b"99999999999999999999", b"18446744073709551616",
           b"5a", b"005", b"5\t", b"\"5\""]
CODINGS = [b"chunked", b"Chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"gzip", b"chunked, chunked",
           b"xchunked", b"chunked;q=1", b"", b"chunked,", b",chunked", b"\"chunked\"", b"chunked\x0b"]
CHUNK_SIZES = [b"-5", b"+5", b" 5", b"5 ", b"0x5", b"5_0", b"", b"fffffffffffffffff", b"ffffffffffffffff", b"5g", b"5;",
               b"5;a", b"5;a=b", b"5 ;a=\"b;c\"", b"5;a\nb", b"5;a\x00", b"5\t;a", b"00005", b"5;" + b"e" * 300, b"5,"]
LINE_ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b""]
INTERESTING = [b"\r", b"\n", b"\r\n", b" ", b"\t", b"\x00", b":", b";", b",", b"0", b"\x7f", b"\xff", b"chunked",
               b"\x0b"]


def either(dice, good, bad, badness):
    return dice.choice(bad) if dice.random() < badness else dice.choice(good)


def line_end(dice, badness):
    return either(dice, [b"\r\n"], LINE_ENDS, badness / 8)


def field_line(dice, badness):
    if dice.random() < badness / 6:
        return dice.choice(BAD_LINES)
    space = dice.choice([b"", b" ", b"  ", b"\t"])
    value = either(dice, VALUES, BAD_VALUES, badness / 6)
    return dice.choice(TOKENS) + b":" + space + value + dice.choice([b"", b" ", b"\t"])


def chunked(dice, badness):
    body = b""
    for _ in range(dice.randrange(4)):
        data = bytes(dice.randrange(256) for _ in range(5))
        body += either(dice, [b"5", b"5;x=y", b"05"], CHUNK_SIZES, badness / 6) + line_end(dice, badness) + data
        body += line_end(dice, badness)
    body += b"0" + line_end(dice, badness)
    for _ in range(dice.choice([0, 0, 0, 1, 2])):
        body += either(dice, [b"T: v", b"Checksum: 1"], [b"Content-Length: 5", b"T : v", b"T\n: v"], badness / 4)
        body += b"\r\n"
    return body + line_end(dice, badness)


def framing(dice, badness):
    """Lines that say how long the body is, and the body."""
    kind = dice.randrange(3)
    if kind == 0:
        return [], b""
    if kind == 1:
        lines, body = [b"Content-Length: " + either(dice, [b"5"], LENGTHS, badness / 3)], b"hello"
    else:
        lines = [b"Transfer-Encoding: " + either(dice, [b"chunked"], CODINGS, badness / 3)]
        body = chunked(dice, badness)
    if dice.random() < badness / 6:
        lines.append(dice.choice([b"Content-Length: 5", b"Content-Length: 6", b"Transfer-Encoding: chunked"]))
    return lines, body


def message(dice, start, lines, badness):
    # Of a body behind CONNECT some make a body, others the first bytes of the tunnel.
    extra, body = ([], b"") if start.startswith(b"CONNECT") else framing(dice, badness)
    lines = lines + extra + [field_line(dice, badness) for _ in range(dice.randrange(4))]
    if dice.random() < 0.2:
        lines.append(b"Connection: " + dice.choice([b"close", b"keep-alive", b"Close, x", b"upgrade"]))
    dice.shuffle(lines)
    text = start + line_end(dice, badness)
    for line in lines:
        text += line + line_end(dice, badness)
    return text + line_end(dice, badness) + body


def request_line(dice, badness):
    method = either(dice, [b"GET", b"POST", b"PUT", b"OPTIONS", b"DELETE"],
                    [b"G\x00T", b"", b"get", b"G(T", b"\xff", b"FOO", b"CONNECT", b"M-SEARCH"], badness / 8)
    target = either(dice, [b"/", b"/a/b?c=d", b"/%20", b"http://a/", b"/a?b|c", b"/" + b"p" * 200],
                    [b"", b"a", b"*", b"/a b", b"/\x00", b"/\xff", b"/%", b"/%zz", b"/#f", b"a:1", b"http://", b"/\t",
                     b"//a", b"http://u@a/", b"ftp://a/"], badness / 6)
    version = either(dice, [b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"],
                     [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ", b"HTTP/11", b"HTTP/1.", b"",
                      b"HTTP/1.10", b"ICE/1.0"], badness / 8)
    between = either(dice, [b" "], [b"  ", b"\t", b""], badness / 12)
    return method + between + target + between + version


def damaged(dice, text, badness):
    """With a few bytes changed blindly, now and then."""
    while text and dice.random() < badness / 3:
        at = dice.randrange(len(text))
        kind = dice.randrange(3)
        if kind == 0:
            text = text[:at] + dice.choice(INTERESTING) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + dice.randrange(1, 4):]
        else:
            text = text[:at] + dice.choice(INTERESTING) + text[at + 1:]
    return text


def request(dice):
    badness = dice.choice([0, 0.5, 1])
    text = b""
    for _ in range(dice.choice([1, 1, 2, 3])):
        hosts = either(dice, [[b"Host: a"]],
                       [[], [b"Host: a", b"Host: b"], [b"Host: a b"], [b"Host: "], [b"Host: a/b"]], badness / 6)
        text += either(dice, [b""], [b"\r\n", b"\r\n\r\n", b"\n", b" "], badness / 10)
        text += message(dice, request_line(dice, badness), hosts, badness)
    return damaged(dice, text, badness)


def status_line(dice, badness):
    version = either(dice, [b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"], [b"HTTP/1.2", b"HTTP/2", b"HTTP/1.", b"http/1.1"],
                     badness / 8)
    status = either(dice, [b"200", b"404", b"204", b"304", b"500", b"299", b"201"],
                    [b"20", b"2000", b"099", b"600", b"999", b"abc", b"", b"-20", b"100", b"103", b"101"], badness / 4)
    reason = either(dice, [b" OK", b" ", b" Not Found"], [b"", b" \xff", b" \x00", b"  two", b" a\tb", b"\t"],
                    badness / 4)
    return version + b" " + status + reason


def response(dice):
    """(the method that was asked with, bytes)"""
    badness = dice.choice([0, 0.5, 1])
    text = b""
    while dice.random() < 0.1:
        text += dice.choice([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"])
    text += message(dice, status_line(dice, badness), [], badness)
    return dice.choice(["GET", "GET", "GET", "POST", "HEAD"]), damaged(dice, text, badness)
