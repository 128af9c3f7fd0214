"""How sessions behave and what they may use: [keepalive], [reconnect], [limits], [log], [audit].

A provider may override the keys of Keepalive, Reconnect and SessionLimits one by one: see `overlay`.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import ByteSize, model_validator

from gateway.config.block import Block
from gateway.config.values import Count, CountOrNone, PositiveSeconds, Seconds, Size, unset

MIB = 1024 * 1024


class Keepalive(Block):
    """What keeps a silent session open on both hops (rfb.md §7); times in seconds.

    `upstream_after`: without a client message for so long, the gateway sends one, by `method`.
    """

    upstream_after: PositiveSeconds = 45
    method: Literal["auto", "update_request", "input", "ping", "off"] = "auto"
    browser_ping: PositiveSeconds = 20
    browser_timeout: PositiveSeconds = 20


class Reconnect(Block):
    """How long (seconds) and how often a lost upstream is dialled again, per instance."""

    window: Seconds = 120
    per_minute: Count = 24


class SessionLimits(Block):
    """Limits of one session: seconds without human input (0: none), seconds in all, bytes held.

    `conflict`: who wants a console that another has takes it over, or is refused.
    """

    human_idle: Seconds = 1800
    duration: PositiveSeconds = 43200
    held: Size = ByteSize(4 * MIB)
    conflict: Literal["takeover", "refuse"] = "takeover"


class Limits(SessionLimits):
    """Limits of a session, and of the process: sessions in all, of one user, of one source address; bytes held by all.

    0 for `per_user` and `per_source`: no limit. Asked to stop, the process refuses what is new for `drain_delay`
    seconds, until balancers have seen that it does, then ends its sessions spread over `drain` seconds.
    """

    sessions: Count = 2000
    per_user: CountOrNone = 0
    per_source: CountOrNone = 0
    held_total: Size = ByteSize(128 * MIB)
    drain_delay: Seconds = 10
    drain: Seconds = 300

    @model_validator(mode="after")
    def _held_fits(self) -> Self:
        if self.held > self.held_total:
            raise ValueError("held, for one session, is more than held_total, for all")
        return self


class Log(Block):
    """What is logged and how; auto: console on a terminal, else json."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Audit(Block):
    """Where each act leaves a line, and whether new sessions are opened while none can be written.

    `file` is for target "file"; made if it is not there, readable by its owner alone.
    """

    target: Literal["stdout", "file", "syslog"] = "stdout"
    file: Annotated[Path | None, unset] = None
    on_failure: Literal["refuse", "continue"] = "refuse"

    @model_validator(mode="after")
    def _place(self) -> Self:
        if self.target == "file" and self.file is None:
            raise ValueError('target "file" needs its path: file = "…"')
        return self


B = TypeVar("B", bound=Block)


def overlay(base: B, override: Block) -> B:
    """Give `base` with the keys that were set in `override` put over it."""
    return base.model_copy(update={key: getattr(override, key) for key in override.model_fields_set})
