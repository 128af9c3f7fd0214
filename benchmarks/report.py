"""`python -m benchmarks.report`: what results.json says, written into the pages and plots that show it.

Text between `<!-- benchmarks:NAME -->` and `<!-- /benchmarks -->` belongs to this program, all else to people.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import markdown
from benchmarks.plots import plots
from benchmarks.rows import ROWS
from benchmarks.sizing import nodes

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results.json")
PLOTS = Path("benchmarks") / "plots"
PAGES = (Path("README.md"), Path("benchmarks") / "README.md", Path("docs") / "sizing.md")

NOTHING = (
    "*Not measured yet: `make bench` does it on a machine that is left alone, `make bench-report` writes it here.*"
)

_PART = re.compile(r"(<!-- benchmarks:(\w+) -->\n).*?(<!-- /benchmarks -->)", re.DOTALL)

Results = Mapping[str, Any]


def targets(results: Results) -> str:
    """The table of what must be reached; rows without figures are named, too."""
    return markdown.targets(
        results["rows"], {name: row.title for name, row in ROWS.items() if name not in results["rows"]}
    )


def costs(results: Results) -> str:
    """All peers' costs, and who failed."""
    parts = [markdown.costs(results["rows"]), markdown.failures(results["rows"], results["growth"])]
    return "\n\n".join(part for part in parts if part)


def waits(results: Results) -> str:
    """Delays and loop lag."""
    return markdown.waits(results["rows"])


def machine(results: Results) -> str:
    """What the figures are true for."""
    return markdown.machine(results["machine"])


def pictures(results: Results) -> str:
    """The growth plots, as a page in benchmarks/ shows them."""
    return "\n\n".join(f"![{name}](plots/{name}.svg)" for name in plots(results) if name != "ratios")


def ratios(results: Results) -> str:
    """The picture of the README."""
    return f"![CPU beside nginx]({PLOTS}/ratios.svg)" if "ratios" in plots(results) else NOTHING


def sizes(results: Results) -> str:
    """What nodes hold."""
    found = nodes(results["rows"])
    return markdown.nodes(found) if found else NOTHING


PARTS: dict[str, Callable[[Results], str]] = {
    "targets": targets,
    "costs": costs,
    "waits": waits,
    "machine": machine,
    "pictures": pictures,
    "ratios": ratios,
    "sizes": sizes,
}


def filled(page: str, results: Results | None) -> str:
    """The page with its parts as `results` say; without results each says so."""

    def part(match: re.Match[str]) -> str:
        text = PARTS[match[2]](results) if results else NOTHING
        return f"{match[1]}{text}\n{match[3]}"

    return _PART.sub(part, page)


def committed() -> Results | None:
    """The results that are committed, None if there are none."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else None


def main(
    results: Annotated[Path, typer.Argument(help="What python -m benchmarks --output wrote.")] = RESULTS,
    into: Annotated[Path, typer.Option(help="Where the pages and plots are.")] = ROOT,
) -> None:
    """Write the pages and plots."""
    found = json.loads(results.read_text())
    for page in PAGES:
        path = into / page
        path.write_text(filled(path.read_text(), found))
    (into / PLOTS).mkdir(exist_ok=True)
    for name, picture in plots(found).items():
        (into / PLOTS / f"{name}.svg").write_text(picture)


if __name__ == "__main__":
    typer.run(main)
