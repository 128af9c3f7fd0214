"""The results as tables in the terminal, with a verdict for each target."""

from rich.table import Table

from benchmarks.figures import Metric, Middle, Results
from benchmarks.rows import ROWS
from benchmarks.verdicts import TIMES, verdict

NONE = "-"

COLUMNS: tuple[tuple[str, Metric], ...] = (
    ("added p50, ms", "p50"),
    ("added p99, ms", "p99"),
    ("lag p99, ms", "lag"),
    ("rate", "rate"),
    ("load's own", "load"),
)


def table(name: str, results: Results) -> Table:
    """One row's contestants, and below them what became of its targets."""
    row = ROWS[name]
    made = Table(title=f"{name}: {row.title}", title_justify="left", caption_justify="left", caption_style="bold")
    made.caption = "\n".join(str(verdict(row, target, results)) for target in row.targets)
    made.add_column("relay")
    for title in (f"cost, {row.cost}", f"{TIMES} nginx-256k", *(title for title, _ in COLUMNS)):
        made.add_column(title, justify="right")
    for subject in row.subjects:
        if subject in results.failures or subject in results.rounds:
            made.add_row(subject, *_cells(results, subject))
    return made


def _cells(results: Results, subject: str) -> list[str]:
    if subject in results.failures:
        return [results.failures[subject].splitlines()[-1][:60]]
    cost = results.middle(subject, "cost")
    cells = [_with_spread(cost), _times(results.ratio(subject, "nginx-256k", "cost"))]
    for _, metric in COLUMNS:
        delay = metric in ("p50", "p99")
        added = delay and subject != "direct" and "direct" in results.rounds
        value = results.added(subject, metric) if added else results.middle(subject, metric)
        cells.append(_short(value))
    return cells


def _with_spread(value: Middle | None) -> str:
    return NONE if value is None else f"{_digits(value.median)} ± {_digits(value.spread)}"


def _times(value: Middle | None) -> str:
    return NONE if value is None else f"{value.median:.2f} ± {value.spread:.2f}"


def _short(value: Middle | None) -> str:
    return NONE if value is None else _digits(value.median)


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
