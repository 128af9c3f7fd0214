"""`python -m benchmarks`: measure rows, show them, keep them, compare them."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.compare import worse
from benchmarks.figures import Results
from benchmarks.load import LoadError
from benchmarks.rows import ROWS
from benchmarks.run import Bench
from benchmarks.subjects import SUBJECTS
from benchmarks.summary import summary
from benchmarks.table import table

COMMITTED = Path(__file__).with_name("results.json")

QUICK_ROWS = ("bulk-raw", "bulk-raw-tls", "tight-1k", "tight-200", "input", "connect")
QUICK_SUBJECTS = ("gateway", "nginx-256k", "haproxy")

console = Console()


def main(
    rows: Annotated[list[str] | None, typer.Argument(help="Rows to measure; all without any.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    seconds: Annotated[float | None, typer.Option(help="Length of one measurement; each row has its own.")] = None,
    subjects: Annotated[str, typer.Option(help="Names, with commas between them.")] = ",".join(SUBJECTS),
    output: Annotated[Path | None, typer.Option(help="Where the figures go, as JSON.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Directory for logs and streams, kept.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Two minutes, compared with the committed table.")] = False,
) -> None:
    """Measure the gateway beside its peers."""
    if quick:
        rows, rounds, seconds, subjects = rows or list(QUICK_ROWS), 3, 1.0, ",".join(QUICK_SUBJECTS)
    names = rows or list(ROWS)
    unknown = [f"row {name}" for name in names if name not in ROWS]
    unknown += [f"subject {name}" for name in subjects.split(",") if name not in SUBJECTS]
    if unknown:
        raise typer.BadParameter(f"unknown {', '.join(unknown)}; rows: {', '.join(ROWS)}")
    with tempfile.TemporaryDirectory(prefix="vnc-gateway-bench-") as temporary:
        results = _measured(names, keep or Path(temporary), rounds, seconds, subjects.split(","))
    figures = summary(results)
    if output:
        output.write_text(json.dumps(figures, indent=1) + "\n")
    if quick:
        _compare(figures)


def _measured(
    names: list[str], directory: Path, rounds: int, seconds: float | None, subjects: list[str]
) -> dict[str, Results]:
    directory.mkdir(parents=True, exist_ok=True)
    with console.status("") as status:
        try:
            bench = Bench.prepare(directory, rounds=rounds, seconds=seconds, subjects=subjects, say=status.update)
        except LoadError as error:
            console.print(str(error))
            raise typer.Exit(1) from None
        return asyncio.run(_run(bench, names))


async def _run(bench: Bench, names: list[str]) -> dict[str, Results]:
    all_results = {}
    for name in names:
        all_results[name] = results = await bench.run(name, ROWS[name])
        console.print(table(name, results))
        console.print()
    return all_results


def _compare(figures: dict[str, Any]) -> None:
    if not COMMITTED.exists():
        console.print(f"nothing to compare with: there is no {COMMITTED.name} yet")
        return
    lines = worse(json.loads(COMMITTED.read_text()), figures)
    console.print("\n".join(["Worse than the committed table:", *lines]) if lines else "No row is worse than it was.")
    raise typer.Exit(1 if lines else 0)


typer.run(main)
