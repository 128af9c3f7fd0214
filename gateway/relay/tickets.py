"""TLS sessions with upstream hosts, so that the next connection to one resumes the last (RFC 8446 §2.2).

A resumed handshake has no certificates to read and check, which is half of its cost (measured). The host proved who it
is when its session began, to the same context: that of the same provider, with the same roots. Leaves TLS to tls.py.
"""

import ssl
from collections import OrderedDict

MAX_KEPT = 256
"""Sessions remembered, a few KB each; a cloud has a handful of hosts in each region."""


class Tickets:
    """What each host has given for the next time. One that forgets or declines it is met as at the first time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[ssl.SSLContext, str, int], ssl.SSLSession] = OrderedDict()

    def of(self, context: ssl.SSLContext, host: str, port: int) -> ssl.SSLSession | None:
        """The session to resume, if there is one."""
        return self._kept.get((context, host, port))

    def keep(self, connection: ssl.SSLObject, host: str, port: int) -> None:
        """Remember a connection's session. In TLS 1.3 it comes behind the handshake: call once the host has spoken."""
        fresh = connection.session
        if fresh is None or not fresh.has_ticket:
            return
        kept, key = self._kept, (connection.context, host, port)
        kept[key] = fresh
        kept.move_to_end(key)
        # They hold their context, so what is over goes: after a reload nobody asks for the old one again.
        while len(kept) > MAX_KEPT or _over(next(iter(kept.values())), fresh.time):
            kept.popitem(last=False)


def _over(session: ssl.SSLSession, now: int) -> bool:
    return session.time + session.timeout < now
