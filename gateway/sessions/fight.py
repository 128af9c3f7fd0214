"""Is somebody else taking the instance away again and again? (product.md, `contended`)

Where a cloud allows one session per instance, a newcomer ends the earlier one, and two parties that both
come back would spend the whole budget on throwing each other out. A replica that is cut off from the shared state can't
know that the console was leased to somebody on another one: then that is who takes it (state.md, "Split").
"""

from dataclasses import dataclass

from gateway.errors import Contended, TakenOver, UpstreamLost

LOSSES = 5
"""Losses in a row that are a fight."""

SHORT = 3.0
"""Seconds after which a connection has lived: whoever fights comes back at once."""


@dataclass(slots=True)
class Fight:
    """The losses of one session so far."""

    _losses: int = 0

    def lost(self, error: UpstreamLost, *, one_session: bool, lived: float, cut_off: bool) -> None:
        """Note a loss, `lived` seconds after the first picture. Raises for the last one that is accepted.

        `cut_off`: the shared state can't be asked. Raises TakenOver then, else Contended. Also a connection that has
        lived counts then, or the owner, whose first one is the younger, would be the first to have lost five.
        """
        if not one_session or not error.closed:
            self._losses = 0
            return
        if lived >= SHORT:
            self._losses = int(cut_off)
            return
        self._losses += 1
        if self._losses >= LOSSES:
            message = f"{LOSSES} connections in a row were closed within {SHORT:g} s"
            raise (TakenOver(message, user=None, since=0) if cut_off else Contended(message)) from error
