"""One session, readable top to bottom: lease ► locate ► dial ► handshake ► relay ⇄ splice ► close.

The browser's upgrade is answered before this begins, so whatever goes wrong here ends as a close code
whose reason is its public name (product.md, "How things end").
"""

import asyncio
import time
from typing import Literal

import structlog

from gateway import endings
from gateway.access.grants import Grant
from gateway.errors import AuditUnwritable, GatewayError, ProtocolViolation, UpstreamLost, internal
from gateway.providers.provider import Provider
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.opening import BrowserOpening
from gateway.relay.relay import Relay
from gateway.rfb.held import HeldBudget
from gateway.sessions.acts import SessionActs
from gateway.sessions.connect import Connector, Reached
from gateway.sessions.fight import Fight
from gateway.sessions.record import SpliceRecord
from gateway.sessions.records import NOTHING, SessionRecord
from gateway.sessions.terms import Shared, Terms
from gateway.sessions.watch import Watch
from gateway.state.state import Lease

CLIENT_INIT_TIMEOUT = 10.0
"""Seconds for the browser's RFB handshake: a few round trips, and no person is asked for anything."""

Outcome = Literal["done", "failed", "abandoned"]

OPEN_WINDOW = 15.0
"""Seconds in which a first opening is tried again; longer waits are the page's, where people see them."""


