"""What is allowed and yet worth a word: cautions about a valid configuration, as data."""

import re
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import BaseModel

from gateway.config.environment import PREFIX, SEPARATOR
from gateway.config.providers import CloudSettings
from gateway.config.settings import Settings
from gateway.config.values import reaches_others

FILES_PER_SESSION = 2  # a socket to the browser, one to the upstream
FILES_BESIDE = 200  # listeners, API connections, logs, and upgrades not yet sessions
CLOUD_IDLE = 300  # seconds: Alibaba ends a console without messages then
CLOUD_PER_MINUTE = 30  # reconnects that Alibaba allows to one instance
_WITH_RULES = ("jwt", "proxy_header")
_SERVICE = re.compile(r"_PORT(?=_|$)").split
"""What Kubernetes says of a service begins with its name, and so does NAME_SERVICE_HOST."""


@dataclass(frozen=True, slots=True)
class Caution:
    """One line for the operator; `place` is a key path, or a variable."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def open_files() -> int:
    """Give the number of files that this process may open once the soft limit is raised to the hard one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one, which needs no rights."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cautions(settings: Settings, environ: Mapping[str, str], files: int) -> Iterator[Caution]:
    """Find what deserves a warning, with `files` as the limit of open files (-1: none)."""
    yield from _unread(environ)
    needed = FILES_PER_SESSION * settings.limits.sessions + FILES_BESIDE
    if 0 <= files < needed:
        yield Caution("limits.sessions", f"needs {needed} open files, this process may open {files}: raise ulimit -n")
    if not settings.providers:
        yield Caution("providers", "there are none: no console can be opened")
    if settings.limits.human_idle == 0:
        yield Caution("limits.human_idle", _NEVER_IDLE)
    for network in settings.listen.trusted_proxies:
        if not network.prefixlen:
            yield Caution("listen.trusted_proxies", f"{network} is everybody, and everybody is believed")
    if settings.audit.file is not None and not settings.audit.file.parent.is_dir():
        yield Caution("audit.file", f"there is no directory {settings.audit.file.parent} here")
    yield from _access(settings)
    for name in settings.providers:
        yield from _provider(settings, name)


def _unread(environ: Mapping[str, str]) -> Iterator[Caution]:
    """Variables that were meant for us. Others begin alike: those of Kubernetes for a service vnc-gateway-admin."""
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or SEPARATOR in name or f"{_SERVICE(variable)[0]}_SERVICE_HOST" in environ:
            continue
        for block, field in Settings.model_fields.items():
            key = name.removeprefix(f"{block}_")
            if key != name and _begins_with_a_key(field.annotation, key):
                yield Caution(variable, "is not read: two underscores part table and key, as in VNC_GATEWAY_STATE__URL")


def _begins_with_a_key(block: object, name: str) -> bool:
    if not (isinstance(block, type) and issubclass(block, BaseModel)):
        return True  # a table of names of the operator's own
    return any(f"{name}_".startswith(f"{key}_") for key in block.model_fields)


def _access(settings: Settings) -> Iterator[Caution]:
    mode = settings.access.mode
    for key, given, modes in (
        ("jwt", settings.access.jwt, ("jwt",)),
        ("rules", settings.access.rules, _WITH_RULES),
    ):
        if given and mode not in modes:
            yield Caution(f"access.{key}", f"counts for nothing in mode {mode}")
    yield from _nobodys(settings)
    if mode == "open":
        return
    if mode == "ticket" and not any("tickets" in key.rights for key in settings.admin.keys.values()):
        yield Caution("admin.keys", "none may mint tickets: no console can be opened")
    if settings.access.seal_keys is None:
        yield Caution("access.seal_keys_file", "not set: after a restart nobody returns to an open console")
    if reaches_others(settings.listen.host) and str(settings.listen.public_url).startswith("http:"):
        yield Caution("listen.public_url", "is not https: tickets, keys and screens cross the network in clear")


def _nobodys(settings: Settings) -> Iterator[Caution]:
    """Patterns of consoles whose provider is none."""
    named = [(f"admin.keys.{name}.consoles", key.consoles) for name, key in settings.admin.keys.items()]
    if settings.access.mode in _WITH_RULES:
        rules = enumerate(settings.access.rules, 1)
        named += [(f"access.rules: entry {number}", rule.consoles) for number, rule in rules]
    for place, patterns in named:
        for pattern in patterns:
            provider = pattern.partition("/")[0]
            if settings.providers and not any(fnmatchcase(name, provider) for name in settings.providers):
                yield Caution(place, f"{pattern} fits no console: there is no such provider")


_NEVER_IDLE = "0: a console that was left stays open, and keepalive defeats the cloud's own lock"


def _provider(settings: Settings, name: str) -> Iterator[Caution]:
    place = f"providers.{name}"
    if settings.limits_for(name).human_idle == 0 and settings.limits.human_idle != 0:
        yield Caution(f"{place}.limits.human_idle", _NEVER_IDLE)
    if settings.limits_for(name).held > settings.limits.held_total:
        yield Caution(f"{place}.limits.held", "is more than limits.held_total, which holds anyway")
    if not isinstance(settings.providers[name], CloudSettings):
        return
    keepalive = settings.keepalive_for(name)
    if keepalive.method == "off":
        yield Caution(f"{place}.keepalive.method", f"off: the cloud ends an idle console after {CLOUD_IDLE} s")
    elif keepalive.upstream_after >= CLOUD_IDLE:
        yield Caution(
            f"{place}.keepalive.upstream_after", f"too late: the cloud ends an idle console after {CLOUD_IDLE} s"
        )
    if settings.reconnect_for(name).per_minute > CLOUD_PER_MINUTE:
        yield Caution(f"{place}.reconnect.per_minute", f"the cloud allows {CLOUD_PER_MINUTE}")
