"""The configured providers, and what the configuration says about sessions with each."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from gateway.app.following import Commit
from gateway.config.providers import CloudSettings, ProviderSettings
from gateway.config.settings import Settings
from gateway.providers.api import open_session
from gateway.providers.build import build
from gateway.providers.current import CurrentProvider
from gateway.sessions.terms import Terms


class Providing:
    """`providers` and `terms` by name. Both tables and what is in them stay the same objects over a reload."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        """Raises ConfigurationError with a line for each fault."""
        self._http = http
        self.providers = {name: CurrentProvider(made) for name, made in build(settings, http, os.environ).items()}
        self.terms = {name: _terms(settings, name) for name in self.providers}

    async def follow(self, settings: Settings) -> Commit:
        """See Prepare. Open sessions go on with a provider that is gone from the settings."""
        made = await asyncio.to_thread(build, settings, self._http, os.environ)  # reads the system's certificates

        def commit() -> None:
            for name in self.providers.keys() - made.keys():
                del self.providers[name], self.terms[name]
            for name, provider in made.items():
                if name in self.providers:
                    self.providers[name].now = provider
                    self.terms[name].follow(_terms(settings, name))
                else:
                    self.providers[name] = CurrentProvider(provider)
                    self.terms[name] = _terms(settings, name)

        return commit

    async def close(self) -> None:
        """Let go of all of them."""
        for provider in self.providers.values():
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
