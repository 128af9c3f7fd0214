"""What this process is called among replicas: in logs, audit lines, traces and the shared state."""

import os
import secrets
import socket
from functools import cache


def replica() -> str:
    """The host's name, the process's number and a few random digits.

    Workers of one host differ by their numbers; containers are all number 1, and may have one host name between them.
    Asked anew each time: a forked worker has another one than its parent.
    """
    pid = os.getpid()
    return f"{socket.gethostname()}-{pid}-{_digits(pid)}"


@cache
def _digits(_pid: int) -> str:
    return secrets.token_hex(3)
