"""Is it worse than it was? Ratios to the peers now against those of the committed table."""

from collections.abc import Mapping
from typing import Any

from benchmarks.verdicts import TIMES

MARGIN = 0.2
"""Part by which a ratio may differ between two runs that measure the same: twice what was seen on a busy machine."""


def worse(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line for each row that costs more beside a peer than the committed table says, spreads and MARGIN granted."""
    lines = []
    for name, row in now["rows"].items():
        if "gateway" in row["failures"]:
            lines.append(f"{name}: the gateway fails: {row['failures']['gateway']}")
        known = then["rows"].get(name, {}).get("ratios", {})
        lines += [
            _line(name, peer, known[peer]["median"], ratio["median"])
            for peer, ratio in row["ratios"].items()
            if peer in known and _is_worse(known[peer], ratio)
        ]
    return lines


def _is_worse(then: Mapping[str, float], now: Mapping[str, float]) -> bool:
    return now["median"] - now["spread"] > (then["median"] + then["spread"]) * (1 + MARGIN)


def _line(row: str, peer: str, then: float, now: float) -> str:
    return f"{row}: {now:.2f} {TIMES} {peer}, was {then:.2f} ({now / then - 1:+.0%})"
