"""The configured providers, and what the configuration says about sessions with each."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp

from gateway.app.following import Commit
from gateway.config.providers import CloudSettings, ProviderSettings
from gateway.config.settings import Settings
from gateway.providers.api import open_session
from gateway.providers.build import Built, build
from gateway.providers.current import CurrentProvider
from gateway.sessions.terms import Terms


class Providing:
    """`providers` that may be opened now, and `terms` of all that ever might: sessions of a provider that is gone from
    the settings go on with what it was, and with what it is once it is back.

    Both tables and what is in them stay the same objects over a reload.
    """

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        """Raises ConfigurationError with a line for each fault."""
        self._http = http
        self.providers: dict[str, CurrentProvider] = {}
        self.terms: dict[str, Terms] = {}
        self._known: dict[str, CurrentProvider] = {}
        self._take(build(settings, http, os.environ))

    async def follow(self, settings: Settings) -> Commit:
        """See Prepare."""
        # In a thread: it reads the system's certificates.
        return partial(self._take, await asyncio.to_thread(build, settings, self._http, os.environ, self._built))

    def _take(self, built: Built) -> None:
        self._built = built
        self.providers.clear()
        for name, provider in built.providers.items():
            known = self.providers[name] = self._known.setdefault(name, CurrentProvider(provider))
            known.now = provider
            terms = _terms(built.settings, name)
            self.terms.setdefault(name, terms).follow(terms)

    async def close(self) -> None:
        """Let go of all of them."""
        for provider in self._known.values():
            await provider.close()


@asynccontextmanager
async def providing(settings: Settings) -> AsyncIterator[Providing]:
    """The configured providers, on one pool of connections for API calls. Raises ConfigurationError."""
    async with open_session() as http:
        made = Providing(settings, http)
        try:
            yield made
        finally:
            await made.close()


def _terms(settings: Settings, name: str) -> Terms:
    return Terms(
        kind=settings.providers[name].type,
        account=_account(name, settings.providers[name]),
        keepalive=settings.keepalive_for(name),
        reconnect=settings.reconnect_for(name),
        limits=settings.limits_for(name),
    )


def _account(name: str, provider: ProviderSettings) -> str:
    return provider.credentials if isinstance(provider, CloudSettings) else name
