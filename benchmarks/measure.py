"""One measurement: a fresh load through a running relay, and what the relay used meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import lag, load, process
from benchmarks.figures import Figure, Metric, Sample
from benchmarks.load import Count, Load, LoadError
from benchmarks.relays.relay import Relay, Way
from benchmarks.rows import Kind, Row, Unit

SETTLE = 1.0
"""Seconds that memory is left alone before it is read."""

SPLICES = 20
"""Cuts in one round; each is a dial, of which a cloud allows 30 a minute."""

LOOKS = 48
"""Samples of long work."""

LEAST_WORK = 0.001


def arguments(row: Row, relay: Relay, way: Way, streams: Path) -> list[str]:
    """The command line of the load for this row through this relay."""
    direct = relay.pid is None
    words = ["--listen", str(way.port), "--connect", str(relay.port), "--path", relay.path]
    words += ["--consoles", str(way.consoles)] if not way.api else []
    words += ["--grant", relay.grant] if relay.grant else []
    words += ["--server-tls", str(way.server_pem)] if way.upstream == "wss" or (direct and way.browser_tls) else []
    words += ["--browser-tls"] if way.browser_tls or (direct and way.upstream == "wss") else []
    words += ["--api", str(way.api), "--api-answer", str(streams / "answer")] if way.api else []
    for name, value in row.load.items():
        for each in value if isinstance(value, tuple) else (value,):
            words += [f"--{name}", str(streams / str(each)) if name in ("stream", "picture", "update") else str(each)]
    return words + (["--frame", "65536"] if direct and way.upstream == "tcp" else [])  # its browsers speak WebSocket


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it; `samples` of long work only."""

    figure: Figure
    samples: Sequence[Sample] = ()


async def measure(row: Row, relay: Relay, way: Way, program: Path, streams: Path, seconds: float) -> Measured:
    """Do the row's work once. Raises LoadError if bytes were lost or changed, or a session ended."""
    async with load.running(program, arguments(row, relay, way, streams)) as running:
        if row.kind == "memory":
            return await _long(row, relay, running, seconds)
        return Measured(await _KINDS[row.kind](row, relay, running, seconds))


async def _steady(row: Row, relay: Relay, running: Load, seconds: float) -> Figure:
    await running.opened()
    await running.go()
    await asyncio.sleep(row.warm + float(str(row.load.get("stagger", 0))))
    async with lag.watched(relay.health) as waits:
        before = _cpu(relay)
        await running.mark()
        await asyncio.sleep(seconds)
        count = await running.stop()
        used = _cpu(relay) - before
    memory = _memory(relay)
    await running.drained()
    figure = _delays(count) | _costs(row, count, count.cpu if relay.pid is None else used) | {"memory": memory}
    return figure | _lag(waits)


async def _long(row: Row, relay: Relay, running: Load, seconds: float) -> Measured:
    """Memory during long work: what grows for ever shows in the second half, when all has been used once."""
    await running.opened()
    await running.go()
    await asyncio.sleep(row.warm)
    await running.mark()
    began, cpu, samples = time.monotonic(), _cpu(relay), []
    async with lag.watched(relay.health) as waits:
        for number in range(1, LOOKS + 1):
            await asyncio.sleep(began + seconds * number / LOOKS - time.monotonic())
            count, used = await running.mark(), _cpu(relay)
            cost = (used - cpu) / max(count.bytes / 1e9, LEAST_WORK)
            samples.append(Sample(time.monotonic() - began, _memory(relay), cost))
            cpu = used
    await running.stop()
    await running.drained()
    peak = max(sample.memory for sample in samples)
    figure: dict[Metric, float] = {"cost": peak * 1024 / row.sessions, "memory": peak, "growth": growth(samples)}
    return Measured(figure | _lag(waits), samples)


def growth(samples: Sequence[Sample]) -> float:
    """KB a minute, from the second quarter's median to the last quarter's: the first is warming up."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    minutes = (late[0].at - early[0].at) / 60
    more = median(sample.memory for sample in late) - median(sample.memory for sample in early)
    return more * 1024 / minutes


def _lag(waits: lag.Lag) -> dict[Metric, float]:
    p99 = waits.p99()
    return {} if p99 is None else {"lag": p99}


def _memory(relay: Relay) -> float:
    return 0.0 if relay.pid is None else (process.rss_bytes(relay.pid) - relay.bare) / 2**20


def _costs(row: Row, count: Count, used: float) -> dict[Metric, float]:
    units: dict[Unit, float] = {
        "GB": count.bytes / 1e9,
        "trip": count.trips,
        "session": count.opened,
        "second": count.seconds,
        "splice": 1,
    }
    work = units[row.unit]
    if work < LEAST_WORK:
        raise LoadError("no work was done")
    return {
        "cost": used / work * row.scale,
        "load": count.cpu / work * row.scale,
        "rate": work / count.seconds,
        "cpu": used / count.seconds * 100,
        "fairness": count.fairness,
    }


def _delays(count: Count) -> dict[Metric, float]:
    return {"p50": count.p50_us / 1e3, "p99": count.p99_us / 1e3} if count.p50_us else {}


async def _idle(row: Row, relay: Relay, running: Load, seconds: float) -> Figure:
    """Memory and CPU of sessions that do nothing; `relay` was fresh, so what it had before is the bare process."""
    await running.opened()
    await asyncio.sleep(SETTLE)
    if relay.pid is None:
        raise LoadError("there is no relay whose memory could be read")
    before = _cpu(relay)
    await asyncio.sleep(seconds)
    used = _cpu(relay) - before
    # Afterwards: to a loop that sleeps a request costs 0.7 ms, and 20 a second were a third of what 5,000 sessions are.
    async with lag.watched(relay.health) as waits:
        await asyncio.sleep(seconds)
    memory, bare = _memory(relay), relay.bare / 2**20
    return {
        "cost": memory * 1024 / row.sessions,
        "memory": memory,
        "cpu": used / seconds * 100,
        "bare": bare,
        **_lag(waits),
    }


async def _splice(row: Row, relay: Relay, running: Load, seconds: float) -> Figure:  # noqa: ARG001 - one signature
    await running.opened()
    delays = []
    async with lag.watched(relay.health) as waits:
        for _ in range(SPLICES):
            await asyncio.sleep(0.05)
            delays.append((await running.cut()).p50_us / 1e3)
    return {"p50": median(delays), "p99": max(delays), "cost": median(delays), **_lag(waits)}


def _cpu(relay: Relay) -> float:
    return 0.0 if relay.pid is None else process.cpu_seconds(relay.pid)


_KINDS: dict[Kind, Callable[[Row, Relay, Load, float], Awaitable[Figure]]] = {
    "steady": _steady,
    "idle": _idle,
    "splice": _splice,
}
