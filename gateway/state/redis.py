"""Shared state in Redis or Valkey: keys and types as state.md has them.

Leaves to link.py how Redis is reached and whether it can be, to scripts.py what it does in one step.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import count

import structlog
from redis.exceptions import NoPermissionError, RedisError

from gateway.config.state import Address
from gateway.state import scripts
from gateway.state.budgets import Budgets
from gateway.state.expiring import Expiring
from gateway.state.link import LOOK_EVERY, Call, Command, Link
from gateway.state.news import ended, heard
from gateway.state.state import BUDGET_WINDOW, LIFE, Beat, Ended, Holder, Lease, News, Spent, StateAway, ticket_id

LIFE_MS = int(1000 * LIFE)
MICROSECONDS = 1_000_000

KEYS_AT_ONCE = 1000
"""Keys that Redis looks at in one step of a search."""

MAX_ENDS = 10_000
"""Ends that a replica can put back: in half a second or so. Those beyond are in Redis alone."""


class RedisState:
    """`redis://`: what all replicas know that share the keys under `prefix`. `clock` gives seconds, monotonic."""

    def __init__(self, link: Link, prefix: str, replica: str, clock: Callable[[], float]) -> None:
        self.replica = replica
        self._prefix = prefix
        self._clock = clock
        self._link = link
        self._ask = link.ask
        link.on_back = self._back
        self._probe = self._key("probe", replica)  # nobody ever sees this key with anything in it for long
        link.second = ("SET", self._probe, "", "PX", LIFE_MS)
        self._budgets = Budgets(clock)
        self._ends = Expiring(MAX_ENDS, clock)
        self._names = (f"{secrets.token_hex(6)}:{number}" for number in count())
        self._replicas: dict[str, float] = {}
        self._beat_at = -LIFE
        self._flushed = False
        self._counted_at = -LIFE

    @property
    def up(self) -> bool:
        """See State."""
        return self._link.up

    async def put_ticket(self, ticket: str, value: str, ttl: float) -> bool:
        """See State."""
        (kept,) = await self._ask(("SET", self._key("ticket", ticket_id(ticket)), value, "PX", _ms(ttl), "NX"))
        return bool(kept)

    async def take_ticket(self, ticket: str) -> str | None:
        """See State."""
        return await self._text("GETDEL", self._key("ticket", ticket_id(ticket)))

    async def ticket_of(self, id_: str) -> str | None:
        """See State."""
        return await self._text("GET", self._key("ticket", id_))

    async def void_ticket(self, id_: str) -> bool:
        """See State."""
        (gone,) = await self._ask(("DEL", self._key("ticket", id_)))
        return bool(gone)

    async def end_session(self, session: str, ttl: float, by: str) -> bool:
        """See State."""
        await self._ask(self._ending(session, by, ttl), ("PUBLISH", self._channel, ended(session, by, ttl)))
        self._note_end(Ended(session, by, ttl))
        return True

    async def ended(self, session: str) -> bool:
        """See State."""
        here = self._ends.get(session) is not None  # Redis may have been emptied since
        return here or await self._text("GET", self._key("end", session)) is not None

    async def spend(self, budget: str, per_minute: int) -> Spent:
        """See State."""
        name = next(self._names)
        try:
            ((wait, left),) = await self._ask(self._spending(budget, per_minute, name))
        except StateAway:
            return self._budgets.take(budget, max(1, per_minute // max(1, len(self._replicas))), name)
        if not wait:
            self._budgets.note(budget, name)
        return Spent(wait / MICROSECONDS, left)

    async def lease(self, console: str, wanted: Holder, *, take: bool) -> Lease | Holder:
        """See State."""
        asked = (*_holder(wanted), self.replica, int(take), LIFE_MS, self._channel, console)
        ((given, *fields),) = await self._ask(self._script(scripts.LEASE, self._key("lease", console), *asked))
        lease = _lease(console, fields)
        return lease if given else lease.holder

    async def release(self, *leases: Lease) -> None:
        """See State."""
        await self._ask(
            *(
                self._script(scripts.RELEASE, self._key("lease", lease.console), lease.holder.session, lease.epoch)
                for lease in leases
            )
        )

    async def beat(self, leases: Sequence[Lease], sessions: Mapping[str, str]) -> Beat:
        """See State."""
        epochs = {lease.holder.session: lease.epoch for lease in leases}
        ends = [("MGET", *(self._key("end", id_) for id_ in sessions))] if sessions else []
        new, _, *answers = await self._ask(
            *self._present("beat_at"),
            *(self._renewing(lease) for lease in leases),
            *(self._recording(id_, epochs.get(id_, 0), text) for id_, text in sessions.items()),
            *ends,
        )
        lost = [
            (lease, _lease(lease.console, theirs)) for lease, theirs in zip(leases, answers, strict=False) if theirs
        ]
        known = {id_: by for id_, by in zip(sessions, answers[-1] if ends else (), strict=True) if by is not None}
        now = self._clock()
        self._flushed = self._flushed or (bool(new) and now - self._beat_at < LIFE)
        self._beat_at = now
        return Beat(lost, known)

    async def look_around(self) -> None:
        """See State."""
        if self._flushed:
            structlog.get_logger().warning("state.flushed")
            await self._put_back(self._ask)
            self._flushed = False
        now = self._clock()
        if now - self._counted_at >= LIFE / 2:
            # One that is gone counts for a while longer: after a flush nobody is there at first.
            self._replicas |= dict.fromkeys(await self._keys("replica"), now)
            self._replicas = {name: seen for name, seen in self._replicas.items() if now - seen < 2 * LIFE}
            self._counted_at = now

    async def sessions(self) -> list[str]:
        """See State."""
        keys = await self._keys("session")
        texts = await self._ask(*(("HGET", key, "record") for key in keys))
        return [text for text in texts if text is not None]

    async def session(self, id_: str) -> str | None:
        """See State."""
        return await self._text("HGET", self._key("session", id_), "record")

    async def forget(self, *ids: str) -> None:
        """See State."""
        await self._ask(*(self._script(scripts.FORGET, self._key("session", id_), self.replica) for id_ in ids))

    async def news(self) -> AsyncGenerator[News, None]:
        """See State."""
        said = ""
        while True:
            try:
                async with self._link.redis.pubsub() as pubsub, aclosing(heard(pubsub, self._channel)) as each:
                    async for news in each:
                        if isinstance(news, Ended):
                            self._note_end(news)
                        yield news
            except NoPermissionError as error:  # beats find what news would have told
                if said != str(error):
                    said = str(error)
                    structlog.get_logger().error("state.deaf", cause=said)
            except (RedisError, OSError):
                pass
            with suppress(StateAway):  # where all of Redis is away, that is known now and not by the next beat
                await self._ask(("PING",))
            await asyncio.sleep(LOOK_EVERY)

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    @property
    def _channel(self) -> str:
        return f"{self._prefix}news"

    def _script(self, script: str, key: str, *arguments: str | float) -> Command:
        # whole, not by its hash: after a restart Redis would not know that, and asking first is a way more
        return ("EVAL", script, 1, key, *arguments)

    async def _text(self, *command: str) -> str | None:
        (text,) = await self._ask(command)
        return None if text is None else str(text)

    def _present(self, field: str) -> tuple[Command, Command]:
        """Say that this replica is there; the answer to the first is 1 where the field was not."""
        key = self._key("replica", self.replica)
        return ("HSET", key, field, time.time()), ("PEXPIRE", key, LIFE_MS)

    def _recording(self, id_: str, epoch: int, text: str) -> Command:
        return self._script(scripts.RECORD, self._key("session", id_), epoch, self.replica, text, LIFE_MS)

    def _ending(self, session: str, by: str, ttl: float) -> Command:
        return "SET", self._key("end", session), by, "PX", _ms(ttl)

    def _note_end(self, end: Ended) -> None:
        if self._ends.get(end.session) is None:  # its own are news to a replica as well
            self._ends.put(end.session, end.by, end.ttl)

    def _renewing(self, lease: Lease) -> Command:
        fields = (*_holder(lease.holder), lease.epoch, self.replica, LIFE_MS)
        return self._script(scripts.RENEW, self._key("lease", lease.console), *fields)

    def _spending(self, budget: str, per_minute: int, name: str) -> Command:
        before = [part for name, age in self._budgets.ages(budget) for part in (name, int(MICROSECONDS * age))]
        window = int(MICROSECONDS * BUDGET_WINDOW)
        return self._script(scripts.SPEND, self._key("budget", budget), per_minute, window, name, *before)

    async def _back(self, ask: Call) -> None:
        """See that Redis keeps things and grants each command that is used, and put back what it may have lost."""
        probe = self._probe
        await ask(
            *self._present("looked_at"),
            ("HGET", self._key("replica", self.replica), "looked_at"),
            self._script(scripts.PROBE, probe, self._channel),
            ("SET", probe, "", "PX", LIFE_MS),
            ("GET", probe),
            ("MGET", probe),
            ("GETDEL", probe),
            ("DEL", probe),
            ("SCAN", 0, "MATCH", probe, "COUNT", 1),
            ("PUBLISH", self._channel, "{}"),
            ("PING",),
        )
        await self._put_back(ask)

    async def _put_back(self, ask: Call) -> None:
        """Tell Redis what was taken and ended here lately, in case it has forgotten, or was not there then."""
        await ask(*(self._spending(budget, 0, "") for budget in self._budgets))
        await ask(*(self._ending(*end) for end in self._ends.left()))

    async def _keys(self, kind: str) -> list[str]:
        """All keys of a kind, each once."""
        found: set[str] = set()
        cursor = 0
        while True:
            ((cursor, keys),) = await self._ask(("SCAN", cursor, "MATCH", self._key(kind, "*"), "COUNT", KEYS_AT_ONCE))
            found.update(keys)
            if not cursor:
                return sorted(found)


@asynccontextmanager
async def connected(address: Address, prefix: str, replica: str) -> AsyncIterator[RedisState]:
    """The state in the Redis at `address`; it may be away, which is logged, for now and at any time.

    Raises ConfigurationError if it is there and of no use.
    """
    async with aclosing(Link(address)) as link:
        state = RedisState(link, prefix, replica, time.monotonic)
        try:
            await link.look()
        except StateAway as away:
            structlog.get_logger().warning("state.away", state=str(address), cause=str(away))
        looking = asyncio.create_task(link.keep_looking())
        try:
            yield state
        finally:
            looking.cancel()
            await asyncio.wait([looking])


def _ms(seconds: float) -> int:
    return max(1, int(1000 * seconds))


def _holder(holder: Holder) -> tuple[str, str, float]:
    return holder.session, holder.user, holder.since


def _lease(console: str, fields: Sequence[str]) -> Lease:
    session, user, since, epoch = fields
    return Lease(console, Holder(session, user, float(since)), int(epoch))
