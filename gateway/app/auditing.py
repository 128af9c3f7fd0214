"""The audit trail of a process, from its configuration."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.config import blocks
from gateway.errors import ConfigurationError
from gateway.telemetry.audit import Audit
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.replica import replica
from gateway.telemetry.trail import FileTrail, StreamTrail, SyslogTrail, Trail

STDOUT = 1


@contextmanager
def auditing(settings: blocks.Audit, metrics: Metrics) -> Iterator[Audit]:
    """The trail, from this process's start to its stop.

    Raises ConfigurationError if its place can't be had, AuditUnwritable if it takes no line.
    """
    trail = _trail(settings)
    refuse = settings.on_failure == "refuse"
    audit = Audit(trail, replica=replica(), refuse=refuse, lost=metrics.audit_lines_lost, clock=time.time)
    outcome = "failed"
    try:
        audit.write("start", outcome="done")
        yield audit
        outcome = "done"
    finally:
        audit.note("stop", outcome=outcome)
        trail.close()


def _trail(settings: blocks.Audit) -> Trail:
    if settings.target == "syslog":
        return SyslogTrail()
    if settings.file is None:
        return StreamTrail(STDOUT)
    try:
        return FileTrail(settings.file)
    except OSError as error:
        taken = error.errno == errno.EWOULDBLOCK
        why = "another process writes its audit there" if taken else error.strerror
        raise ConfigurationError(f"audit.file: cannot use {settings.file}: {why}") from error
