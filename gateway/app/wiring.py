"""From settings to a running gateway: which parts there are, what each is given, in which order they go."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry

from gateway.app.auditing import auditing
from gateway.app.entrances import admin_entrance, metrics_entrance, public_entrance
from gateway.app.following import Commit, Following, Prepare
from gateway.app.measuring import measuring
from gateway.app.opening import letting_in
from gateway.app.providing import providing
from gateway.app.sharing import sharing
from gateway.app.sites import Sites
from gateway.app.tracing import tracing
from gateway.config.settings import Settings
from gateway.errors import GoingAway
from gateway.relay.buffer import ReceiveBuffer
from gateway.rfb.held import HeldTotal
from gateway.sessions.drain import drain
from gateway.sessions.heartbeat import Heartbeat
from gateway.sessions.leases import Leases
from gateway.sessions.registry import Registry
from gateway.sessions.terms import Shared
from gateway.telemetry.audit import Audit
from gateway.telemetry.metrics import Metrics
from gateway.web.admin import AdminSite
from gateway.web.listen import Entrance, Listener, listen
from gateway.web.pages import security_headers
from gateway.web.public import Readiness

Site = tuple[list[web.RouteDef], Middleware, Entrance, dict[str, str]]

CLOSE_TIMEOUT = 5.0
"""Seconds that all sessions together may take to say goodbye at the end of the process."""


class Gateway:
    """A running gateway. `public_port` and `admin_port` are the real ones, where any was asked for.

    `following`: takes it over to another configuration.
    """

    def __init__(
        self,
        registry: Registry,
        readiness: Readiness,
        audit: Audit,
        metrics: Metrics,
        following: Following,
        listeners: Sequence[Listener],
    ) -> None:
        self.registry = registry
        self.readiness = readiness
        self.audit = audit
        self.metrics = metrics
        self.following = following
        self.admin_port, self.public_port = (listener.port for listener in listeners[:2])

    def refuse(self) -> None:
        """Take no new session from now on, and say so to those who ask whether the gateway is ready."""
        if self.readiness.state != "draining":
            self.readiness.state = "draining"
            self.audit.note("drain", outcome="done", count=len(self.registry))

    async def drain(self) -> None:
        """Refuse what is new; once balancers have had the time to see it, end all sessions, spread over time."""
        self.refuse()
        limits = self.following.settings.limits
        await asyncio.sleep(limits.drain_delay)
        await drain(self.registry, GoingAway("the gateway drains"), limits.drain)


@asynccontextmanager
async def running(
    settings: Settings, buffer: ReceiveBuffer | None = None, *, listed: Sequence[str] = (), shares_port: bool = False
) -> AsyncIterator[Gateway]:
    """A gateway that serves until the block is left; then its sessions end with 1001.

    Raises ConfigurationError or ListenFailed. `buffer` is the loop's receive buffer, given by tests that watch it.
    `listed`: consoles on the landing page beside the static ones. `shares_port`: the public one, with other workers.
    """
    metrics = Metrics(CollectorRegistry())
    readiness = Readiness()
    async with AsyncExitStack() as stack:
        audit = stack.enter_context(auditing(settings.audit, metrics))
        provided = await stack.enter_async_context(providing(settings))
        state = await stack.enter_async_context(sharing(settings.state))
        metrics.state_up.set_function(lambda: state.up)
        readiness.state_up = lambda: state.up
        leases = Leases(state)
        traces = await stack.enter_async_context(tracing(os.environ))
        held = HeldTotal(settings.limits.held_total)
        shared = Shared(buffer or ReceiveBuffer(), metrics, held, state, leases, audit, traces)
        registry = Registry(settings.limits, provided.terms.__getitem__, shared)
        if settings.state.shared:  # one process has nobody to tell
            await stack.enter_async_context(Heartbeat(state, leases, registry).beating())
        await stack.enter_async_context(measuring(metrics, registry, held, readiness))
        entry = await stack.enter_async_context(letting_in(settings.access, state, audit))
        sites = Sites(settings, entry, provided.providers, registry, state, audit, metrics, readiness, listed=listed)
        listeners = await _listeners(settings, sites, shared, stack, shares_port=shares_port)
        sites.links.port = listeners[1].port
        # Before the listeners go: they would drop sockets without a Close frame.
        stack.push_async_callback(registry.end_all, GoingAway("the gateway stops"), timeout=CLOSE_TIMEOUT)
        parts = (provided.follow, entry.follow, sites.follow, _limits(registry, shared))
        gateway = Gateway(registry, readiness, audit, metrics, Following(settings, parts), listeners)
        stack.callback(gateway.refuse)
        readiness.state = "ready"
        yield gateway


async def _listeners(
    settings: Settings, sites: Sites, shared: Shared, stack: AsyncExitStack, *, shares_port: bool
) -> list[Listener]:
    """Those of the admin site and the public one, and the one for metrics alone, if there is to be one."""
    admin, public = sites.admin, sites.public
    listeners: list[Listener] = []
    for routes, guard, entrance, headers in (
        (admin.routes(), admin.guard, admin_entrance(settings, shared), security_headers([])),
        (
            public.routes(),
            public.guard,
            public_entrance(settings, sites.proxies, shared, shares_port=shares_port),
            sites.headers,
        ),
        *_metrics_alone(settings, admin, shared),
    ):
        listener = await listen(entrance, routes, guard, headers)
        stack.push_async_callback(listener.close)
        listeners.append(listener)
    return listeners


def _limits(registry: Registry, shared: Shared) -> Prepare:
    """What of [limits] is the process's."""

    async def follow(settings: Settings) -> Commit:
        def commit() -> None:
            registry.follow(settings.limits)
            shared.held_total.limit = settings.limits.held_total

        return commit

    return follow


def _metrics_alone(settings: Settings, site: AdminSite, shared: Shared) -> list[Site]:
    """The listener that has nothing but metrics and health, if there is to be one."""
    if not settings.admin.metrics_port:
        return []
    return [(site.metrics_routes(), site.guard, metrics_entrance(settings, shared), security_headers([]))]
