"""How things end: one tree of errors, each with the side it came from and the ending it leads to.

Owns the public names of endings (close reasons, problem documents, metric labels, logs and audit use
the same ones) and the question "may it be tried again?". Leaves to the raiser what is told to the log:
the message of an exception is for operators and never reaches a browser.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar


class Side(StrEnum):
    """Where the cause of an error lies."""

    BROWSER = "browser"
    GATEWAY = "gateway"
    CLOUD = "cloud"
    UPSTREAM = "upstream"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Ending:
    """A named way for a session to end.

    `code` is the WebSocket close code (RFC 6455 §7.4), None where no Close frame can be sent.
    `name` is the close reason; it keeps its meaning within a major version.
    """

    code: int | None
    name: str


CLOSED = Ending(1000, "closed")
GOING_AWAY = Ending(1001, "going_away")
PROTOCOL_ERROR = Ending(1002, "protocol_error")
NOT_BINARY = Ending(1003, "not_binary")
TOO_BIG = Ending(1009, "too_big")
INTERNAL_ERROR = Ending(1011, "internal_error")
UNAUTHENTICATED = Ending(4401, "unauthenticated")
NO_SUCH_INSTANCE = Ending(4404, "no_such_instance")
IDLE = Ending(4408, "idle")
TAKEN_OVER = Ending(4409, "taken_over")
ENDED_BY_ADMIN = Ending(4410, "ended_by_admin")
DURATION = Ending(4411, "duration")
IN_USE = Ending(4419, "in_use")
INSTANCE_NOT_RUNNING = Ending(4423, "instance_not_running")
CONTENDED = Ending(4424, "contended")
RATE_LIMITED = Ending(4429, "rate_limited")
UPSTREAM_LOST = Ending(4502, "upstream_lost")
CLOUD_REFUSED = Ending(4503, "cloud_refused")
UPSTREAM_CHANGED = Ending(4504, "upstream_changed")
UPSTREAM_AUTH = Ending(4505, "upstream_auth")
NOT_UNDERSTOOD = Ending(4506, "not_understood")
BROWSER_LOST = Ending(None, "browser_lost")

ENDINGS: tuple[Ending, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Ending))
"""All of the above, in that order."""


class GatewayError(Exception):
    """Root of everything the gateway raises on purpose.

    `retryable`: another attempt, with a new address, may succeed.
    `once`: at most one more attempt is worth it.
    `retry_after`: seconds the other side asked us to wait, None if it did not.
    `told`: what the page shows beside the ending's words. `by`: who ended the session on purpose, for the audit.
    """

    side: ClassVar[Side] = Side.GATEWAY
    ending: ClassVar[Ending] = INTERNAL_ERROR
    retryable: ClassVar[bool] = False
    once: ClassVar[bool] = False
    retry_after: float | None = None
    told: Mapping[str, str | float] = MappingProxyType({})
    by: str = ""


def internal(cause: BaseException) -> GatewayError:
    """The error that a bug of ours ends a session with; the log gets the traceback of `cause`."""
    error = GatewayError(f"{type(cause).__name__} where none may be")
    error.__cause__ = cause
    return error


class ConfigurationError(GatewayError):
    """The configuration cannot be used; the message has one line per fault. Exit code 2."""

    side = Side.OPERATOR


class ListenFailed(GatewayError):
    """An address to listen on cannot be had."""

    side = Side.OPERATOR

    def __init__(self, host: str, port: int, cause: OSError) -> None:
        why = "the port is in use" if cause.errno == errno.EADDRINUSE else cause.strerror or str(cause)
        super().__init__(f"cannot listen on {host}:{port}: {why}")


class AuditUnwritable(GatewayError):
    """The audit can't take the line without which nothing new may be opened; HTTP 503 until it can."""

    side = Side.OPERATOR


# What the browser sent (RFC 6455 §7.4.1 close codes).


class BrowserError(GatewayError):
    """The browser broke a protocol or went away."""

    side = Side.BROWSER
    ending = PROTOCOL_ERROR


class ProtocolViolation(BrowserError):
    """WebSocket or RFB rules broken by the client."""


class NotBinary(BrowserError):
    """A text message where RFB, which is binary, is due."""

    ending = NOT_BINARY


class TooBig(BrowserError):
    """A frame or message above our limit."""

    ending = TOO_BIG


