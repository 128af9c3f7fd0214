"""What goes wrong: one tree of errors, each with the side it came from and the ending it leads to.

Owns the question "may it be tried again?". Leaves to the raiser what is told to the log: the message of an exception is
for operators and never reaches a browser.
"""

import errno
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from gateway import endings
from gateway.endings import Ending


class Side(StrEnum):
    """Where the cause of an error lies."""

    BROWSER = "browser"
    GATEWAY = "gateway"
    CLOUD = "cloud"
    UPSTREAM = "upstream"
    OPERATOR = "operator"


class GatewayError(Exception):
    """Root of everything the gateway raises on purpose.

    `retryable`: another attempt, with a new address, may succeed.
    `once`: at most one more attempt is worth it.
    `retry_after`: seconds the other side asked us to wait, None if it did not.
    `told`: what the page shows beside the ending's words. `by`: who ended the session on purpose, for the audit.
    """

    side: ClassVar[Side] = Side.GATEWAY
    ending: ClassVar[Ending] = endings.INTERNAL_ERROR
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
    ending = endings.PROTOCOL_ERROR


class ProtocolViolation(BrowserError):
    """WebSocket or RFB rules broken by the client."""


class NotBinary(BrowserError):
    """A text message where RFB, which is binary, is due."""

    ending = endings.NOT_BINARY


class TooBig(BrowserError):
    """A frame or message above our limit."""

    ending = endings.TOO_BIG


class BrowserLost(BrowserError):
    """Connection reset, no pong within the timeout, or nothing read for too long."""

    ending = endings.BROWSER_LOST


class SessionClosed(BrowserError):
    """The user or the page ended it with a Close frame."""

    ending = endings.CLOSED


# What the gateway itself ends.


class GoingAway(GatewayError):
    """The process drains."""

    ending = endings.GOING_AWAY


class HumanIdle(GatewayError):
    """No key or pointer from a human for as long as is allowed."""

    side = Side.BROWSER
    ending = endings.IDLE


class DurationOver(GatewayError):
    """The session has lasted as long as it may."""

    side = Side.OPERATOR
    ending = endings.DURATION


class Replaced(GatewayError):
    """The same grant came back on another connection."""

    side = Side.BROWSER
    ending = endings.CLOSED


class SomebodyElse(GatewayError):
    """The console is another's: `user` has it since then (Unix seconds); None where nobody can be asked."""

    side = Side.BROWSER

    def __init__(self, message: str, *, user: str | None, since: float) -> None:
        super().__init__(message)
        if user is not None:
            self.told = {"user": user, "since": since}


class TakenOver(SomebodyElse):
    """Another grant took the console."""

    ending = endings.TAKEN_OVER


class InUse(SomebodyElse):
    """Another grant has the console and keeps it."""

    ending = endings.IN_USE


class EndedByAdmin(GatewayError):
    """The holder of an API key ended the session."""

    side = Side.OPERATOR
    ending = endings.ENDED_BY_ADMIN


class GrantEnded(GatewayError):
    """The grant, or what it was given for, has ended during the session."""

    side = Side.OPERATOR
    ending = endings.UNAUTHENTICATED


# What the cloud's API answered (clouds.md, error mapping).


class CloudError(GatewayError):
    """The cloud's API did not give an address.

    `code`: the cloud's own or one of ours, from a small fixed set, fit for a metric label.
    `request_id`: the cloud's name for the call, for logs.
    """

    side = Side.CLOUD
    ending = endings.UPSTREAM_LOST
    code: str = ""
    request_id: str = ""


class NoSuchInstance(CloudError):
    """The cloud does not know the instance."""

    ending = endings.NO_SUCH_INSTANCE


class InstanceNotRunning(CloudError):
    """The instance is stopped: final on the first open, retryable while reconnecting."""

    ending = endings.INSTANCE_NOT_RUNNING


class InstanceNotReady(CloudError):
    """The instance is not ready yet."""

    ending = endings.INSTANCE_NOT_RUNNING
    retryable = True


class RateLimited(CloudError):
    """The cloud throttles, or our own budget for the instance is spent."""

    ending = endings.RATE_LIMITED
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

    ending = endings.CLOUD_REFUSED


class KeyRejected(CloudRefused):
    """The access key itself is wrong: never to be tried again (Huawei locks keys after 5 failures)."""

    code = "key_rejected"


# The VNC side.


class UpstreamError(GatewayError):
    """The VNC server, or the way to it."""

    side = Side.UPSTREAM
    ending = endings.UPSTREAM_LOST
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

    ending = endings.CONTENDED
    retryable = False


class UpstreamAuth(UpstreamError):
    """Wrong VNC password, or only security types that we do not speak."""

    ending = endings.UPSTREAM_AUTH
    retryable = False


class UpstreamChanged(UpstreamError):
    """Cannot be carried on transparently for this client."""

    ending = endings.UPSTREAM_CHANGED
    retryable = False


class NotUnderstood(UpstreamError):
    """Not RFB, or framing lost."""

    ending = endings.NOT_UNDERSTOOD
    retryable = False
