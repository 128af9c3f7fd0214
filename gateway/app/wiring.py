"""From settings to a running gateway: which parts there are, what each is given, in which order they go."""

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry

from gateway.app.auditing import auditing
from gateway.app.entrances import admin_entrance, metrics_entrance, public_entrance
from gateway.app.opening import letting_in
from gateway.config.providers import CloudSettings, ProviderSettings, StaticSettings
from gateway.config.settings import Settings
from gateway.errors import GoingAway
from gateway.providers.api import open_session
from gateway.providers.build import build
from gateway.providers.provider import Provider
from gateway.relay.buffer import ReceiveBuffer
from gateway.rfb.held import HeldTotal
from gateway.sessions.leases import Leases
from gateway.sessions.registry import Registry
from gateway.sessions.terms import Shared, Terms
from gateway.state.memory import MemoryState
from gateway.telemetry.metrics import Metrics
from gateway.web.admin import AdminSite
from gateway.web.api import Api
from gateway.web.forwarded import Proxies
from gateway.web.keys import Keys
from gateway.web.links import Links
from gateway.web.listen import Entrance, Listener, listen
from gateway.web.origin import Front
from gateway.web.pages import Pages, security_headers
from gateway.web.public import PublicSite, Readiness

Site = tuple[list[web.RouteDef], Middleware, Entrance]

CLOSE_TIMEOUT = 5.0
"""Seconds that all sessions together may take to say goodbye at the end of the process."""


class Gateway:
    """A running gateway. `public_port` and `admin_port` are the real ones, where any was asked for."""

    def __init__(self, registry: Registry, readiness: Readiness, public_port: int, admin_port: int) -> None:
        self.registry = registry
        self.readiness = readiness
        self.public_port = public_port
        self.admin_port = admin_port


@asynccontextmanager
async def running(
    settings: Settings, buffer: ReceiveBuffer | None = None, *, listed: Sequence[str] = ()
) -> AsyncIterator[Gateway]:
    """A gateway that serves until the block is left; then its sessions end with 1001.

    Raises ConfigurationError or ListenFailed. `buffer` is the loop's receive buffer, given by tests that watch it.
    `listed`: consoles on the landing page beside the static ones.
    """
    metrics = Metrics(CollectorRegistry())
    pages = Pages(list(settings.listen.embed_origins))
    readiness = Readiness()
    async with AsyncExitStack() as stack:
        audit = stack.enter_context(auditing(settings.audit, metrics))
        providers = await stack.enter_async_context(providing(settings))
        terms = {name: _terms(settings, name) for name in providers}
        state = MemoryState(time.monotonic)
        leases = Leases(state)
        shared = Shared(buffer or ReceiveBuffer(), metrics, HeldTotal(settings.limits.held_total), state, leases, audit)
        registry = Registry(settings.limits, terms.__getitem__, shared)
        access, tickets = await stack.enter_async_context(letting_in(settings.access, state, audit))
        proxies = Proxies(settings.listen.trusted_proxies)
        front = Front.of(
            settings.listen.public_url or "",
            settings.listen.allowed_origins,
            proxies,
            here_only=settings.access.mode == "open",
            client_names=settings.listen.tls.client_names if settings.listen.tls else (),
        )
        consoles = [*_static_consoles(settings), *listed] if front.here_only else []
        public = PublicSite(front, access, providers, registry, pages, readiness, consoles)
        links = Links(settings.listen)
        api = Api(registry, access, tickets, links, audit, ttl_max=settings.access.ticket_ttl_max)
        admin = AdminSite(
            api, metrics, readiness, Keys(settings.admin), audit, metrics_open=settings.admin.metrics_open
        )
        headers = security_headers(list(settings.listen.embed_origins))
        listeners: list[Listener] = []
        for routes, guard, entrance in (
            (admin.routes(), admin.guard, admin_entrance(settings, shared)),
            (public.routes(), public.guard, public_entrance(settings, proxies, shared)),
            *_metrics_alone(settings, admin, shared),
        ):
            listener = await listen(entrance, routes, guard, headers)
            stack.push_async_callback(listener.close)
            listeners.append(listener)
        links.port = listeners[1].port
        # Before the listeners go: they would drop sockets without a Close frame.
        stack.push_async_callback(registry.end_all, GoingAway("the gateway stops"), timeout=CLOSE_TIMEOUT)
        stack.callback(setattr, readiness, "state", "draining")
        stack.callback(lambda: audit.note("drain", outcome="done", count=len(registry)))
        readiness.state = "ready"
        yield Gateway(registry, readiness, public_port=listeners[1].port, admin_port=listeners[0].port)


@asynccontextmanager
async def providing(settings: Settings) -> AsyncIterator[dict[str, Provider]]:
    """The configured providers by name, on one pool of connections for API calls."""
    async with open_session() as http:
        providers = build(settings, http, os.environ)
        try:
            yield providers
        finally:
            for provider in providers.values():
                await provider.close()


def _metrics_alone(settings: Settings, site: AdminSite, shared: Shared) -> list[Site]:
    """The listener that has nothing but metrics and health, if there is to be one."""
    if not settings.admin.metrics_port:
        return []
    return [(site.metrics_routes(), site.guard, metrics_entrance(settings, shared))]


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


def _static_consoles(settings: Settings) -> list[str]:
    return [
        f"{name}/{console}"
        for name, provider in settings.providers.items()
        if isinstance(provider, StaticSettings)
        for console in provider.consoles
    ]
