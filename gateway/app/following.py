"""A running gateway goes over to another configuration: all of it that can be had, or nothing.

Every part first makes what it needs of the new settings, which may take its time and fail; only when all have, each
puts its own in place, at one moment between two turns of the loop. No request is answered by half of each.
"""

from collections.abc import Awaitable, Callable, Sequence

from gateway.config.changes import Change, between
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError

Commit = Callable[[], None]
"""Puts in place what was prepared. Neither waits nor fails."""

Prepare = Callable[[Settings], Awaitable[Commit]]
"""Makes what a part needs of new settings, and changes nothing yet. Raises ConfigurationError."""


class Following:
    """The parts that follow the configuration. `settings`: those in force."""

    def __init__(self, settings: Settings, parts: Sequence[Prepare]) -> None:
        self.settings = settings
        self._parts = parts

    async def follow(self, wanted: Settings) -> Change:
        """Go over to `wanted`, but for what needs a restart.

        Raises ConfigurationError with a line for each fault of every part: all is as it was then.
        """
        change = between(self.settings, wanted)
        commits: list[Commit] = []
        faults: list[str] = []
        for prepare in self._parts:
            try:
                commits.append(await prepare(change.settings))
            except ConfigurationError as error:
                faults += str(error).splitlines()
        if faults:
            raise ConfigurationError("\n".join(dict.fromkeys(faults)))
        for commit in commits:
            commit()
        self.settings = change.settings
        return change
