"""What is told of an open session, on its own replica and on all others: the record that replicas share.

Owns which facts there are and how they are written down. Leaves to the state where records are kept and for how long,
and to the admin API what is shown of them.
"""

import json
from dataclasses import dataclass
from typing import Any

from gateway.access.grants import Grant, Rights


@dataclass(frozen=True, slots=True)
class Passed:
    """What passed between browser and upstream: totals since the session opened, or those of a second."""

    bytes_to_browser: float = 0
    bytes_to_upstream: float = 0
    messages_to_browser: float = 0
    messages_to_upstream: float = 0


NOTHING = Passed()


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as it was when this was written; times are Unix seconds.

    `state`: connecting, open, reconnecting or ended. `upstream`: where the console is, without secrets; "" before the
    first one is reached. `passed` counts from the opening, `per_second` over the last minute. `last_input_at`: of a
    key or pointer of a human; None before the first.
    """

    grant: Grant
    source: str
    replica: str
    state: str
    started_at: float
    upstream: str = ""
    splices: int = 0
    passed: Passed = NOTHING
    per_second: Passed = NOTHING
    last_input_at: float | None = None

    @property
    def id(self) -> str:
        """What the session is called everywhere; the same over every return of its browser."""
        return self.grant.session

    @property
    def order(self) -> tuple[float, str]:
        """Its place in a list of sessions: the oldest first, and never two at one place."""
        return self.started_at, self.id

    def to_json(self) -> str:
        """The record as text, for the state."""
        return json.dumps(self, separators=(",", ":"), ensure_ascii=False, default=_fields)

    @classmethod
    def from_json(cls, text: str | bytes) -> "SessionRecord | None":
        """The reverse of `to_json`; None for what a version with other fields wrote, as in a rolling upgrade."""
        try:
            fields: dict[str, Any] = json.loads(text)
            counts = {name: Passed(**fields[name]) for name in ("passed", "per_second")}
            return cls(**{**fields, **counts, "grant": Grant.of(fields["grant"])})
        except (ValueError, TypeError, KeyError):
            return None


def _fields(record: SessionRecord | Grant | Rights | Passed) -> dict[str, Any]:
    """What asdict gives, in a third of its time: thousands of sessions are written down in each beat."""
    return {name: getattr(record, name) for name in record.__slots__}
