"""What replicas share, whatever holds it: tickets, leases, ends, budgets, and the list of what is open (state.md).

Raises StateAway where it can't be asked. Leaves to sessions what follows from a lost lease or an end.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway import endings
from gateway.errors import GatewayError, Side

LIFE = 30.0
"""Seconds that leases, records of sessions and replicas live without a beat."""

BEAT = 10.0
"""Seconds between two beats: two may be lost before anything is."""

BUDGET_WINDOW = 60.0
"""Seconds of a budget's moving window: the clouds count by the minute (clouds.md §3.3)."""


class StateAway(GatewayError):
    """What replicas share can't be asked now; HTTP 503 before the upgrade, a return elsewhere after it."""

    side = Side.OPERATOR
    ending = endings.GOING_AWAY
    retry_after = 5.0


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that holds a console, or wants to. `session` stays the same over every return of one grant.

    `since`: Unix seconds.
    """

    session: str
    user: str
    since: float


@dataclass(frozen=True, slots=True)
class Lease:
    """`holder` has `console`. `epoch` is higher than that of every lease of the console before."""

    console: str
    holder: Holder
    epoch: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What asking a budget came to. `wait`: 0 if one was taken, else seconds until there will be one; `left`: now."""

    wait: float
    left: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What a beat found: leases of ours that are another's now, with theirs; sessions ended for good, by whom.

    The same session may be the other: it came back on another connection.
    """

    lost: list[tuple[Lease, Lease]]
    ended: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ended:
    """News: `session` was ended for good, `by` whom; it may not be returned to for `ttl` seconds."""

    session: str
    by: str
    ttl: float


@dataclass(frozen=True, slots=True)
class Taken:
    """News: a console that was held is `lease`'s now; by another session, or the same one on another connection."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Gap:
    """News: some may have been lost before this. A beat finds what they were about; so does each that is due anyway."""


News = Ended | Taken | Gap


class State(Protocol):
    """What replicas share. All of it may raise StateAway, but for `spend` and `news`."""

    @property
    def replica(self) -> str:
        """What this process is called among the replicas."""

    @property
    def up(self) -> bool:
        """Whether the state could be asked when last tried."""

    async def put_ticket(self, ticket: str, value: str, ttl: float) -> bool:
        """Remember `value` under `ticket` for `ttl` seconds; False when no more tickets can be held."""

    async def take_ticket(self, ticket: str) -> str | None:
        """The value of `ticket`, which is void from now on; None if unknown, used or expired."""

    async def ticket_of(self, id_: str) -> str | None:
        """The value of the ticket whose id is `id_`, which stays good; None as above."""

    async def void_ticket(self, id_: str) -> bool:
        """Void the ticket whose id is `id_`; False if it was not good any more."""

    async def end_session(self, session: str, ttl: float, by: str) -> bool:
        """Remember for `ttl` seconds that `session` may not be returned to, and tell all replicas.

        `by`: who asked for it, for the audit. False when no more can be held.
        """

    async def ended(self, session: str) -> bool:
        """Whether `session` may not be returned to."""

    async def spend(self, budget: str, per_minute: int) -> Spent:
        """Take one from `budget`, of which never more than `per_minute` go in any 60 s.

        While the state is away each replica has its share of it, by how many there were.
        """

    async def lease(self, console: str, wanted: Holder, *, take: bool) -> Lease | Holder:
        """Give `console` to `wanted` if it is free, or its own already; `take`: also if it is somebody else's.

        Its own it gets under a new epoch and as of the time when it first had it. Otherwise: who holds it. All
        replicas are told of a lease that follows another.
        """

    async def release(self, *leases: Lease) -> None:
        """Free the consoles of `leases`, but for those of which it is not the latest one."""

    async def beat(self, leases: Sequence[Lease], sessions: Mapping[str, str]) -> Beat:
        """Keep `leases`, and the records of `sessions` by their ids, for another LIFE; set again what is missing.

        Due every BEAT for all that this replica has; in between for any part of it. A session's lease goes with its
        record: one of an older lease does not replace that of a newer. Beside the leases that are lost: which of
        `sessions` were ended.
        """

    async def look_around(self) -> None:
        """Do what beats have found to be due and nobody should wait for: put back what was lost, count the replicas."""

    async def sessions(self) -> list[str]:
        """The records of all replicas' sessions."""

    async def session(self, id_: str) -> str | None:
        """The record of one."""

    async def forget(self, *ids: str) -> None:
        """Remove the records of sessions, of those that this replica wrote last."""

    def news(self) -> AsyncGenerator[News, None]:
        """What happens on any replica, this one's own included, from now on. Some may be lost."""


def ticket_id(ticket: str) -> str:
    """What a ticket is known by, and may be called in logs and answers: its hash, of which it can't be made."""
    return hashlib.sha256(ticket.encode(errors="surrogateescape")).hexdigest()
