"""`python -m benchmarks`: measure rows and show them."""

import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.figures import Results
from benchmarks.load import LoadError
from benchmarks.rows import ROWS
from benchmarks.run import Bench
from benchmarks.subjects import SUBJECTS
from benchmarks.table import table

console = Console()


def main(
    rows: Annotated[list[str] | None, typer.Argument(help="Rows to measure; all without any.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    seconds: Annotated[float | None, typer.Option(help="Length of one measurement; each row has its own.")] = None,
    subjects: Annotated[str, typer.Option(help="Names, with commas between them.")] = ",".join(SUBJECTS),
    output: Annotated[Path | None, typer.Option(help="Where the figures go, as JSON.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Directory for logs and streams, kept.")] = None,
) -> None:
    """Measure the gateway beside its peers."""
    names = rows or list(ROWS)
    with tempfile.TemporaryDirectory(prefix="vnc-gateway-bench-") as temporary:
        directory = keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        with console.status("") as status:
            try:
                bench = Bench.prepare(
                    directory, rounds=rounds, seconds=seconds, subjects=subjects.split(","), say=status.update
                )
                results = asyncio.run(_run(bench, names))
            except LoadError as error:
                console.print(str(error))
                raise typer.Exit(1) from None
    for name, result in results.items():
        console.print(table(name, result))
    if output:
        output.write_text(json.dumps({name: asdict(result) for name, result in results.items()}, indent=1))


async def _run(bench: Bench, names: list[str]) -> dict[str, Results]:
    return {name: await bench.run(name, ROWS[name]) for name in names}


typer.run(main)
