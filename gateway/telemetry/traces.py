"""The phases of sessions as spans, for whoever records them. Where nobody does, a phase costs nothing more.

Owns what a span may say: ids, names of consoles and endings; never an address, a user or an error's text.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from gateway.endings import Ending

Phase = Literal["session", "locate", "dial", "handshake", "splice"]


class Span(Protocol):
    """A phase that goes on."""

    def ended(self, ending: Ending) -> None:
        """Say how the session, or this attempt, ended."""


class Traces(Protocol):
    """What records spans."""

    def span(self, phase: Phase, **attributes: str) -> AbstractContextManager[Span]:
        """The length of the block as a span, within those of the same task that are open. What it raises is told."""


class NoTraces:
    """Records nothing."""

    def span(self, phase: Phase, **attributes: str) -> AbstractContextManager[Span]:  # noqa: ARG002 - the Protocol's
        """See Traces."""
        return _NO_SPAN


class _NoSpan:
    def ended(self, ending: Ending) -> None:
        """See Span."""


_NO_SPAN: AbstractContextManager[Span] = nullcontext(_NoSpan())
