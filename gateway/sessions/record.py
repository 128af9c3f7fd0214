"""What became of one lost upstream, told once: one log line with the times of its phases.

The line is written when the picture is whole again, or when the next loss or the end of the session comes first.
"""

import time
from typing import Any

from gateway.errors import UpstreamLost
from gateway.rfb.splice.report import Report
from gateway.sessions.connect import Reached
from gateway.telemetry.metrics import Metrics


class SpliceRecord:
    """One splice from its loss on, which is now. `log(event, **fields)` gets the line."""

    def __init__(self, error: UpstreamLost, metrics: Metrics, log: Any) -> None:  # noqa: ANN401 - structlog's
        self._lost_at = time.monotonic()  # as the phases: a loop's own time stands still while it is busy
        self._metrics = metrics
        self._log = log
        self._fields: dict[str, Any] = {"cause": str(error)}
        self._report: Report | None = None

    @property
    def gap_ms(self) -> float:
        """Milliseconds since the loss."""
        return _ms(time.monotonic() - self._lost_at)

    def joined(self, reached: Reached, report: Report, *, after_idle: bool) -> None:
        """A new upstream carries the session; `report` goes on counting what the seam changes."""
        self._report = report
        gap = self.gap_ms
        self._fields |= {
            "after_idle": after_idle,
            "attempts": reached.attempts,
            "upstream": str(reached.target),
            "locate_ms": _ms(reached.locate_s),
            "dial_ms": _ms(reached.dial_s),
            "handshake_ms": _ms(reached.handshake_s),
            "gap_ms": gap,
        }

    def refreshed(self) -> None:
        """The picture is whole again."""
        seconds = time.monotonic() - self._lost_at
        self._metrics.splice_seconds.observe(seconds)
        self._fields["refreshed_ms"] = _ms(seconds)
        self.tell()

    def tell(self) -> None:
        """Write the line, unless it is written or nothing was joined."""
        report, self._report = self._report, None
        if report is not None:
            changes = {kind.value: times for kind, times in report.times.items()}
            self._log("session.spliced", **self._fields, changes=changes)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