class Session:
    """A browser at a console, from its upgrade to its close code.

    `returns`: it comes back by itself, so it takes the console from nobody.
    `state`: connecting, open, reconnecting or ended. `upstream`: where the console is, without secrets.
    `splices`: how often the upstream was replaced.
    """

    def __init__(
        self,
        grant: Grant,
        provider: Provider,
        browser: BrowserLeg,
        *,
        source: str,
        returns: bool,
        terms: Terms,
        shared: Shared,
    ) -> None:
        self.grant = grant
        self.source = source
        self.state = "connecting"
        self.started_at = time.time()
        self.upstream = ""
        self.splices = 0
        self.watch: Watch | None = None
        self._returns = returns
        self._browser = browser
        self._terms = terms
        self._shared = shared
        self._log = structlog.get_logger().bind(session=grant.session, console=grant.console)
        self._acts = SessionActs(shared.audit, grant, source=source, account=terms.account)
        self._connector = Connector(grant, provider, terms, shared, self._client_init, self._confirm, self._log.info)
        self._opening = BrowserOpening(browser)  # before the loop goes round: what a quick browser says is kept
        self._fight = Fight()
        self._lease: Lease | None = None
        self._record: SpliceRecord | None = None
        self._end: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()

    def end(self, error: GatewayError) -> None:
        """End the session for `error`; the first reason counts."""
        if not self._end.done():
            self._end.set_result(error)

    @property
    def last_input_at(self) -> float | None:
        """When a human last used key or pointer, in Unix seconds; None if nobody has yet."""
        at = None if self.watch is None else self.watch.last_input_at
        return None if at is None else time.time() - (_now() - at)

    def record(self, replica: str) -> SessionRecord:
        """The session as it is now, on the replica of that name."""
        return SessionRecord(
            self.grant,
            self.source,
            replica,
            self.state,
            self.started_at,
            self.upstream,
            self.splices,
            passed=self.watch.passed() if self.watch is not None else NOTHING,
            per_second=self.watch.per_second(_now()) if self.watch is not None else NOTHING,
            last_input_at=self.last_input_at,
        )

    async def run(self) -> None:
        """Live the session to its end. Nothing but cancellation is raised."""
        # For the lines of others on its way, such as the provider's; this is a task of its own.
        structlog.contextvars.bind_contextvars(session=self.grant.session, console=self.grant.console)
        self._log.info("session.started", user=self.grant.user, source=self.source)
        self._browser.report_end(self.end)
        error = GatewayError("the session's task was cancelled")
        with self._shared.traces.span("session", session=self.grant.session, console=self.grant.console) as span:
            try:
                error = await self._live()
            finally:
                self._close(error)
                span.ended(error.ending)

    async def _live(self) -> GatewayError:
        """Run the phases until one fails or somebody ends the session: the reason."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._until_ended())
                takes = self._terms.limits.conflict == "takeover"
                holding = self._shared.leases.holding(self.grant, self.end, takes=takes, returns=self._returns)
                async with holding as self._lease:
                    await self._phases()
        except BaseExceptionGroup as failed:
            known = failed.subgroup(GatewayError)
            if known is not None:
                return _first(known)
            if failed.subgroup(lambda error: not isinstance(error, Exception)) is not None:
                raise
            return internal(failed)
        raise AssertionError("the phases only end by raising")

    async def _until_ended(self) -> None:
        # One error may end all sessions: what it has passed through in the others would be held, and they with it.
        raise (await self._end).with_traceback(None)

    async def _phases(self) -> None:
        reached = await self._connector.reach(min(OPEN_WINDOW, self._terms.reconnect.window))
        try:
            self._acts.opened(reached.target.request_id)
        except AuditUnwritable:
            reached.opening.leg.close()
            raise
        held = HeldBudget(self._shared.held_total, self._terms.limits.held)
        relay = Relay(self._browser, reached.server_init, held, self.grant.rights.policy())
        self.watch = Watch(
            relay,
            self._terms,
            self._shared,
            _now(),
            self.end,
            self._acts,
            grant_left=self.grant.expires_at - time.time(),
        )
        try:
            self._joined(reached)
            relay.start(
                reached.opening.leg,
                reached.server_init,
                from_upstream=bytes(reached.opening.early),
                from_browser=bytes(self._opening.early),
            )
            self._log.info("session.open", upstream=self.upstream)
            while True:
                error = await relay.until_lost()
                with self._shared.traces.span("splice"):
                    reached = await self._splice(relay, reached, error)
        finally:
            self.watch.leave()
            self.watch = None
            self._acts.left(relay.memory.acts)
            relay.detach()
            held.release()

    async def _client_init(self) -> bool:
        """Wait until the browser's side of RFB's handshake is over: whether it wants a shared session."""
        try:
            async with asyncio.timeout(CLIENT_INIT_TIMEOUT):
                return await self._opening.shared()
        except TimeoutError as error:
            raise ProtocolViolation(f"no ClientInit from the browser within {CLIENT_INIT_TIMEOUT:g} s") from error

    async def _confirm(self) -> None:
        """Raise what ends the session if its console is somebody else's by now."""
        assert self._lease is not None, "had before anything is dialled"
        await self._shared.leases.confirm(self._lease)

    async def _splice(self, relay: Relay, old: Reached, error: GatewayError) -> Reached:
        """Replace a lost upstream under the living browser (rfb.md §5). Raises what ends the session."""
        lost_at = _now()
        if not isinstance(error, UpstreamLost):
            raise error
        self._fight.lost(
            error,
            one_session=old.target.one_session,
            lived=lost_at - self._joined_at,
            cut_off=not self._shared.state.up,
        )
        idle = self.watch is not None and self.watch.lost(lost_at, closed=error.closed)
        if self._record is not None:
            self._record.tell()
        record = self._record = SpliceRecord(error, self._shared.metrics, self._log.info)
        outcome: Outcome = "failed"
        try:
            relay.lose(abrupt=not error.closed)
            self.state = "reconnecting"
            self._browser.notice(state=self.state)
            reached = await self._connector.reach(self._terms.reconnect.window, again=True)
            record.joined(reached, relay.memory.seam.report, after_idle=idle)
            relay.splice(
                reached.opening.leg,
                reached.server_init,
                from_upstream=bytes(reached.opening.early),
                on_refreshed=record.refreshed,
            )
            outcome = "done"
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        finally:
            self._shared.metrics.spliced(outcome, after_idle=idle)
            self._acts.spliced(outcome, record.gap_ms, reached.target.request_id if outcome == "done" else "")
        self._joined(reached)
        self._browser.notice(state=self.state)
        return reached

    def _joined(self, reached: Reached) -> None:
        assert self.watch is not None, "made before the first upstream is joined"
        self.splices += self.state == "reconnecting"
        self.state = "open"
        self.upstream = str(reached.target)
        self._joined_at = _now()
        self.watch.joined(reached.target.host, self._joined_at)

    def _close(self, error: GatewayError) -> None:
        self.state = "ended"
        if self._record is not None:
            self._record.tell()
        if error.told:
            self._browser.notice(ended=error.ending.name, **error.told)
        self._browser.close(error.ending)
        self._shared.metrics.ended(error.ending)
        if error.ending is endings.INTERNAL_ERROR and not isinstance(error, AuditUnwritable):
            self._log.error("session.bug", exc_info=error.__cause__ or error)
        lasted = round(time.time() - self.started_at, 3)
        self._acts.ended(error, lasted)
        self._log.info(
            "session.ended",
            reason=error.ending.name,
            code=error.ending.code,
            side=error.side.value,
            cause=_causes(error),
            splices=self.splices,
            lasted_s=lasted,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


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
        lines.append(str(cause) if isinstance(cause, GatewayError) else f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return " <- ".join(lines)
