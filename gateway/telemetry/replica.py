"""What this process is called among replicas: in logs, audit lines, traces and the shared state."""

import os
import socket


def replica() -> str:
    """The host's name and the process's number: workers of one host differ, and so do containers, all of them number 1.

    Asked anew each time: a forked worker has another one than its parent.
    """
    return f"{socket.gethostname()}-{os.getpid()}"
