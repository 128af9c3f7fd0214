"""The audit trail: one JSON line for each act, chained, so that a line changed, added or left out shows.

Owns what a line holds, the chain, and what becomes of acts while lines can't be written. Leaves where lines go to
trail.py. Writes at once and in order, in the caller's turn: a line is with the system before its act goes on.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, TypedDict, Unpack

import structlog
from prometheus_client import Counter

from gateway.errors import AuditUnwritable
from gateway.telemetry.redact import clean
from gateway.telemetry.trail import MAX_LINE, Trail

SCHEMA = 1
"""Grows when a field changes its meaning or goes; not with new fields or acts."""

FIRST = "0" * 64
"""`prev` of a chain's first line."""

TEXTS = (256, 64, 16)
"""Characters of a text in a line; the later ones only where the line would grow beyond MAX_LINE."""

Act = Literal[
    "start",
    "stop",
    "drain",
    "configuration_reloaded",
    "ticket_minted",
    "ticket_voided",
    "ticket_redeemed",
    "ticket_refused",
    "api_refused",
    "session_opened",
    "session_taken_over",
    "session_end_asked",
    "session_ended",
    "splice",
    "clipboard",
    "power",
    "input_dropped",
    "audit_resumed",
]


class Fields(TypedDict, total=False):
    """What a line may hold beside its head. None of it is a secret: tickets and tokens appear by their ids only."""

    actor: str | None
    """Who acted: a user, or the name of an API key."""
    source: str
    """The client's address."""
    reference: str
    console: str
    account: str
    """Which of the configured credentials, or which provider without any, asked for the address."""
    request_id: str
    """The cloud's own name for the call that gave the address."""
    grant: str | None
    """The id of the ticket or JWT that began it all: the same from minting to the session's end."""
    session: str
    rights: Mapping[str, object]
    outcome: str
    """`done`, or the public name of an ending or refusal."""
    why: str
    """A refusal's reason in a word, as the caller does not learn it."""
    user: str
    """Whom an act is about, where that is not the actor."""
    by: str
    """Who ended the session on purpose, where that is not its own user: another user, or an API key's name."""
    operation: Literal["shutdown", "reboot", "reset", "unknown"]
    direction: Literal["to_vm", "from_vm"]
    bytes: int
    count: int
    gap_ms: float
    lasted_s: float


COMMON = ("actor", "source", "reference", "console", "account", "request_id", "grant", "session", "rights", "outcome")
"""In every line, null where an act has none: the columns of a table."""

_json = json.JSONEncoder(separators=(",", ":")).encode


class Audit:
    """Writes acts to `trail`. `replica` names this process; `clock` gives Unix seconds.

    `refuse`: while lines can't be written, nothing new is to be opened. `lost` counts lines that were not written.
    """

    def __init__(self, trail: Trail, *, replica: str, refuse: bool, lost: Counter, clock: Callable[[], float]) -> None:
        self._trail = trail
        self._replica = replica
        self._refuse = refuse
        self._lost = lost
        self._clock = clock
        self._missing = 0
        self._seq, self._prev = _end_of(trail.last)

    @property
    def ready(self) -> bool:
        """Whether something new may be opened. After a failure this tries again to write."""
        return not self._refuse or not self._missing or self._resume()

    def write(self, act: Act, **fields: Unpack[Fields]) -> None:
        """Write the line of an act that is only allowed with it. Raises AuditUnwritable, unless it is to go on."""
        if not self._put(act, fields) and self._refuse:
            raise AuditUnwritable("the audit line can't be written")

    def note(self, act: Act, **fields: Unpack[Fields]) -> None:
        """Write the line of an act that has happened, whatever becomes of the line."""
        self._put(act, fields)

    def _put(self, act: Act, fields: Fields) -> bool:
        if (not self._missing or self._resume()) and self._append(act, fields):
            return True
        self._missing += 1
        self._lost.inc()
        return False

    def _resume(self) -> bool:
        """Say how many lines are missing, if that can be written by now."""
        if not self._append("audit_resumed", {"count": self._missing}):
            return False
        structlog.get_logger().info("audit.resumed", lost=self._missing)
        self._missing = 0
        return True

    def _append(self, act: Act, fields: Fields) -> bool:
        line = self._line(act, fields)
        try:
            self._trail.append(line)
        except OSError as error:
            if not self._missing:
                structlog.get_logger().error("audit.unwritable", act=act, cause=error.strerror or str(error))
            return False
        self._seq += 1
        self._prev = hashlib.sha256(line).hexdigest()
        return True

    def _line(self, act: Act, fields: Fields) -> bytes:
        head = {
            "schema": SCHEMA,
            "seq": self._seq + 1,
            "prev": self._prev,
            "time": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds"),
            "replica": self._replica,
            "act": act,
        }
        values = {name: clean(value, name) for name, value in fields.items()}
        line = b""
        for longest in TEXTS:
            short = {name: value[:longest] if isinstance(value, str) else value for name, value in values.items()}
            # ASCII, every control character escaped: no value can begin a line of its own
            line = _json(head | dict.fromkeys(COMMON) | short).encode()
            if len(line) <= MAX_LINE:
                break
        return line


def _end_of(last: bytes) -> tuple[int, str]:
    """Number and hash of the line that a chain goes on from."""
    if not last:
        return 0, FIRST
    try:
        seq = int(json.loads(last)["seq"])
    except (ValueError, KeyError, TypeError):
        seq = 0  # somebody else's line: the chain holds it all the same
    return seq, hashlib.sha256(last).hexdigest()
