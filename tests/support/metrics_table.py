"""docs/metrics.md, read: which metrics there are, with which labels and values of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

_ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \|(.*?)\|", re.MULTILINE)
_LABEL = re.compile(r"`(\w+)`(?:: ((?:`\w+`(?:, )?)+)|: [^`,]+|)(?:, |$)")


@dataclass(frozen=True, slots=True)
class Row:
    """A metric by the name of its samples; a histogram's without its endings. `labels`: their values, none for any."""

    name: str
    type: str
    labels: dict[str, frozenset[str]]

    @property
    def samples(self) -> tuple[str, ...]:
        if self.type != "histogram":
            return (self.name,)
        return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))

    @staticmethod
    def of(sample: str, rows: Iterable["Row"]) -> "Row":
        """The row of a sample's metric."""
        return next(row for row in rows if sample in row.samples)


def rows() -> list[Row]:
    """The table, top to bottom."""
    found = []
    for name, kind, labels in _ROW.findall(PAGE.read_text()):
        found.append(Row(name, kind, _labels(labels.strip())))
    return found


def _labels(text: str) -> dict[str, frozenset[str]]:
    labels = {}
    while text:
        match = _LABEL.match(text)
        if match is None:
            raise ValueError(f"cannot be read: {text}")
        labels[match[1]] = frozenset(re.findall(r"\w+", match[2] or ""))
        text = text[match.end() :]
    return labels
