"""A port that nobody else gets while a test decides who listens there, and when: other suites run at the same time."""

import contextlib
import socket


@contextlib.contextmanager
def reserved_port(host="127.0.0.1"):
    """Bound, and not listened on: who asks for any port gets another one, a connection to it is refused, and a server
    that asks for it by its number, with SO_REUSEADDR as all do, has it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, 0))
        yield holder.getsockname()[1]
