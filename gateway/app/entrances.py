"""Where the gateway is reached, and what stands there, by the configuration."""

import time
from collections.abc import Callable
from functools import partial

from gateway.config.check import FILES_PER_SESSION, open_files
from gateway.config.listen import Tls
from gateway.config.settings import Settings
from gateway.config.values import is_loopback
from gateway.sessions.terms import Shared
from gateway.web.certificates import Certificates
from gateway.web.door import MOST, Door
from gateway.web.forwarded import Proxies
from gateway.web.listen import Entrance

FEWEST = 100
"""Connections without a session that there is room for, however few files there are."""


def public_entrance(settings: Settings, proxies: Proxies, shared: Shared, *, shares_port: bool) -> Entrance:
    """For browsers and load balancers; `shares_port`: and for the other workers' ones."""
    listen = settings.listen

    def speaks_for_many(source: str) -> bool:
        return is_loopback(source) or proxies.trusts(source)  # here may be a proxy that nobody told us of

    return Entrance(
        listen.host,
        listen.port,
        _door(settings, shared, speaks_for_many),
        shared.buffer,
        tls=_certificates(listen.tls, shared),
        proxies=proxies if listen.proxy_protocol else None,
        shares_port=shares_port,
        refused=shared.metrics.refused,
    )


def admin_entrance(settings: Settings, shared: Shared) -> Entrance:
    """For the API, and for metrics and health unless they have a listener of their own."""
    admin = settings.admin
    tls = _certificates(admin.tls, shared)
    door, refused = _door(settings, shared), shared.metrics.refused
    return Entrance(admin.host, admin.port, door, shared.buffer, tls=tls, refused=refused)


def metrics_entrance(settings: Settings, shared: Shared) -> Entrance:
    """For metrics and health alone, without TLS."""
    admin = settings.admin
    door, refused = _door(settings, shared), shared.metrics.refused
    return Entrance(admin.host, admin.metrics_port, door, shared.buffer, refused=refused)


def _door(settings: Settings, shared: Shared, exempt: Callable[[str], bool] = is_loopback) -> Door:
    return Door(time.monotonic, exempt, _room(settings), shared.metrics.dropped)


def _room(settings: Settings) -> int:
    """How many connections without a session each listener has files for."""
    files = open_files()
    spare = files - FILES_PER_SESSION * settings.limits.sessions
    return MOST if files < 0 else max(FEWEST, min(MOST, spare // 4))


def _certificates(tls: Tls | None, shared: Shared) -> Certificates | None:
    if tls is None:
        return None
    return Certificates(tls, partial(shared.audit.note, "configuration_reloaded", outcome="done", why="certificate"))
