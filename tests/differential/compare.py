"""Two outcomes of the same bytes held against each other: `difference(ours, theirs, keeps_http_1_0)` is None where they
agree, else what differs. Which differences are known, and why, is in differences.py."""

import dataclasses


@dataclasses.dataclass
class Difference:
    kind: str  # stricter (we refuse what they take), wider (they refuse), values (of a message) or ending
    ours: str
    theirs: str


COMPARED = ("method", "target", "status", "version", "fields", "body", "trailers")


def _up_to_the_last(ours, theirs, keeps_http_1_0):
    """Without what follows a message that ends its connection: nobody may answer it (RFC 9112 §9.6)."""
    for index, message in enumerate(ours.messages):
        if not isinstance(message, dict):
            return
        is_last = not message["keep_alive"] or message.get("method") == b"CONNECT" or message.get("switches")
        if is_last or (message["version"] == "1.0" and not keeps_http_1_0):
            ours.messages, ours.ending, ours.why = ours.messages[:index + 1], "complete", ""
            if len(theirs.messages) > index:
                theirs.messages, theirs.ending, theirs.why = theirs.messages[:index + 1], "complete", ""
            return


def _plain(message):
    """What is compared; the name of a coding is the same in capitals (RFC 9112 §7), and h11 writes it small."""
    if not isinstance(message, dict):
        return message
    plain = {name: message[name] for name in COMPARED if name in message}
    plain["fields"] = [[name, value.lower() if name == b"transfer-encoding" else value]
                       for name, value in plain["fields"]]
    return plain


def difference(ours, theirs, keeps_http_1_0=True):
    _up_to_the_last(ours, theirs, keeps_http_1_0)
    for mine, other in zip(map(_plain, ours.messages), map(_plain, theirs.messages)):
        if mine != other:
            return Difference("values", str(mine), str(other))
    count, their_count = len(ours.messages), len(theirs.messages)
    if count == their_count and ours.ending == theirs.ending:
        return None
    if ours.ending == "refused" and count <= their_count:
        return Difference("stricter", ours.why, f"{theirs.ending} {theirs.why}".strip())
    if theirs.ending == "refused" and their_count <= count:
        return Difference("wider", f"{ours.ending} with {count - their_count} more {ours.why}".strip(), theirs.why)
    return Difference("ending", f"{ours.ending} after {count} messages {ours.why}",
                      f"{theirs.ending} after {their_count} messages {theirs.why}")
