"""What is kept of a run: medians, spreads and ratios of every row as JSON, with the machine they are true for."""

import os
import platform
import sysconfig
from collections.abc import Mapping
from typing import Any, get_args

from benchmarks.figures import Metric, Middle, Results
from benchmarks.rows import ROWS
from benchmarks.table import verdicts

PEER = "nginx-256k"


def summary(all_results: Mapping[str, Results]) -> dict[str, Any]:
    """Everything that the README, the plots and a later comparison need."""
    return {"machine": machine(), "rows": {name: _row(name, results) for name, results in all_results.items()}}


def machine() -> dict[str, Any]:
    """What the figures depend on. An interpreter built without profile-guided optimisation is up to a third slower."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_optimised": "--enable-optimizations" in options,
    }


def _row(name: str, results: Results) -> dict[str, Any]:
    row = ROWS[name]
    return {
        "title": row.title,
        "unit": row.cost,
        "figures": {subject: _figures(results, subject) for subject in results.rounds},
        "ratios": _ratios(results),
        "verdicts": verdicts(row, results),
        "failures": results.failures,
    }


def _figures(results: Results, subject: str) -> dict[str, Any]:
    found = {metric: results.middle(subject, metric) for metric in get_args(Metric)}
    return {metric: _pair(value) for metric, value in found.items() if value is not None}


def _ratios(results: Results) -> dict[str, Any]:
    """The gateway's cost by each peer's."""
    found = {peer: results.ratio("gateway", peer, "cost") for peer in results.rounds if peer != "gateway"}
    return {peer: _pair(value) for peer, value in found.items() if value is not None}


def _pair(value: Middle) -> dict[str, float]:
    return {"median": float(f"{value.median:.4g}"), "spread": float(f"{value.spread:.3g}")}
