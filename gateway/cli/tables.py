"""Sessions for people at a terminal: tables; and for programs in a pipe: a line each, its fields separated by tabs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from gateway.telemetry.redact import escape_text

FIELDS = ("id", "state", "console", "user", "source", "started_at", "last_input_at", "replica", "reference")
"""Of a line in a pipe, in this order for ever; more may follow."""

NARROW = ("id", "state", "console", "user", "open", "input")
MORE = ("source", "to browser", "replica", "reference")
WHOLE = ("id", "console", "user")
"""What is never broken, or cut while there is room: it is copied, and looked for."""

WIDE = 120
"""Columns of a terminal in which there is room for more of a session than who is where."""

Session = Mapping[str, Any]


def lines(sessions: Sequence[Session]) -> Iterator[str]:
    """A line for each session."""
    for session in sessions:
        yield "\t".join(_text(session[field]) for field in FIELDS)


def print_list(sessions: Sequence[Session]) -> None:
    """Print a table with a row for each session."""
    terminal = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    shown = (*NARROW, *MORE) if terminal.width >= WIDE else NARROW
    for heading in shown:
        table.add_column(heading, no_wrap=heading in WHOLE, justify="right" if heading == "to browser" else "left")
    now = time.time()
    for session in sessions:
        cells: dict[str, RenderableType] = {
            **{heading: _cell(session[heading]) for heading in shown if heading in session},
            "open": _ago(session["started_at"], now),
            "input": _ago(session["last_input_at"], now),
            "to browser": _size(session["per_second"]["bytes"]["to_browser"]) + "/s",
        }
        table.add_row(*(cells[heading] for heading in shown))
    terminal.print(table)


def print_one(session: Session) -> None:
    """Print all that is told of a session, a row for each fact."""
    table = Table(box=None, show_header=False, pad_edge=False)
    now = time.time()
    rights = session["rights"]
    for name in ("id", "console", "user", "source", "reference", "replica", "state", "upstream", "splices"):
        table.add_row(name, _cell(session[name]))
    table.add_row("rights", _cell(", ".join(f"{name}: {_text(value)}" for name, value in rights.items())))
    table.add_row("started", _cell(f"{session['started_at']}, {_ago(session['started_at'], now)} ago"))
    table.add_row(
        "last input", _cell(f"{_ago(session['last_input_at'], now)} ago" if session["last_input_at"] else "-")
    )
    for direction in ("to_browser", "to_upstream"):
        table.add_row(direction.replace("_", " "), _passed(session, direction))
    Console().print(table)


def _passed(session: Session, direction: str) -> str:
    total, rate = (
        {what: counts[direction] for what, counts in session[key].items()} for key in ("passed", "per_second")
    )
    return (
        f"{_size(total['bytes'])} in {total['messages']} messages; "
        f"over the last minute {_size(rate['bytes'])} and {rate['messages']} messages a second"
    )


def _cell(value: object) -> Text:
    """A value as it is: what looks like markup is none."""
    return Text(_text(value))


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else escape_text(str(value))


def _size(count: float) -> str:
    return decimal(round(count))


def _ago(moment: str | None, now: float) -> str:
    """How long ago `moment` was, in the largest unit that it fills and the one below."""
    if moment is None:
        return "-"
    seconds = max(0, round(now - datetime.fromisoformat(moment).timestamp()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
