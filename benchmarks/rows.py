"""The rows of the table: the work of each, who does it, and what the gateway must reach (design: performance.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.figures import Metric
from benchmarks.relays.relay import Scheme

Kind = Literal["steady", "idle", "splice", "memory"]
Unit = Literal["GB", "trip", "session", "second", "splice"]
Arguments = Mapping[str, str | int | float | tuple[str, ...]]

PROXIES = ("nginx-256k", "nginx", "haproxy", "websockets")
PLAIN = ("gateway", *PROXIES, "c-relay", "direct")
TLS = ("gateway", *PROXIES, "direct")
PAIR = ("gateway", "nginx-256k")
MANY = (*PAIR, "haproxy", "websockets")
BY_TCP = ("gateway", "websockify", "direct")


@dataclass(frozen=True, slots=True)
class Target:
    """What `metric` of the gateway may be at most (`least`: at least): times the peer's, or by itself without one.

    `added`: what it adds to the direct connection's is compared.
    """

    metric: Metric
    must: float
    aim: float
    peer: str = ""
    added: bool = False
    least: bool = False
    subject: str = "gateway"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `load`: the load's arguments; names of streams stand for their files. `cost`: how its unit is called.

    `fresh`: a relay of its own for each round, since memory is looked at.
    """

    title: str
    load: Arguments
    cost: str
    unit: Unit
    subjects: tuple[str, ...] = PLAIN
    targets: tuple[Target, ...] = ()
    upstream: Scheme = "ws"
    browser_tls: bool = False
    kind: Kind = "steady"
    seconds: float = 0.7
    rounds: int | None = None
    api: bool = False
    fresh: bool = False
    warm: float = 0.2

    @property
    def sessions(self) -> int:
        """How many are open at once: each has a console of its own."""
        return sum(int(str(self.load.get(kind, 0))) for kind in ("idle", "input", "flow", "churn"))

    @property
    def scale(self) -> float:
        """From CPU seconds for one unit to the figure in the table."""
        return {"GB": 1.0, "trip": 1e6, "session": 1e3, "second": 100.0, "splice": 1.0}[self.unit]


def _bulk(title: str, stream: str, frame: int, target: Target | None, **more: object) -> Row:
    load = {"flow": 1, "stream": (stream,), "picture": "first", "frame": frame}
    return Row(title, load, "s / GB", "GB", targets=(target,) if target else (), **more)  # type: ignore[arg-type]  # Row's own fields


_RAW = Target("cost", 1.15, 0.95, peer="nginx-256k")
_TIGHT = Target("cost", 1.5, 1.0, peer="nginx-256k")
_FIFTH = Target("cost", 0.2, 0.1, peer="websockify")
_INPUT = (Target("cost", 1.5, 1.0, peer="nginx-256k"), Target("p99", 1.5, 1.0, peer="nginx-256k", added=True))
_OFFICE: Arguments = {
    "flow": 300,
    "picture": "first",
    "stream": ("terminal", "desktop-session", "boot"),
    "stagger": 2,
}
_POINTERS: Arguments = {"input": 100, "update": "update", "picture": "first"}
_KB = 64 * 1024


def _both(title: str, stream: str) -> Row:
    """The gateway as it is shipped, and with its framing interpreted."""
    row = _bulk(title, stream, _KB, _TIGHT, subjects=("interpreted", *PLAIN))
    return replace(row, targets=(_TIGHT, replace(_TIGHT, must=3.0, subject="interpreted")))


