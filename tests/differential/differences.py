"""The known differences between our parsers and other people's, each with its reason. One that is not here fails the
test that found it."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Known:
    peers: tuple
    kind: str  # of compare.Difference
    ours: str  # patterns
    theirs: str
    reason: str


BOTH, H11, NODE, OLD_NODE, WSPROTO = ("h11", "node"), ("h11",), ("node",), ("old node",), ("wsproto",)
ANY = ""

# They had not made up their minds when the bytes ended; we refuse with the first byte that breaks a rule.
WAITS = (
    Known(H11, "stricter", ANY, r"^incomplete",
          "h11 looks at a line when it is whole, and at a head when its end is there"),
    Known(BOTH, "wider", r"^incomplete with 0 more .* within the head", ANY,
          "the bytes end within a head, at whose end both would be refused: they refuse with the field that shows it"),
    Known(NODE, "stricter", ANY, r"^incomplete", "node leaves what its parser lets pass to the end of the message"),
    Known(WSPROTO, "stricter", ANY, r"^complete$",
          "wsproto waits for two bytes, a whole header, a whole control frame or a first payload byte before it looks; "
          "RFC 6455 asks for no more than to refuse in the end"),
)

STRICTER = (
    Known(BOTH, "stricter", r"a bare (LF|CR) in|a bare CR before", ANY,
          "RFC 9112 §2.2 lets a recipient take a bare LF for the end of a line, and h11 takes a CR within a chunk "
          "extension; where some do and some do not, the same bytes are different messages"),
    Known(BOTH, "stricter", r"more than one empty line", ANY,
          "RFC 9112 §2.2: a server should ignore at least one; node ignores any number"),
    Known(NODE, "stricter", r"a bare (LF|CR) where an HTTP version must be", ANY,
          "RFC 9112 §2.2 lets a server ignore an empty line before a request line; node does it for responses too"),
    Known(NODE, "stricter", r"two spaces in a row|request line does not end in an HTTP version", ANY,
          "RFC 9112 §3: lenient readers may split at any white space; §11.2 tells what smugglers make of that"),
    Known(NODE, "stricter", r"the request line has no HTTP version", ANY,
          "RFC 9112 §2.3: a line without a version is HTTP/0.9, which node still answers"),
    Known(BOTH, "stricter", r"Transfer-Encoding in an HTTP/1.0 message", ANY,
          "RFC 9112 §6.1: its framing is faulty, as an HTTP/1.0 hop before us may have passed the body on unread"),
    Known(BOTH, "stricter", r"Host field is not a valid host|more than one Host|without a Host field", ANY,
          "RFC 9112 §3.2: a server must answer 400; node leaves it to its user (requireHostHeader), h11 only counts"),
    Known(BOTH, "stricter", r"request target is invalid for|in the request target", ANY,
          "RFC 9112 §3.2 has four forms, each for its methods, and RFC 9110 §4.2.4 no user information; both peers "
          "pass on whatever has no space in it"),
    Known(H11, "stricter", r"header line is folded", ANY,
          "RFC 9112 §5.2: a folded line is refused or replaced by spaces; h11 replaces"),
    Known(H11, "stricter", r"last Transfer-Encoding is not chunked|the Content-Length is empty", r"^complete",
          "RFC 9112 §5.2: the value stands on a folded line, which h11 joins; we see none and say so first"),
    Known(H11, "stricter", r"§5.5: byte 0x\w\w in the value|byte 0x\w\w in the status line", ANY,
          "RFC 9110 §5.5: control characters are invalid; h11 takes all but NUL and white space, for cookies"),
    Known(NODE, "stricter", r"(byte 0x\w\w|NUL) in the status line", ANY,
          "RFC 9112 §4: a reason phrase has no control characters; node takes any byte but CR and LF"),
    Known(BOTH, "stricter", r"\d\d\d is not a status code", ANY,
          "RFC 9110 §15: a status is 100 to 599, and what lies above is an error of the server; node takes 0 to 999"),
    Known(BOTH, "stricter", r"HTTP version \d.\d is not supported", ANY,
          "RFC 9112 §2.3: 2.0 is not this syntax, 0.9 has no version; h11 takes any, node these two"),
    Known(H11, "stricter", r"more than one Content-Length|',' in the Content-Length", ANY,
          "RFC 9112 §6.3 lets equal lengths be taken for one; no peer that is not broken sends them"),
    Known(H11, "stricter", r"both a Content-Length and a Transfer-Encoding", ANY,
          "RFC 9112 §6.3: the coding wins, which h11 does, but it is how messages are smuggled and may be refused"),
    Known(NODE, "stricter", r"no Transfer-Encoding but chunked|last Transfer-Encoding is not chunked|"
          r"names chunked twice|more than one Transfer-Encoding", ANY,
          "RFC 9112 §6.1: what cannot be decoded is refused; node takes the last coding of a request, and reads a "
          "response until its end, for its user to decode"),
    Known(BOTH, "stricter", r"larger than 64 bits|has more than 16 digits", ANY,
          "RFC 9110 §8.6, RFC 9112 §7.1: a number must not overflow; Python's do not, node's response to HEAD has no "
          "use for it, and both count no leading zeros"),
    Known(WSPROTO, "stricter", r"RFC 7692 §7.2.2", ANY,
          "RFC 7692 §7.2.2: a message is whole blocks; wsproto takes what came out of one that ends within a block"),
    Known(BOTH, "stricter", r"_max \(\d", ANY, "limits of ours (parser_limits.hpp), refused as soon as announced"),
    Known(BOTH, "stricter", r"§6.5.1: a \S+ field in the trailer section", ANY,
          "RFC 9110 §6.5.1: a field that frames or routes must not be taken from trailers; both pass it on apart"),
    Known(BOTH, "stricter", r"behind a chunk size or an extension|in a chunk extension|"
          r"line ends in white space or within an extension", ANY,
          "RFC 9112 §7.1.1: an extension has a name, and white space stands before or within one only; h11 looks for "
          "the end of the line, and so does node's old parser"),
    Known(BOTH, "stricter", r"the server sent bytes that no request asked for", ANY,
          "RFC 9112 §9.2: such bytes are not a response and the connection is closed; both peers read one response"),
)

WIDER = (
    Known(H11, "wider", r"^complete with 0 more", r"illegal request line",
          "RFC 9112 §2.2: the CR of an empty line behind a message, and then the end: nothing was asked with it"),
    Known(H11, "wider", ANY, r"no request line received",
          "RFC 9112 §2.2: a server should ignore at least one empty line before the request line; h11 ignores none"),
    Known(H11, "wider", ANY, r"_SWITCH_UPGRADE event without a pending proposal",
          "RFC 9110 §15.2.2: whether a 101 was asked for, its owner knows; it sees switches_protocol()"),
    Known(NODE, "wider", ANY, r"HPE_INVALID_METHOD",
          "RFC 9110 §9.1: any token is a method, and one that is unknown is for a handler to answer; node has a list"),
    Known(NODE, "wider", ANY, r"HPE_INVALID_CONTENT_LENGTH",
          "RFC 9112 §5: a tab behind a value is white space like a space; node takes the space only"),
    Known(BOTH, "wider", ANY, r"HPE_INVALID_CHUNK_SIZE|illegal chunk header|Invalid character in chunk extensions",
          "RFC 9112 §7.1.1: white space may stand before an extension, and around what is in it; both take none there"),
    Known(BOTH, "wider", ANY, r"Only Transfer-Encoding: chunked is supported|HPE_INVALID_TRANSFER_ENCODING",
          "RFC 9110 §5.6.1.2: empty elements of a list are ignored; h11 and node take no comma beside chunked"),
    Known(NODE, "wider", ANY, r"HPE_INVALID_VERSION",
          "RFC 9110 §2.5: a higher minor version is taken for 1.1; node knows 0.9, 1.0, 1.1 and 2.0"),
    Known(H11, "values", r"'version': '1\.1'", r"'version': '1\.[2-9]'",
          "RFC 9110 §2.5: the same; h11 takes the number for what it says"),
    Known(WSPROTO, "wider", ANY, r"1002 CLOSE with unknown reserved code",
          "1014 is in the registry of RFC 6455 §11.7, but came there after that version of wsproto"),
)


# Debian 12's node, whose parser is that of node 18.
OF_OLD_NODE = (
    Known(OLD_NODE, "stricter", r"white space before the first header|white space between a header field's name|"
          r"a header field has no name|header line is folded", ANY,
          "RFC 9112 §5.1, §5.2, §2.2: a server must refuse each of them; that parser skips or joins"),
    Known(OLD_NODE, "stricter", r"behind a chunk's data", ANY,
          "RFC 9112 §7.1: CRLF stands there; that parser looks at no more than one of the two"),
    Known(OLD_NODE, "stricter", r"where a status code of three digits must be", ANY,
          "RFC 9112 §4: a status code has three digits; that parser takes any number of them"),
    Known(OLD_NODE, "values", r"'status': (101|204)", r"'status': (101|204)",
          "RFC 9112 §6.3: 1xx and 204 have no body, whatever their fields say; that parser reads one"),
    Known(OLD_NODE, "wider", r"with 1 more", ANY, "RFC 9112 §6.3: the same; what it takes for the body is no good"),
    Known(OLD_NODE, "ending", r"after 1 messages", r"^incomplete after 0",
          "RFC 9112 §6.3: the same; the body is not whole"),
)


def explanation(peers, difference):
    """Why this difference from a peer of these names is right, or None."""
    for known in WAITS + STRICTER + WIDER + OF_OLD_NODE:
        is_of_these = known.kind == difference.kind and set(peers) & set(known.peers)
        if is_of_these and re.search(known.ours, difference.ours) and re.search(known.theirs, difference.theirs):
            return known.reason
    return None
