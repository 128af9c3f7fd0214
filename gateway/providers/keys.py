"""Keys for a cloud's API, from whatever source, with the rules that protect them.

Owns: refreshed before they expire, by one caller for all; never used again once the cloud has rejected them; tried by
one call alone until they have worked, since Huawei locks a key after 5 failures and a start with a
wrong one may have many browsers waiting. Leaves where keys come from to key_sources.py and metadata.py.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import SecretStr

from gateway.errors import CloudError, CloudUnavailable, KeyRejected

_PAUSE = 5.0  # seconds between two questions to a source: many callers wait for the same answer
_FETCH_TIMEOUT = 4.0  # seconds for all calls of one refresh; within CALL_TIMEOUT, so that the API call still fits

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """An access key, with a token and an end (seconds since 1970) if it is temporary."""

    access_key: str
    secret_key: SecretStr
    security_token: SecretStr | None = None
    expires_at: float | None = None

    @property
    def token(self) -> str:
        return self.security_token.get_secret_value() if self.security_token else ""

    @property
    def fit_for_headers(self) -> bool:
        """Whether all parts are printable ASCII without spaces, as real ones are."""
        return all(
            part.isascii() and part.isprintable() and " " not in part
            for part in (self.access_key, self.secret_key.get_secret_value(), self.token)
        )


class KeySource(Protocol):
    """Where keys come from. `account` names them in budgets; `margin`: seconds before their end to ask for new ones."""

    account: str
    margin: float

    async def fetch(self) -> Keys:
        """The keys of this moment. Raises CloudUnavailable."""


class Credentials:
    """The keys of one named credential. `name` is for logs, in place of the key: `account`, as in the audit."""

    def __init__(
        self,
        name: str,
        source: KeySource,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._source = source
        self._clock = clock
        self._monotonic = monotonic
        self._keys: Keys | None = None
        self._asked_at: float | None = None
        self._refreshing = asyncio.Lock()
        self._trying = asyncio.Lock()
        self._proven: Keys | None = None
        self._rejected: Keys | None = None

    @property
    def account(self) -> str:
        return self._source.account

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Keys]:
        """Keys for one call. A KeyRejected raised inside is remembered: these keys are not given out again.

        Raises KeyRejected if there are no others, CloudUnavailable if there are none.
        """
        keys = await self._current()
        alone = await self._wait_for_proof(keys)
        try:
            self._refuse_rejected(keys)
            yield keys
        except KeyRejected as error:
            self._remember(keys, error)
            raise
        finally:
            if alone:
                self._trying.release()

    def worked(self, keys: Keys) -> None:
        """The cloud accepted a signature made with these keys."""
        self._proven = keys

    async def renew(self, stale: Keys) -> bool:
        """Ask for other keys than those that the cloud calls expired; False if there are none."""
        return await self._refreshed(stale) != stale

    def _refuse_rejected(self, keys: Keys) -> None:
        if keys == self._rejected:
            raise KeyRejected(f"credentials.{self.name} was rejected before; not used until it changes")

    def _remember(self, keys: Keys, error: KeyRejected) -> None:
        if keys != self._rejected:
            self._rejected = keys
            log.error("credentials.rejected", account=self.name, code=error.code, request_id=error.request_id)

    async def _wait_for_proof(self, keys: Keys) -> bool:
        """Return once the keys are proven, or this caller alone may try them: True, then release `_trying`."""
        if keys == self._proven:
            return False
        await self._trying.acquire()
        if keys == self._proven:
            self._trying.release()
            return False
        return True

    async def _current(self) -> Keys:
        keys = self._keys
        if keys is None or keys == self._rejected:
            return await self._refreshed(keys)
        if not self._expires_within(self._source.margin, keys):
            return keys
        if self._refreshing.locked() and not self._expires_within(0, keys):
            return keys  # still good, and somebody is on the way
        return await self._refreshed(keys)

    async def _refreshed(self, seen: Keys | None) -> Keys:
        """Newer keys than `seen` if the source has any; asks at most once for all who wait."""
        async with self._refreshing:
            if self._keys is None or self._keys == seen:
                await self._ask()
            if self._keys is None or self._expires_within(0, self._keys):
                raise CloudUnavailable(f"no valid keys for credentials.{self.name}")
            return self._keys

    async def _ask(self) -> None:
        if self._asked_at is not None and self._monotonic() - self._asked_at < _PAUSE:
            return
        try:
            async with asyncio.timeout(_FETCH_TIMEOUT):
                self._keys = await self._source.fetch()
        except (CloudError, TimeoutError) as error:
            log.warning("credentials.not_refreshed", account=self.name, error=str(error) or "timeout")
        self._asked_at = self._monotonic()  # not if cancelled: then the next who waits asks

    def _expires_within(self, seconds: float, keys: Keys) -> bool:
        return keys.expires_at is not None and self._clock() >= keys.expires_at - seconds
