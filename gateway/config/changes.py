"""What a changed configuration means for a gateway that runs: what it goes on with, what waits for its next start."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from gateway.config.faults import Path, place
from gateway.config.settings import Settings

NEEDS_RESTART: tuple[Path, ...] = (
    # sockets are open, and what is asked of a connection is asked from its first byte on
    ("listen", "host"),
    ("listen", "port"),
    ("listen", "tls"),
    ("listen", "proxy_protocol"),
    ("admin", "host"),
    ("admin", "port"),
    ("admin", "metrics_port"),
    ("admin", "tls"),
    # who is inside came in by other rules
    ("access", "mode"),
    # the same place for as long as the process lives: nothing is lost between two
    ("state",),
    ("audit",),
)
"""Tables and keys that a process reads at its start only. The contents of TLS's files are another matter."""


M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Change:
    """`settings`: the new ones, but what needs a restart is as it was. `taken`, `waiting`: key paths of either kind."""

    settings: Settings
    taken: tuple[str, ...]
    waiting: tuple[str, ...]


def between(old: Settings, new: Settings) -> Change:
    """Compare the settings in force with those that are wanted now."""
    settings, waiting = new, []
    for path in _staying(old, new):
        was, wanted = _at(old, path), _at(new, path)
        waiting += [place((*path, *rest)) for rest in _differing(was, wanted)]
        settings = _put(settings, path, was)
    taken = tuple(place(path) for path in _differing(old, settings))
    return Change(settings, taken, tuple(dict.fromkeys(waiting)))


def _staying(old: Settings, new: Settings) -> Iterator[Path]:
    """What of `old` stays in force: also what goes with a key that does, lest a new half belies an old one."""
    yield from NEEDS_RESTART
    if old.access.mode != new.access.mode:
        yield from (("access",), ("listen", "public_url"), ("listen", "trusted_proxies"))
    elif old.listen.proxy_protocol and not new.listen.proxy_protocol:
        yield ("listen", "trusted_proxies")


def _at(settings: BaseModel, path: Path) -> object:
    value: object = settings
    for key in path:
        value = getattr(value, key)
    return value


def _put(model: M, path: Path, value: object) -> M:
    key, *rest = path
    return model.model_copy(update={key: _put(getattr(model, key), tuple(rest), value) if rest else value})


def _differing(old: object, new: object) -> Iterator[Path]:
    """The paths below which two values differ, as short as says where."""
    if isinstance(old, BaseModel) and isinstance(new, BaseModel) and _alike(old, new):
        pairs = {name: (getattr(old, name), getattr(new, name)) for name in type(old).model_fields}
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = {name: (old.get(name), new.get(name)) for name in sorted({*old, *new})}
    else:
        if old != new:
            yield ()
        return
    for name, (was, now) in pairs.items():
        yield from ((name, *rest) for rest in _differing(was, now))


def _alike(old: BaseModel, new: BaseModel) -> bool:
    """Whether both are the same table; each load makes a class of its own for the whole."""
    return type(old) is type(new) or (isinstance(old, Settings) and isinstance(new, Settings))
