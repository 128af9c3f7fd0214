"""What a relay's processes use: CPU time and resident memory, children included; and on which core they run."""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0))
LOAD_CORES = _CORES[:1]
RELAY_CORES = _CORES[-1:]
"""A core for each of the two, where there are two: moved about by the scheduler, single rounds vary twice as much."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(pid: int) -> Iterator[int]:
    """The process and all below it: nginx has a worker, websockify a process for each session."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def pin(pid: int, cores: Sequence[int]) -> None:
    """Keep the process, its threads and children, and what they will start, on these cores."""
    for each in tree(pid):
        for thread in Path(f"/proc/{each}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cores)


def cpu_seconds(pid: int) -> float:
    """User and system time of the living tree: what /proc/PID/stat says, in nanoseconds instead of ticks of 10 ms."""
    return sum(map(_cpu, tree(pid)))


def rss_bytes(pid: int) -> int:
    """Resident bytes of the living tree."""
    return sum(map(_rss, tree(pid)))


def _cpu(pid: int) -> float:
    # The kernel's numbering of clocks: that of a process's CPU time is its id's complement and the bits 010.
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
