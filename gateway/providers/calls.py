"""Signed calls of one cloud: at most two, the second with what the cloud wants changed, in bounded time."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from gateway.errors import CloudUnavailable, InstanceNotReady, InstanceNotRunning, NoSuchInstance
from gateway.providers import refusals
from gateway.providers.address import Location
from gateway.providers.api import CALL_TIMEOUT, Answer, Caller, Request
from gateway.providers.keys import Credentials, Keys
from gateway.providers.refusals import Change, Refusal, Rules

_KNOWS_US = (NoSuchInstance, InstanceNotRunning, InstanceNotReady)  # answers that follow an accepted signature

log = structlog.get_logger()


class SignedCalls:
    """Calls with one credential, for one provider. `clock`: seconds since 1970."""

    def __init__(
        self,
        caller: Caller,
        credentials: Credentials,
        rules: Rules,
        code: Callable[[Mapping[str, Any]], str],
        *,
        timeout: float = CALL_TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._caller = caller
        self._credentials = credentials
        self._rules = rules
        self._code = code
        self._timeout = timeout
        self._clock = clock
        self._skew = 0.0  # seconds that the cloud's clock is ahead of ours, once it has complained

    @property
    def account(self) -> str:
        return self._credentials.account

    async def locate(
        self, sign: Callable[[Keys, float], Request], read: Callable[[Answer], Location]
    ) -> tuple[Location, Answer]:
        """Where the console is, and the answer that says so.

        `sign` makes the request from keys and the time, once for each attempt; `read` finds the location in a
        successful answer. Raises a CloudError. What is worth one more call at once has had it.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._attempts(sign)
        except TimeoutError as error:
            raise CloudUnavailable(f"no answer within {self._timeout:g} s") from error
        with refusals.named(answer):
            return read(answer), answer

    async def _attempts(self, sign: Callable[[Keys, float], Request]) -> Answer:
        changed = Change.NOTHING
        while True:
            async with self._credentials.use() as keys:
                now = self._clock() + self._skew
                answer = await self._caller.send(sign(keys, now))
                if answer.ok:
                    self._credentials.worked(keys)
                    return answer
                refusal = refusals.refusal(self._rules, self._code(answer.document), answer, now=now)
                if isinstance(refusal.error, _KNOWS_US):
                    self._credentials.worked(keys)
                if changed is not Change.NOTHING or not await self._change(refusal, answer, keys):
                    raise refusal.error
                changed = refusal.change

    async def _change(self, refusal: Refusal, answer: Answer, keys: Keys) -> bool:
        """Change what the refusal complains about; False if that is nothing, or nothing of ours."""
        match refusal.change:
            case Change.NONCE:
                return True  # each request has its own
            case Change.KEYS:
                return await self._credentials.renew(keys)
            case Change.CLOCK:
                return self._set_clock(answer)
            case Change.NOTHING:
                return False

    def _set_clock(self, answer: Answer) -> bool:
        theirs = refusals.date(answer.headers.get("Date"))
        if theirs is None:
            return False
        self._skew = theirs - self._clock()
        log.error("provider.clock_skewed", account=self._credentials.name, seconds=round(self._skew))
        return True
