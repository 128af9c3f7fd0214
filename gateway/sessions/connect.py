"""From a console's name to a server that greets: locate and dial, again with a new address where that may help."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator

from gateway.access.grants import Grant
from gateway.errors import CloudError, GatewayError
from gateway.providers.provider import Provider
from gateway.providers.target import Target
from gateway.relay.dial import dial
from gateway.relay.opening import UpstreamOpening
from gateway.sessions.terms import Shared

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0

Report = Callable[..., object]


class Connector:
    """Reaches one console for one session, as often as it takes.

    `kind`: the provider's type; `report(event, **fields)` is told about each step.
    """

    def __init__(self, grant: Grant, provider: Provider, kind: str, shared: Shared, report: Report) -> None:
        self._grant = grant
        self._instance = grant.console.partition("/")[2]
        self._provider = provider
        self._kind = kind
        self._shared = shared
        self._report = report

    async def reach(self, window: float) -> tuple[Target, UpstreamOpening]:
        """An address and the connection to it, whose server has greeted; tried for at most `window` seconds.

        The last attempt may go on beyond, within its own limits. Raises the last attempt's CloudError or UpstreamError.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + window
        for attempt, pause in enumerate(pauses()):
            try:
                return await self._attempt()
            except GatewayError as error:
                wait = max(pause, error.retry_after or 0)
                if not error.retryable or (error.once and attempt) or now() + wait >= deadline:
                    raise
                self._report("session.retry", reason=error.ending.name, cause=str(error), wait_s=round(wait, 3))
            await asyncio.sleep(wait)
        raise AssertionError("pauses() does not end")

    async def _attempt(self) -> tuple[Target, UpstreamOpening]:
        metrics = self._shared.metrics
        try:
            with metrics.locate_seconds.labels(self._kind).time():
                target = await self._provider.locate(
                    self._instance,
                    session=self._grant.session,
                    user=self._grant.user,
                    reference=self._grant.reference,
                )
        except CloudError as error:
            metrics.provider_error(self._provider.name, error.code)
            raise
        self._report("session.dialling", upstream=str(target), request_id=target.request_id)
        metrics.address_age_seconds.observe(target.age(time.monotonic()))
        with metrics.dial_seconds.labels(self._kind).time():
            return target, await dial(target, self._shared.buffer)


def pauses() -> Iterator[float]:
    """Seconds before the second attempt, the third, and so on: doubling, bounded, with jitter so that crowds spread."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreading, not secrecy
        pause = min(2 * pause, LONGEST_PAUSE)