class BrowserLost(BrowserError):
    """Connection reset, no pong within the timeout, or nothing read for too long."""

    ending = BROWSER_LOST


class SessionClosed(BrowserError):
    """The user or the page ended it with a Close frame."""

    ending = CLOSED


# What the gateway itself ends.


class GoingAway(GatewayError):
    """The process drains."""

    ending = GOING_AWAY


class HumanIdle(GatewayError):
    """No key or pointer from a human for as long as is allowed."""

    side = Side.BROWSER
    ending = IDLE


class DurationOver(GatewayError):
    """The session has lasted as long as it may."""

    side = Side.OPERATOR
    ending = DURATION


class Replaced(GatewayError):
    """The same grant came back on another connection."""

    side = Side.BROWSER
    ending = CLOSED


class SomebodyElse(GatewayError):
    """The console is another's: `user` has it since then (Unix seconds)."""

    side = Side.BROWSER

    def __init__(self, message: str, *, user: str, since: float) -> None:
        super().__init__(message)
        self.told = {"user": user, "since": since}


class TakenOver(SomebodyElse):
    """Another grant took the console."""

    ending = TAKEN_OVER


class InUse(SomebodyElse):
    """Another grant has the console and keeps it."""

    ending = IN_USE


class EndedByAdmin(GatewayError):
    """The holder of an API key ended the session."""

    side = Side.OPERATOR
    ending = ENDED_BY_ADMIN


class GrantEnded(GatewayError):
    """The grant, or what it was given for, has ended during the session."""

    side = Side.OPERATOR
    ending = UNAUTHENTICATED


# What the cloud's API answered (clouds.md, error mapping).


class CloudError(GatewayError):
    """The cloud's API did not give an address.

    `code`: the cloud's own or one of ours, from a small fixed set, fit for a metric label.
    `request_id`: the cloud's name for the call, for logs.
    """

    side = Side.CLOUD
    ending = UPSTREAM_LOST
    code: str = ""
    request_id: str = ""


class NoSuchInstance(CloudError):
    """The cloud does not know the instance."""

    ending = NO_SUCH_INSTANCE


class InstanceNotRunning(CloudError):
    """The instance is stopped: final on the first open, retryable while reconnecting."""

    ending = INSTANCE_NOT_RUNNING


class InstanceNotReady(CloudError):
    """The instance is not ready yet."""

    ending = INSTANCE_NOT_RUNNING
    retryable = True


class RateLimited(CloudError):
    """The cloud throttles, or our own budget for the instance is spent."""

    ending = RATE_LIMITED
    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CloudUnavailable(CloudError):
    """Server error, transport error or timeout of the API."""

    retryable = True
    code = "unavailable"


class BadAddress(CloudError):
    """An answer without an address, or with one that fails validation."""

    retryable = True
    once = True
    code = "bad_address"


class CloudRefused(CloudError):
    """The cloud refuses our credentials or rights: the operator's business."""

    ending = CLOUD_REFUSED


class KeyRejected(CloudRefused):
    """The access key itself is wrong: never to be tried again (Huawei locks keys after 5 failures)."""

    code = "key_rejected"


# The VNC side.


class UpstreamError(GatewayError):
    """The VNC server, or the way to it."""

    side = Side.UPSTREAM
    ending = UPSTREAM_LOST
    retryable = True


class UpstreamUnreachable(UpstreamError):
    """Not reached: refused, timed out, TLS or handshake failed, dropped before 12 RFB bytes."""


class UpstreamLost(UpstreamError):
    """Was connected, then closed, reset or silent. `closed`: by a Close frame or FIN, as one who means it does."""

    def __init__(self, message: str, *, closed: bool = False) -> None:
        super().__init__(message)
        self.closed = closed


class Contended(UpstreamError):
    """Somebody outside keeps taking the instance, where only one session is allowed."""

    ending = CONTENDED
    retryable = False


class UpstreamAuth(UpstreamError):
    """Wrong VNC password, or only security types that we do not speak."""

    ending = UPSTREAM_AUTH
    retryable = False


class UpstreamChanged(UpstreamError):
    """Cannot be carried on transparently for this client."""

    ending = UPSTREAM_CHANGED
    retryable = False


class NotUnderstood(UpstreamError):
    """Not RFB, or framing lost."""

    ending = NOT_UNDERSTOOD
    retryable = False
