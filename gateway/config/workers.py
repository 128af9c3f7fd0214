"""What the processes of `serve --workers` do differently, as variables over the one configuration that they read.

Variables win over the file also when a process reads it again. Worker 0 has what the configuration says, the others
admin ports and an audit file of their own beside it: nobody can know which worker a shared port would lead to, and an
audit's chain has one writer.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.config.environment import PREFIX
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError

OWN = frozenset(PREFIX + name for name in ("LISTEN__PORT", "ADMIN__PORT", "ADMIN__METRICS_PORT", "AUDIT__FILE"))
"""The variables that a worker may have of its own; the public port all have alike, but not from the file."""

LAST_PORT = 65535


def differences(settings: Settings, count: int) -> list[dict[str, str]]:
    """Give the variables of each of `count` workers. Raises ConfigurationError where they can't share `settings`."""
    faults = list(_faults(settings, count))
    if faults:
        raise ConfigurationError("\n".join(faults))
    return [{PREFIX + name: value for name, value in _own(settings, worker)} for worker in range(count)]


def _own(settings: Settings, worker: int) -> Iterator[tuple[str, str]]:
    for name, port in (("ADMIN__PORT", settings.admin.port), ("ADMIN__METRICS_PORT", settings.admin.metrics_port)):
        if port:
            yield name, str(port + worker)
    if settings.audit.file is not None:
        yield "AUDIT__FILE", str(_audit_file(settings.audit.file, worker))


def _audit_file(path: Path, worker: int) -> Path:
    """`audit.jsonl`, `audit-1.jsonl`, …; a device is everybody's."""
    return path.with_stem(f"{path.stem}-{worker}") if worker and not path.is_char_device() else path


def _faults(settings: Settings, count: int) -> Iterator[str]:
    if not settings.state.shared:
        yield "state memory:// belongs to one process"
    admin = settings.admin
    taken = {settings.listen.port: "listen.port"}
    for key, first in (("port", admin.port), ("metrics_port", admin.metrics_port)):
        for worker in range(count if first else 0):
            port = first + worker
            if port > LAST_PORT:
                yield f"admin.{key}: {count} workers need as many ports from {first} on"
                break
            if port in taken:
                yield f"admin.{key}: {port}, worker {worker}'s, is {taken[port]}, too"
            taken.setdefault(port, f"admin.{key} of worker {worker}")
