"""From a console's name to a server that is ready: locate, dial, handshake, again where that may help.

First opening and reconnect share this code. Every attempt takes a new address: clouds give them for one use.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

from gateway.access.grants import Grant
from gateway.errors import CloudError, GatewayError, InstanceNotRunning, RateLimited, UpstreamError, UpstreamUnreachable
from gateway.providers.provider import Provider
from gateway.providers.target import Target
from gateway.relay.dial import dial
from gateway.relay.opening import UpstreamOpening
from gateway.sessions.terms import Shared, Terms
from gateway.telemetry.traces import Phase, Span

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for the server's RFB handshake: a few round trips, and no person is asked for anything."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0

Report = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Reached:
    """A server that waits for messages. `attempts`: how many it took; the times are the last one's, in seconds."""

    target: Target
    opening: UpstreamOpening
    server_init: bytes
    attempts: int
    locate_s: float
    dial_s: float
    handshake_s: float


class Connector:
    """Reaches one console for one session, as often as it takes.

    `client_init`: waits for the browser's ClientInit and gives its shared flag. `confirm`: raises, before each dial,
    what ends a session whose console is somebody else's now. `report(event, **fields)` is told about each step.
    """

    def __init__(
        self,
        grant: Grant,
        provider: Provider,
        terms: Terms,
        around: Shared,
        client_init: Callable[[], Awaitable[bool]],
        confirm: Callable[[], Awaitable[None]],
        report: Report,
    ) -> None:
        self._grant = grant
        self._instance = grant.console.partition("/")[2]
        self._provider = provider
        self._terms = terms
        self._around = around
        self._client_init = client_init
        self._confirm = confirm
        self._report = report

    async def reach(self, window: float, *, again: bool = False) -> Reached:
        """Try for `window` seconds; the last attempt may go on beyond, within its own limits.

        `again`: the console was open before, so a machine that does not run may be on its way back. Raises the last
        attempt's CloudError or UpstreamError, or what `confirm` raises.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + window
        asked_again = False
        for attempt, pause in enumerate(pauses(), start=1):
            try:
                return await self._attempt(attempt, deadline)
            except GatewayError as error:
                left = deadline - now()
                wait = max(min(pause, left), error.retry_after or 0)  # the last attempt is at the window's end
                hope = error.retryable or (again and isinstance(error, InstanceNotRunning))
                if not hope or (error.once and asked_again) or left <= 0 or wait > left:
                    raise
                asked_again |= error.once
                self._report("session.retry", reason=error.ending.name, cause=str(error), wait_s=round(wait, 3))
            await asyncio.sleep(wait)
        raise AssertionError("pauses() does not end")

    async def _attempt(self, number: int, deadline: float) -> Reached:
        async with self._slot(deadline):
            await self._confirm()
            await self._spend()
            begun = time.monotonic()
            target = await self._locate()
            located = time.monotonic()
            self._report("session.dialling", upstream=str(target), request_id=target.request_id)
            opening = await self._dial(target)
        dialled = time.monotonic()
        try:
            server_init = await self._shake(target, opening)
        except BaseException:
            opening.leg.close()
            raise
        done = time.monotonic()
        return Reached(target, opening, server_init, number, located - begun, dialled - located, done - dialled)

    @asynccontextmanager
    async def _slot(self, deadline: float) -> AsyncIterator[None]:
        """One of the account's dials at a time, waited for until `deadline`; no queue where no cloud is asked."""
        if not self._terms.cloud:
            yield
            return
        slots = self._around.dials(self._provider.account)
        try:
            async with asyncio.timeout_at(deadline) if slots.locked() else nullcontext():
                await slots.acquire()
        except TimeoutError as error:
            raise RateLimited("too many dials of the account at once") from error
        try:
            yield
        finally:
            slots.release()

    async def _spend(self) -> None:
        """Take one dial from the instance's budget, which is kept below the cloud's own."""
        budget = f"{self._terms.kind}:{self._provider.account}:{self._instance}"  # a reload may change the account
        per_minute = self._terms.reconnect.per_minute
        spent = await self._around.state.spend(budget, per_minute)
        self._around.metrics.budget_left.observe(spent.left)
        if spent.wait:
            raise RateLimited(f"{per_minute} dials of the instance in a minute are spent", retry_after=spent.wait)

    def _span(self, phase: Phase) -> AbstractContextManager[Span]:
        return self._around.traces.span(phase, kind=self._terms.kind, provider=self._provider.name)

    async def _locate(self) -> Target:
        metrics = self._around.metrics
        try:
            with metrics.locate_seconds.labels(self._terms.kind).time(), self._span("locate"):
                return await self._provider.locate(
                    self._instance,
                    session=self._grant.session,
                    user=self._grant.user,
                    reference=self._grant.reference,
                )
        except CloudError as error:
            metrics.provider_error(self._provider.name, error.code)
            raise

    async def _dial(self, target: Target) -> UpstreamOpening:
        """Dial, and count how old the address was when that was over: until then the cloud may have looked at it."""
        metrics = self._around.metrics
        try:
            with metrics.dial_seconds.labels(self._terms.kind).time(), self._span("dial"):
                return await dial(target, self._around.buffer)
        except UpstreamError:
            now = time.monotonic()
            if target.expired(now):
                age, valid_for = round(target.age(now), 1), target.valid_for
                self._report("session.address_late", upstream=str(target), age_s=age, valid_for_s=valid_for)
            raise
        finally:
            if target.single_use:  # any other has no age to speak of
                metrics.address_age_seconds.observe(target.age(time.monotonic()))

    async def _shake(self, target: Target, opening: UpstreamOpening) -> bytes:
        """End RFB's handshake with the server (rfb.md §4): its ServerInit."""
        shared = await self._client_init()
        password = target.password.get_secret_value() if target.password else None
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                timing = self._around.metrics.handshake_seconds.labels(self._terms.kind).time()
                with timing, self._span("handshake"):
                    return await opening.shake(password, shared=shared)
        except TimeoutError as error:
            raise UpstreamUnreachable(f"{target} stopped in RFB's handshake for {HANDSHAKE_TIMEOUT:g} s") from error


def pauses() -> Iterator[float]:
    """Seconds before the second attempt, the third, and so on: doubling, bounded, with jitter so that crowds spread."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreading, not secrecy  # nosec B311
        pause = min(2 * pause, LONGEST_PAUSE)
