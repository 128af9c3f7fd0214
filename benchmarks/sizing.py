"""What a node should hold, computed from what one core was measured to do. The assumptions are in docs/sizing.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOAD = 0.6
"""Part of a core that is planned for: the rest is for bursts, and keeps the loop's lag low."""

SHARED = 0.85
"""What a core of a full node does of what it does alone: memory, caches and the network stack are shared."""

OFFICE_SESSIONS = 300
NODES = (1, 16, 64)

SPARE = {1: 0, 16: 1, 64: 4}
"""Cores of a node that are left to interrupts, the load balancer's agent, logs and metrics."""


@dataclass(frozen=True, slots=True)
class Node:
    """What a node holds: sessions at once by kind of upstream, GB of memory for them, sessions opened in a second."""

    cores: int
    processes: int
    plain: float
    tls: float
    memory: float
    opened: float


def nodes(rows: Mapping[str, Any]) -> Sequence[Node]:
    """Nodes of each size; nothing where a row that it takes was not measured."""
    wanted = ("office", "office-tls", "idle-tls", "connect-tls")
    if any("gateway" not in rows.get(name, {}).get("figures", {}) for name in wanted):
        return []
    office, tls, idle, opening = (rows[name]["figures"]["gateway"] for name in wanted)
    return [_node(cores, office, tls, idle, opening) for cores in NODES]


def _node(
    cores: int, office: Mapping[str, Any], tls: Mapping[str, Any], idle: Mapping[str, Any], opening: Mapping[str, Any]
) -> Node:
    processes = cores - SPARE[cores]
    alone = 1.0 if processes == 1 else SHARED
    percent = 100 * LOAD * alone * processes
    sessions = OFFICE_SESSIONS * percent / tls["cost"]["median"]
    kilobytes = idle["cost"]["median"] * sessions + processes * idle["bare"]["median"] * 1024
    return Node(
        cores,
        processes,
        plain=OFFICE_SESSIONS * percent / office["cost"]["median"],
        tls=sessions,
        memory=kilobytes / 2**20,
        opened=1000 / opening["cost"]["median"] * alone * processes,
    )
