"""The keys of a JWT issuer: fixed ones from a file, or fetched from its address and kept for a while."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from joserfc.jwk import KeySet
from yarl import URL

from gateway.config.jwk import PublicKeys, public_keys
from gateway.errors import CloudError
from gateway.providers.api import Caller, Request

FRESH = 300.0
"""Seconds for which fetched keys are used without asking again: so long a withdrawn key may still open consoles."""

STALE = 3600.0
"""Seconds for which they are used while the issuer can't be asked: longer than a passing outage, not for ever."""

PAUSE = 30.0
"""Seconds between two fetches: whoever sends tokens of unknown keys makes no flood of requests at the issuer."""

TIMEOUT = 5.0
"""Seconds for one fetch; people wait for it."""

_log = logging.getLogger(__name__)


class KeysAway(Exception):
    """There are no keys to check a token with."""


class Keys(Protocol):
    """Where the keys come from."""

    async def holding(self, name: str | None) -> PublicKeys:
        """The keys, after a look for the one called `name` ("kid"). Raises KeysAway if there are none."""


class FixedKeys:
    """Keys that don't change while the process lives."""

    def __init__(self, keys: PublicKeys) -> None:
        self._keys = keys

    async def holding(self, name: str | None) -> PublicKeys:  # noqa: ARG002 - there are no others to look for
        """The keys."""
        return self._keys


class FetchedKeys:
    """A JWK Set at `url`. `clock`: seconds, monotonic.

    Fetched when a token needs it, by one request at a time; a new key is found as soon as a token names it.
    """

    def __init__(self, url: str, caller: Caller, clock: Callable[[], float]) -> None:
        self.url = url
        self._caller = caller
        self._clock = clock
        self._keys: PublicKeys | None = None
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def holding(self, name: str | None) -> PublicKeys:
        """The keys, fetched again if they are old or don't have `name`."""
        known = self._known(name)
        if not (known and self._age() < FRESH) and not (known and self._age() < STALE and self._fetching.locked()):
            async with self._fetching:
                await self._refresh(name)
        if self._keys is None or self._age() >= STALE:
            raise KeysAway
        return self._keys

    def _known(self, name: str | None) -> bool:
        if not isinstance(self._keys, KeySet):
            return self._keys is not None
        return name is None or any(key.kid == name for key in self._keys)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self, name: str | None) -> None:
        """Fetch the keys, unless who was before in the queue did, or tried a moment ago."""
        if (self._known(name) and self._age() < FRESH) or self._clock() - self._asked_at < PAUSE:
            return
        self._asked_at = self._clock()
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self._caller.send(Request("GET", URL(self.url, encoded=True)))
            if not answer.ok:
                raise ValueError(f"answered with status {answer.status}")
            self._keys = public_keys(answer.body)
        except (CloudError, TimeoutError, ValueError) as error:
            _log.warning("the keys of access.jwt.jwks_url were not fetched: %s", error or "no answer in time")
            return
        self._fetched_at = self._clock()
