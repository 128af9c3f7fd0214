"""Access as the configuration says, now and after a reload: how callers are known, what seals their return."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.access.access import Access, Mode
from gateway.access.grants import Seal
from gateway.access.jwt import JwtMode
from gateway.access.keys import FetchedKeys, FixedKeys, Keys
from gateway.access.open import OpenMode
from gateway.access.proxy_header import ProxyHeaderMode
from gateway.access.tickets import TicketMode
from gateway.app.following import Commit
from gateway.config import access as config
from gateway.config.access import seal_keys_in
from gateway.config.identities import Jwt, keys_in
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError
from gateway.providers.api import Caller, open_session
from gateway.state.state import State
from gateway.telemetry.audit import Audit


class LettingIn:
    """`access`; `tickets` mints tickets where the mode knows any. Raises ConfigurationError."""

    def __init__(self, settings: config.Access, state: State, audit: Audit, caller: Caller) -> None:
        self.tickets = TicketMode(state, time.time) if settings.mode == "ticket" else None
        self._caller = caller
        self._settings = settings
        self._seal = _seal(settings)
        self._mode = self.tickets or _mode(settings, caller)
        self.access = Access(self._mode, state, self._seal, audit, grant_ttl=settings.grant_ttl, clock=time.time)

    async def follow(self, settings: Settings) -> Commit:
        """See Prepare. The mode stays; who came in stays in."""
        wanted = settings.access
        before = self._mode.keys if isinstance(self._mode, JwtMode) else None
        mode = self.tickets or _mode(wanted, self._caller, before)
        # A seal without keys is good for what it has sealed itself: only others are a reason for another.
        seal = self._seal if wanted.seal_keys == self._settings.seal_keys else _seal(wanted)

        def commit() -> None:
            self._settings, self._seal, self._mode = wanted, seal, mode
            self.access.follow(mode, seal, wanted.grant_ttl)

        return commit


@asynccontextmanager
async def letting_in(settings: config.Access, state: State, audit: Audit) -> AsyncIterator[LettingIn]:
    """Access, with a pool of connections to ask an issuer for its keys. Raises ConfigurationError."""
    async with open_session() as http:
        yield LettingIn(settings, state, audit, Caller(http))


def _seal(settings: config.Access) -> Seal:
    keys = seal_keys_in(settings.seal_keys) if settings.seal_keys else []
    return Seal([key.encode() for key in keys])


def _mode(settings: config.Access, caller: Caller, before: Keys | None = None) -> Mode:
    """`before`: an issuer's keys, as they are known already."""
    if settings.mode == "open":
        return OpenMode()
    if settings.mode == "proxy_header":
        return ProxyHeaderMode(settings.proxy_header, settings.rules)
    if settings.jwt is None:
        raise ConfigurationError("access.jwt: is required by mode jwt")
    return JwtMode(settings.jwt, settings.rules, _keys(settings.jwt, caller, before), time.time)


def _keys(jwt: Jwt, caller: Caller, before: Keys | None) -> Keys:
    if jwt.key_file is None:
        url = jwt.jwks_url or ""
        if isinstance(before, FetchedKeys) and before.url == url:
            return before  # fetched while the issuer could be asked, which may be away now
        return FetchedKeys(url, caller, time.monotonic)
    try:
        return FixedKeys(keys_in(jwt.key_file))
    except (OSError, ValueError) as error:  # it was good a moment ago, when the configuration was read
        raise ConfigurationError(f"access.jwt.key_file: {error}") from error
