"""How things end: the public names, and the close codes that go with them.

Close reasons, problem documents, metric labels, logs and audit use the same ones. Leaves to errors what leads to which.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ending:
    """A named way for a session to end.

    `code` is the WebSocket close code (RFC 6455 §7.4), None where no Close frame can be sent.
    `name` is the close reason; it keeps its meaning within a major version.
    """

    code: int | None
    name: str


CLOSED = Ending(1000, "closed")
GOING_AWAY = Ending(1001, "going_away")
PROTOCOL_ERROR = Ending(1002, "protocol_error")
NOT_BINARY = Ending(1003, "not_binary")
TOO_BIG = Ending(1009, "too_big")
INTERNAL_ERROR = Ending(1011, "internal_error")
UNAUTHENTICATED = Ending(4401, "unauthenticated")
NO_SUCH_INSTANCE = Ending(4404, "no_such_instance")
IDLE = Ending(4408, "idle")
TAKEN_OVER = Ending(4409, "taken_over")
ENDED_BY_ADMIN = Ending(4410, "ended_by_admin")
DURATION = Ending(4411, "duration")
IN_USE = Ending(4419, "in_use")
INSTANCE_NOT_RUNNING = Ending(4423, "instance_not_running")
CONTENDED = Ending(4424, "contended")
RATE_LIMITED = Ending(4429, "rate_limited")
UPSTREAM_LOST = Ending(4502, "upstream_lost")
CLOUD_REFUSED = Ending(4503, "cloud_refused")
UPSTREAM_CHANGED = Ending(4504, "upstream_changed")
UPSTREAM_AUTH = Ending(4505, "upstream_auth")
NOT_UNDERSTOOD = Ending(4506, "not_understood")
BROWSER_LOST = Ending(None, "browser_lost")

ENDINGS: tuple[Ending, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Ending))
"""All of the above, in that order."""
