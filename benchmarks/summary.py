"""What is kept of a run: medians, spreads and ratios of every row as JSON, with the machine they are true for."""

import os
import platform
import ssl
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args

from support.components import COMPONENTS

from benchmarks.figures import Metric, Middle, Results
from benchmarks.rows import ROWS
from benchmarks.verdicts import verdict
from gateway.compiled.loader import framing


def summary(all_results: Mapping[str, Results], growth: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the README, the plots and a later comparison need."""
    rows = {name: _row(name, results) for name, results in all_results.items()}
    return {"machine": machine(), "rows": rows, "growth": growth}


def merged(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured now, and beside it what was before on the same machine: so that one row can be done again."""
    if before.get("machine") != now["machine"]:
        return dict(now)
    rows = {**before["rows"], **now["rows"]}
    ordered = {name: rows[name] for name in ROWS if name in rows}
    return {"machine": now["machine"], "rows": ordered, "growth": {**before["growth"], **now["growth"]}}


def machine() -> dict[str, Any]:
    """What the figures depend on. An interpreter built without profile-guided optimisation is up to a third slower."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release().partition("-")[0],
        "Python": platform.python_version(),
        "Python built with PGO": "--enable-optimizations" in options,
        "Python built with LTO": "--with-lto" in options,
        **{name: _package(name) for name in ("uvloop", "websockets", "websockify")},
        "framing": framing(),
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
        "nginx": _program("nginx", "-v"),
        "HAProxy": _program("haproxy", "-v"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _program(name: str, option: str) -> str:
    """A version such as 1.22.1, out of the first line that the program prints."""
    path = COMPONENTS[name].path()
    if path is None:
        return "none"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    words = (done.stdout + done.stderr).replace("/", " ").replace("-", " ").split()
    return next((word for word in words if word[0].isdigit()), "unknown")


def _row(name: str, results: Results) -> dict[str, Any]:
    row = ROWS[name]
    return {
        "title": row.title,
        "unit": row.cost,
        "figures": {subject: _figures(results, subject) for subject in results.rounds},
        "ratios": _ratios(results),
        "verdicts": [asdict(verdict(row, target, results)) for target in row.targets],
        "failures": results.failures,
        "samples": {
            subject: [[round(each.at, 1), round(each.memory, 2), round(each.cost, 3)] for each in samples]
            for subject, samples in results.samples.items()
        },
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
