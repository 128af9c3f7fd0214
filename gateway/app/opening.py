"""Access as the configuration says: how callers are known, what seals their return."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.access.access import Access, Mode
from gateway.access.grants import Seal
from gateway.access.jwt import JwtMode
from gateway.access.keys import FetchedKeys, FixedKeys
from gateway.access.open import OpenMode
from gateway.access.proxy_header import ProxyHeaderMode
from gateway.access.tickets import TicketMode
from gateway.config import access as config
from gateway.config.access import seal_keys_in
from gateway.config.identities import Jwt, keys_in
from gateway.errors import ConfigurationError
from gateway.providers.api import Caller, open_session
from gateway.state.state import State
from gateway.telemetry.audit import Audit


@asynccontextmanager
async def letting_in(
    settings: config.Access, state: State, audit: Audit
) -> AsyncIterator[tuple[Access, TicketMode | None]]:
    """Access, and what mints tickets where the mode knows any. Raises ConfigurationError."""
    tickets = TicketMode(state, time.time) if settings.mode == "ticket" else None
    keys = seal_keys_in(settings.seal_keys) if settings.seal_keys else []
    async with open_session() as http:
        mode = tickets or _mode(settings, Caller(http))
        seal = Seal([key.encode() for key in keys])
        yield Access(mode, state, seal, audit, grant_ttl=settings.grant_ttl, clock=time.time), tickets


def _mode(settings: config.Access, caller: Caller) -> Mode:
    if settings.mode == "open":
        return OpenMode()
    if settings.mode == "proxy_header":
        return ProxyHeaderMode(settings.proxy_header, settings.rules)
    if settings.jwt is None:
        raise ConfigurationError("access.jwt: is required by mode jwt")
    return JwtMode(settings.jwt, settings.rules, _keys(settings.jwt, caller), time.time)


def _keys(jwt: Jwt, caller: Caller) -> FixedKeys | FetchedKeys:
    if jwt.key_file is None:
        return FetchedKeys(jwt.jwks_url or "", caller, time.monotonic)
    try:
        return FixedKeys(keys_in(jwt.key_file))
    except (OSError, ValueError) as error:  # it was good a moment ago, when the configuration was read
        raise ConfigurationError(f"access.jwt.key_file: {error}") from error