ROWS: dict[str, Row] = {
    "bulk-raw": _bulk("full-HD Raw, frames of 64 KB", "raw", _KB, _RAW),
    "bulk-raw-1k4": _bulk("full-HD Raw, frames of 1.4 KB", "raw", 1400, _RAW),
    "bulk-raw-tls": _bulk("full-HD Raw, TLS upstream", "raw", _KB, _RAW, upstream="wss", subjects=TLS),
    "bulk-raw-https": _bulk("full-HD Raw, TLS to the browser", "raw", _KB, _RAW, browser_tls=True, subjects=TLS),
    "bulk-raw-tcp": _bulk("full-HD Raw, plain TCP upstream", "raw", 0, None, upstream="tcp", subjects=BY_TCP),
    "tight-1k": _both("Tight of 1 KB, frames of 64 KB", "tight-1k"),
    "tight-1k-1k4": _bulk("Tight of 1 KB, frames of 1.4 KB", "tight-1k", 1400, _TIGHT),
    "tight-1k-tls": _bulk("Tight of 1 KB, TLS upstream", "tight-1k", _KB, _TIGHT, upstream="wss", subjects=TLS),
    "tight-200": _both("Tight of 200 B, frames of 64 KB", "tight-200"),
    "tight-1k-tcp": _bulk("Tight of 1 KB, plain TCP upstream", "tight-1k", 0, None, upstream="tcp", subjects=BY_TCP),
    "input": Row("100 sessions, pointer and update", _POINTERS, "µs / trip", "trip", targets=_INPUT),
    "input-tls": Row("100 sessions, TLS upstream", _POINTERS, "µs / trip", "trip", TLS, targets=_INPUT, upstream="wss"),
    "input-tcp": Row(
        "100 sessions, plain TCP upstream", {**_POINTERS, "frame": 0}, "µs / trip", "trip", BY_TCP, (), "tcp"
    ),
    "input-paced": Row(
        "100 sessions, 20 pointer events a second each",
        {**_POINTERS, "rate": 20},
        "µs / trip",
        "trip",
        targets=_INPUT,
        seconds=1.5,
    ),
    "mixed": Row(
        "100 paced input sessions beside 4 full-HD Raw streams",
        {"input": 100, "update": "update", "rate": 20, "flow": 4, "stream": ("raw",), "picture": "first"},
        "s / GB",
        "GB",
        targets=(
            Target("p99", 1.5, 1.0, peer="nginx-256k", added=True),
            Target("fairness", 0.5, 0.8, least=True),
        ),
        seconds=1.5,
        warm=0.6,
    ),
    "office": Row(
        "300 sessions: recorded terminal, desktop and boot at their own pace",
        _OFFICE,
        "% of a core",
        "second",
        ("gateway", "nginx-256k", "haproxy", "c-relay", "direct"),
        targets=(Target("cost", 1.5, 1.0, peer="nginx-256k"),),
        seconds=2,
    ),
    "office-tls": Row(
        "the same, TLS upstream",
        _OFFICE,
        "% of a core",
        "second",
        ("gateway", "nginx-256k", "direct"),
        targets=(Target("cost", 1.5, 1.0, peer="nginx-256k"),),
        upstream="wss",
        seconds=2,
    ),
    "office-tcp": Row(
        "the same, plain TCP upstream",
        {**_OFFICE, "frame": 0},
        "% of a core",
        "second",
        BY_TCP,
        targets=(_FIFTH,),
        upstream="tcp",
        seconds=2,
    ),
    "idle": Row(
        "5,000 sessions that only exist, after one full-HD picture",
        {"idle": 5000, "picture": "desktop"},
        "KB / session",
        "session",
        MANY,
        targets=(Target("cost", 24, 16), Target("cpu", 2, 1)),
        kind="idle",
        fresh=True,
        rounds=1,
        seconds=21,  # a ping of each browser is among them
    ),
    "idle-tls": Row(
        "the same, TLS upstream",
        {"idle": 5000, "picture": "desktop"},
        "KB / session",
        "session",
        MANY,
        targets=(Target("cost", 120, 60), Target("cpu", 2, 1)),
        upstream="wss",
        kind="idle",
        fresh=True,
        rounds=1,
        seconds=21,  # a ping of each browser is among them
    ),
    "connect": Row(
        "opening: grant, locate, dial, handshake, first picture",
        {"churn": 8, "picture": "first"},
        "ms / session",
        "session",
        targets=(Target("cost", 1000 / 300, 1000 / 600),),
        api=True,
    ),
    "connect-tls": Row(
        "the same, TLS upstream",
        {"churn": 8, "picture": "first"},
        "ms / session",
        "session",
        TLS,
        targets=(Target("cost", 1000 / 200, 1000 / 400),),
        upstream="wss",
        api=True,
    ),
    "splice": Row(
        "upstream killed, until the first new picture",
        {"idle": 1, "picture": "small-raw", "size": "320x200"},
        "ms",
        "splice",
        ("gateway",),
        targets=(Target("p50", 5, 2),),
        kind="splice",
    ),
    "slow": Row(
        "200 sessions whose browsers take 20 KB/s while servers push",
        {"flow": 200, "stream": ("raw", "tight-1k"), "picture": "first", "read-rate": 20_000},
        "KB / session",
        "session",
        PAIR,
        targets=(Target("growth", 100, 50), Target("cost", 512, 256)),
        kind="memory",
        fresh=True,
        seconds=600,
    ),
    "long": Row(
        "one session, Tight of 1 KB without a pause",
        {"flow": 1, "stream": ("tight-1k",), "picture": "first"},
        "KB / session",
        "session",
        PAIR,
        targets=(Target("growth", 100, 50),),
        kind="memory",
        fresh=True,
        seconds=600,
    ),
}
