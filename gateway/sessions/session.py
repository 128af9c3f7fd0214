"""One session, readable top to bottom: locate ► dial ► handshake ► relay ► close.

The browser's upgrade is answered before this begins, so whatever goes wrong here ends as a close code
whose reason is its public name (product.md, "How things end").
"""

import asyncio
import time

import structlog

from gateway.access.grants import Grant
from gateway.errors import GatewayError, ProtocolViolation, UpstreamUnreachable
from gateway.providers.provider import Provider
from gateway.providers.target import Target
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.opening import BrowserOpening, UpstreamOpening
from gateway.relay.relay import Relay
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Memory
from gateway.rfb.server_stream import ServerStream
from gateway.sessions.connect import Connector
from gateway.sessions.terms import Shared, Terms
from gateway.sessions.watch import Watch

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for each side's RFB handshake: a few round trips, and no person is asked for anything."""

OPEN_WINDOW = 15.0
"""Seconds in which a first opening is tried again; longer waits are the page's, where people see them."""


class Session:
    """A browser at a console, from its upgrade to its close code.

    `state`: connecting, open or ended. `upstream`: where the console is, without secrets.
    """

    def __init__(
        self, grant: Grant, provider: Provider, browser: BrowserLeg, *, source: str, terms: Terms, shared: Shared
    ) -> None:
        self.grant = grant
        self.source = source
        self.state = "connecting"
        self.started_at = time.time()
        self.upstream = ""
        self.watch: Watch | None = None
        self._browser = browser
        self._terms = terms
        self._shared = shared
        self._log = structlog.get_logger().bind(session=grant.session, console=grant.console)
        self._connector = Connector(grant, provider, terms.kind, shared, self._log.info)
        self._end: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()

    def end(self, error: GatewayError) -> None:
        """End the session for `error`; the first reason counts."""
        if not self._end.done():
            self._end.set_result(error)

    async def run(self) -> None:
        """Live the session to its end. Nothing but cancellation is raised."""
        self._log.info("session.started", user=self.grant.user, source=self.source)
        self._browser.report_end(self.end)
        error = GatewayError("the session's task was cancelled")
        try:
            error = await self._live()
        finally:
            self._close(error)

    async def _live(self) -> GatewayError:
        """Run the phases until one fails or somebody ends the session: the reason."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._until_ended())
                await self._phases()
        except BaseExceptionGroup as failed:
            known = failed.subgroup(GatewayError)
            if known is not None:
                return _first(known)
            if failed.subgroup(lambda error: not isinstance(error, Exception)) is not None:
                raise
            self._log.exception("session.bug")
        return GatewayError("a bug: its traceback is in the log")

    async def _until_ended(self) -> None:
        raise await self._end

    async def _phases(self) -> None:
        opening = BrowserOpening(self._browser)
        target, upstream = await self._connector.reach(min(OPEN_WINDOW, self._terms.reconnect.window))
        self.upstream = str(target)
        try:
            await self._relay(target, upstream, await self._shake(opening, target, upstream), opening.early)
        finally:
            self.watch = None
            upstream.leg.close()

    async def _shake(self, opening: BrowserOpening, target: Target, upstream: UpstreamOpening) -> bytes:
        """End RFB's handshake on both sides (rfb.md §4): the server's ServerInit."""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                shared = await opening.shared()
        except TimeoutError as error:
            raise ProtocolViolation(f"no ClientInit from the browser within {HANDSHAKE_TIMEOUT:g} s") from error
        password = target.password.get_secret_value() if target.password else None
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                with self._shared.metrics.handshake_seconds.labels(self._terms.kind).time():
                    return await upstream.shake(password, shared=shared)
        except TimeoutError as error:
            raise UpstreamUnreachable(f"{target} stopped in RFB's handshake for {HANDSHAKE_TIMEOUT:g} s") from error

    async def _relay(self, target: Target, upstream: UpstreamOpening, server_init: bytes, early: bytearray) -> None:
        """Relay until the upstream is lost: raises why."""
        memory = Memory(server_init)
        held = HeldBudget(self._shared.held_total, self._terms.limits.held)
        policy = self.grant.rights.policy()
        relay = Relay(self._browser, upstream.leg, ServerStream(memory, held, policy), ClientStream(memory, policy))
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[GatewayError] = loop.create_future()
        upstream.leg.report_end(lambda error: None if lost.done() else lost.set_result(error))
        self.watch = Watch(relay, target.host, self._terms, self._shared, loop.time(), self.end)
        try:
            relay.start(server_init, from_upstream=bytes(upstream.early), from_browser=bytes(early))
            self.state = "open"
            self._log.info("session.open", upstream=self.upstream)
            raise await lost
        finally:
            self.watch.flush()
            held.release()

    def _close(self, error: GatewayError) -> None:
        self.state = "ended"
        self._browser.close(error.ending)
        self._shared.metrics.ended(error.ending)
        self._log.info(
            "session.ended",
            reason=error.ending.name,
            code=error.ending.code,
            side=error.side.value,
            cause=_causes(error),
            lasted_s=round(time.time() - self.started_at, 3),
        )


def _first(group: BaseExceptionGroup[GatewayError]) -> GatewayError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, GatewayError)
    return error


def _causes(error: BaseException) -> str:
    """The chain of reasons as one line for the log."""
    lines: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(lines) < 4:
        lines.append(f"{type(cause).__name__}: {cause}" if not isinstance(cause, GatewayError) else str(cause))
        cause = cause.__cause__
    return " <- ".join(lines)
