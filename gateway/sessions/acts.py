"""What one session leaves in the audit: opened, spliced, clipboard, power, dropped input, taken over, ended.

Texts and dropped input are told in sums, not message by message: a session can't flood the audit.
"""

from dataclasses import asdict
from typing import Literal, Unpack

from gateway.access.grants import Grant
from gateway.errors import GatewayError, TakenOver
from gateway.rfb.memory import Acts
from gateway.telemetry.audit import Act, Audit, Fields

Power = Literal["shutdown", "reboot", "reset", "unknown"]

POWER: dict[int, Power] = {2: "shutdown", 3: "reboot", 4: "reset"}
"""Codes of xvp's client message (rfbproto); servers ignore others."""


class SessionActs:
    """The lines of the session of `grant`, opened from `source` on a cloud's `account`."""

    def __init__(self, audit: Audit, grant: Grant, *, source: str, account: str) -> None:
        self._audit = audit
        self._session: Fields = {
            "actor": grant.user,
            "source": source,
            "reference": grant.reference,
            "console": grant.console,
            "account": account,
            "grant": grant.id,
            "session": grant.session,
            "rights": asdict(grant.rights),
        }
        self._told = Acts()
        self._denied_told = False

    def opened(self, request_id: str) -> None:
        """The console is reached. Raises AuditUnwritable: without its line nothing is opened."""
        self._session["request_id"] = request_id
        fields: Fields = {**self._session, "outcome": "done"}
        self._audit.write("session_opened", **fields)

    def spliced(self, outcome: str, gap_ms: float, request_id: str) -> None:
        """A lost upstream was replaced, or was not; `request_id` is that of the address in use."""
        self._session["request_id"] = request_id
        self._tell("splice", outcome=outcome, gap_ms=gap_ms)

    def moved(self, acts: Acts) -> None:
        """Tell what passed since the last time, by the sums of the whole session."""
        told = self._told
        self._text("to_vm", acts.text_to_vm - told.text_to_vm)
        self._text("from_vm", acts.text_from_vm - told.text_from_vm)
        told.text_to_vm, told.text_from_vm = acts.text_to_vm, acts.text_from_vm
        for code, count in (acts.power - told.power).items():
            operation: Power = POWER.get(code, "unknown")
            self._tell("power", outcome="done", operation=operation, count=count)
        told.power = acts.power.copy()
        if acts.denied and not self._denied_told:  # at once that it happens, at the end how often
            self._deny(acts)

    def left(self, acts: Acts) -> None:
        """Nothing passes any more: tell the rest."""
        self.moved(acts)
        self._deny(acts)

    def ended(self, error: GatewayError, lasted_s: float) -> None:
        """The session is over for `error`."""
        if error.by and isinstance(error, TakenOver):
            self._tell("session_taken_over", outcome="done", by=error.by)
        ending, by = error.ending.name, error.by
        self._tell("session_ended", outcome=ending, by=by, lasted_s=lasted_s)

    def _tell(self, act: Act, **more: Unpack[Fields]) -> None:
        fields: Fields = {**self._session, **more}
        self._audit.note(act, **fields)

    def _text(self, direction: Literal["to_vm", "from_vm"], count: int) -> None:
        if count:
            self._tell("clipboard", outcome="done", direction=direction, bytes=count)

    def _deny(self, acts: Acts) -> None:
        if acts.denied > self._told.denied:
            count = acts.denied - self._told.denied
            self._tell("input_dropped", outcome="forbidden", count=count)
        self._told.denied = acts.denied
        self._denied_told = True
