"""What a load asked for, so that every ending in the audit can be explained, and what happened otherwise."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Ledger:
    """`done` counts what was done, `faults` tell what did not go as it should."""

    done: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    faults: list[str] = field(default_factory=list)
    _endings: defaultdict[str, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))

    def expect(self, session: str, *outcomes: str) -> None:
        """One connection of `session` was made to end by one of `outcomes`."""
        self._endings[session].append(outcomes)

    def unexplained(self, acts: Iterable[Mapping[str, Any]]) -> list[str]:
        """Each `session_ended` of the audit that was not asked for, and each ending that was and is not there."""
        left = {session: sorted(endings, key=len) for session, endings in self._endings.items()}
        wrong = []
        for act in acts:
            if act["act"] != "session_ended":
                continue
            here = left.get(act["session"], [])
            fitting = next((outcomes for outcomes in here if act["outcome"] in outcomes), None)
            if fitting is None:
                wrong.append(f"{act['time']}: {act['session']} at {act['console']} ended by {act['outcome']}")
            else:
                here.remove(fitting)
        for session, endings in left.items():
            wrong += [f"{session} did not end by {' or '.join(outcomes)}" for outcomes in endings]
        return wrong
