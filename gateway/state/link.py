"""The way to Redis: every call bounded, none tried while it is known to be away, a look now and then if it is back.

Owns what is asked of a Redis before it is trusted. Leaves to the state what is asked of it, and what it has to be told
after it was away.
"""

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from gateway.config.state import Address
from gateway.errors import ConfigurationError
from gateway.state.state import StateAway

CALL_LIMIT = 1.1
"""Seconds for one call; Redis takes far less than a millisecond for any of ours."""

SECOND_LIMIT = 0.35
"""Seconds for the command that decides, after a call without an answer, whether Redis is away."""

QUEUE_LIMIT = 0.5
"""Seconds that a call waits for its turn. With the limits above nobody waits longer than two seconds for the state."""

CALLS = 64
"""Calls under way at once, each on a connection of its own: with 200 ms to a slow Redis, 200 come in time at once."""

CONNECTIONS = CALLS + 4
"""Those for news come beside those for calls."""

SENTINEL_LIMIT = 0.5
"""Seconds for one sentinel, since the next one may know as well."""

SLICE = 250
"""Commands sent together: redis-py needs 50 µs for each, in one go; a beat of thousands must not hold up the loop."""

LOOK_EVERY = 0.5
"""Seconds between two looks whether Redis is back."""

MIN_VERSION = (6, 2)  # GETDEL

PASSING = frozenset({"MISCONF", "NOREPLICAS", "BUSY"})
"""Codes of refusals that redis-py has no type for: its disk or its replicas fail Redis, or a script holds it up."""

Command = tuple[str | int | float, ...]


class Call(Protocol):
    """Give Redis commands, all at once, and get their answers. Raises StateAway."""

    async def __call__(self, *commands: Command) -> list[Any]: ...


class Link:
    """Redis at `address`, away until it was looked for. `on_back` is given a way to ask it before anybody else is.

    What it asks must show that all of us may be asked: where Redis refuses it for good, that raises ConfigurationError.
    `second`: what is asked when a call had no answer, to tell whether Redis is away.
    """

    def __init__(self, address: Address) -> None:
        self.redis, self._clients = clients(address)
        self.on_back: Callable[[Call], Awaitable[None]] = _nothing
        self.second: Command = ("PING",)
        self._address = address
        self._slots = asyncio.Semaphore(CALLS)
        self._away = asyncio.Event()
        self._away.set()
        self._since = time.monotonic()
        self._asking_again: asyncio.Task[None] | None = None
        self._asked_again = -math.inf
        self._log = structlog.get_logger()

    @property
    def up(self) -> bool:
        """Whether Redis answered when last asked, and takes what it is to keep."""
        return not self._away.is_set()

    async def ask(self, *commands: Command) -> list[Any]:
        """See Call; fails at once while Redis is known to be away."""
        if not self.up:
            raise StateAway(f"{self._address} is away")
        return await self._ask(*commands)

    async def look(self) -> None:
        """See whether Redis is there, and may be used.

        Raises StateAway, or ConfigurationError if it may not.
        """
        (info,) = await self._may_ask(("INFO",))
        if fault := unfit(info):
            raise ConfigurationError(f"state.url: {self._address} {fault}")
        if info.get("role") != "master" or info.get("loading"):
            raise StateAway(f"{self._address}: is no master, or not yet")
        await self.on_back(self._may_ask)
        self._away.clear()
        self._log.info("state.up", state=str(self._address), away_s=round(time.monotonic() - self._since, 3))

    async def keep_looking(self) -> None:
        """Look again and again while Redis is away; for a task that lives as long as the process."""
        said = ""
        while True:
            await self._away.wait()
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
                said = ""
            except StateAway:
                continue
            except ConfigurationError as error:  # another Redis than at the start: only an operator can help
                if said != str(error):
                    said = str(error)
                    self._log.error("state.unfit", cause=said)
            except Exception:  # without looks Redis would be away for ever
                self._log.exception("state.bug")

    async def aclose(self) -> None:
        """Let go of all connections."""
        if self._asking_again is not None:
            self._asking_again.cancel()
            await asyncio.wait([self._asking_again])
        for each in self._clients:
            await each.aclose()

    async def _may_ask(self, *commands: Command) -> list[Any]:
        try:
            return await self._ask(*commands)
        except StateAway as away:
            cause = away.__cause__
            # Any lasting one: what a script lacks rights for is no NoPermissionError.
            refused = isinstance(cause, ResponseError) and not _passing(cause)
            if refused or isinstance(cause, AuthenticationError):
                raise ConfigurationError(f"state.url: refused by {away}") from away
            raise

    async def _ask(self, *commands: Command) -> list[Any]:
        answers: list[Any] = []
        for begin in range(0, len(commands), SLICE):
            answers += await self._call(commands[begin : begin + SLICE])
        return answers

    async def _call(self, commands: tuple[Command, ...]) -> list[Any]:
        try:
            async with asyncio.timeout(QUEUE_LIMIT):
                await self._slots.acquire()
        except TimeoutError as error:
            raise StateAway(f"{self._address}: too many ask at once") from error
        began = time.monotonic()
        try:
            async with asyncio.timeout(CALL_LIMIT):
                return await self._send(commands)
        except (RedisError, OSError) as error:  # a timeout is an OSError
            why = str(error) or "no answer"
            if not isinstance(error, ResponseError):
                await self._doubt(began, why)
            elif _passing(error) or isinstance(error, NoPermissionError):
                self._lost(why)
            raise StateAway(f"{self._address}: {why}") from error
        finally:
            self._slots.release()

    async def _send(self, commands: tuple[Command, ...]) -> list[Any]:
        if len(commands) == 1:  # in a pipeline it takes twice the time of this process: 150 µs
            return [await self.redis.execute_command(*commands[0])]  # type: ignore[no-untyped-call]  # redis-py
        async with self.redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers = await pipeline.execute(raise_on_error=False)  # its own error would repeat the command
        if failed := [answer for answer in answers if isinstance(answer, RedisError)]:
            raise failed[0]
        return answers

    async def _doubt(self, began: float, why: str) -> None:
        """Wait until it is known whether Redis is away: whoever began before that was asked takes the same answer."""
        if self._asking_again is None or (self._asking_again.done() and self._asked_again < began):
            self._asked_again = time.monotonic()
            self._asking_again = asyncio.create_task(self._ask_again(why))
        await asyncio.wait([self._asking_again])

    async def _ask_again(self, why: str) -> None:
        """One call without an answer may be due to its connection, or to a moment in which this process had no time."""
        if not self.up:
            return
        try:
            async with asyncio.timeout(SECOND_LIMIT):
                await self._send((self.second,))
        except (RedisError, OSError):
            self._lost(why)
        else:
            self._log.warning("state.hiccup", state=str(self._address), cause=why)

    def _lost(self, why: str) -> None:
        if self.up:
            self._away.set()
            self._since = time.monotonic()
            self._log.warning("state.away", state=str(self._address), cause=why)


