"""`python -m benchmarks`: measure rows, show them, keep them, compare them."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import growth, process
from benchmarks.compare import worse
from benchmarks.figures import Results
from benchmarks.load import LoadError
from benchmarks.rows import ROWS
from benchmarks.run import Bench
from benchmarks.subjects import SUBJECTS
from benchmarks.summary import merged, summary
from benchmarks.table import table

COMMITTED = Path(__file__).with_name("results.json")

QUICK_ROWS = ("bulk-raw", "bulk-raw-tls", "tight-1k", "tight-200", "input", "office", "connect", "slow")
QUICK_SUBJECTS = ("gateway", "nginx-256k")

console = Console(width=None if sys.stdout.isatty() else 120)


def main(
    rows: Annotated[list[str] | None, typer.Argument(help="Rows to measure, or growth; all without any.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    seconds: Annotated[float | None, typer.Option(help="Length of one measurement; each row has its own.")] = None,
    long: Annotated[float | None, typer.Option(help="The same of slow and long, which are 600.")] = None,
    subjects: Annotated[str, typer.Option(help="Names, with commas between them.")] = ",".join(SUBJECTS),
    output: Annotated[Path | None, typer.Option(help="JSON that the figures go into.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Directory for logs and streams, kept.")] = None,
    against: Annotated[Path, typer.Option(help="What --quick compares with.")] = COMMITTED,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Two minutes, compared with the committed table.")] = False,
) -> None:
    """Measure the gateway beside its peers."""
    if quick:
        rows, rounds, seconds, long = rows or list(QUICK_ROWS), min(rounds, 3), seconds or 0.8, long or 8.0
        subjects = ",".join(QUICK_SUBJECTS)
    names = rows or [*ROWS, "growth"]
    unknown = [f"row {name}" for name in names if name not in (*ROWS, "growth")]
    unknown += [f"subject {name}" for name in subjects.split(",") if name not in SUBJECTS]
    if unknown:
        raise typer.BadParameter(f"unknown {', '.join(unknown)}; rows: {', '.join(ROWS)}")
    with tempfile.TemporaryDirectory(prefix="vnc-gateway-bench-") as temporary, console.status("") as status:
        try:
            bench = Bench.prepare(
                keep or Path(temporary),
                subjects=subjects.split(","),
                rounds=rounds,
                seconds=seconds,
                long=long,
                say=status.update,
            )
        except LoadError as error:
            console.print(str(error))
            raise typer.Exit(1) from None
        process.pin(os.getpid(), process.LOAD_CORES)
        figures = asyncio.run(_measured(bench, names, lambda figures: _keep(figures, output)))
    if quick:
        _compare(figures, against)


def _keep(figures: dict[str, Any], output: Path | None) -> None:
    if output:
        before = json.loads(output.read_text()) if output.exists() else {}
        output.write_text(json.dumps(merged(before, figures), indent=1) + "\n")


async def _measured(bench: Bench, names: list[str], keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    all_results: dict[str, Results] = {}

    async def run(name: str) -> None:
        all_results[name] = results = await bench.run(name, ROWS[name])
        console.print(table(name, results))
        console.print()
        keep(summary({name: results}, {}))

    wanted = [name for name in names if name in ROWS]
    for name in wanted:
        if ROWS[name].kind != "memory":
            await run(name)
    if "growth" in names:
        keep(summary({}, await growth.measured(bench.run)))
    await asyncio.gather(*[run(name) for name in wanted if ROWS[name].kind == "memory"])  # ten minutes each
    return summary(all_results, {})


def _compare(figures: dict[str, Any], against: Path) -> None:
    if not against.exists():
        console.print(f"Nothing to compare with: there is no {against.name} yet.")
        raise typer.Exit(1 if worse({"rows": {}}, figures) else 0)
    lines = worse(json.loads(against.read_text()), figures)
    console.print("\n".join(["Worse than the committed table:", *lines]) if lines else "No row is worse than it was.")
    raise typer.Exit(1 if lines else 0)


typer.run(main)
