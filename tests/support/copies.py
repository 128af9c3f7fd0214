"""Many consoles with one server behind them: a console is one session's at a time, tests want many sessions."""

from collections.abc import Mapping
from itertools import cycle


class Copies:
    """`count` consoles for each of `servers`, which are addresses by name."""

    def __init__(self, servers: Mapping[str, str], count: int) -> None:
        self.consoles = {f"{name}-{number}": url for name, url in servers.items() for number in range(count)}
        self._numbers = {name: cycle(range(count)) for name in servers}

    def own(self, path: str) -> str:
        """A console that was not given lately, in place of the server's name in `lab/NAME` or `lab/NAME?…`."""
        console, mark, query = path.partition("?")
        provider, _, name = console.partition("/")
        return f"{provider}/{name}-{next(self._numbers[name])}{mark}{query}"