async def _nothing(_: Call) -> None:
    pass


def _passing(error: ResponseError) -> bool:
    """Whether Redis refuses what is asked of it for a while, whoever asks."""
    typed = isinstance(error, ReadOnlyError | MasterDownError | OutOfMemoryError)
    return typed or str(error).split(" ")[0] in PASSING


def unfit(info: Mapping[str, Any]) -> str:
    """What is wrong with a Redis that answers INFO so; "" if nothing is."""
    version = str(info.get("redis_version"))
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < MIN_VERSION:
        return f"is Redis {version}, too old: 6.2 or later is needed, or Valkey"
    if info.get("redis_mode") == "cluster":
        return "is a cluster, which is not supported: one Redis, or one behind sentinels, is enough"
    if (policy := info.get("maxmemory_policy")) != "noeviction":
        return f"has maxmemory-policy {policy}, by which it forgets who holds what: it must be noeviction"
    return ""


def clients(address: Address) -> tuple[Redis, list[Redis]]:
    """A client of the Redis at `address`, and all that have to be closed."""
    options: dict[str, Any] = {
        "db": address.db,
        "username": address.user,
        "password": address.password,
        "ssl": address.tls,
        "decode_responses": True,
        "encoding_errors": "replace",  # what others wrote under our keys is refused as text, by who reads it
        "max_connections": CONNECTIONS,
        "driver_info": None,  # two commands for each new connection
        "protocol": 2,
        # Not the time for each command: redis-py waits for that by asyncio.wait_for, which in Python 3.11 now and then
        # loses a cancellation, and whoever asked goes on as if nothing had happened. What we ask is bounded as a whole.
        **_bounded(CALL_LIMIT) | {"socket_timeout": None},
    }
    if not address.service:
        ((host, port),) = address.hosts
        redis = Redis(host=host, port=port, **options)
        return redis, [redis]
    watchers = _bounded(SENTINEL_LIMIT)
    sentinel = Sentinel(address.hosts, sentinel_kwargs=watchers, **options)  # type: ignore[no-untyped-call]  # redis-py
    redis = sentinel.master_for(address.service)
    return redis, [redis, *sentinel.sentinels]


def _bounded(limit: float) -> dict[str, Any]:
    # An answer that was lost may have been a "yes": whoever asked decides whether to ask again.
    return {"socket_timeout": limit, "socket_connect_timeout": limit, "retry": Retry(NoBackoff(), 0)}
