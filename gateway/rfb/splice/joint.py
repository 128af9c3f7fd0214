"""What a joined stream keeps while its seam is open.

Owns the fields only; joined has the rules.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from gateway.rfb.framing import Released


@dataclass(slots=True)
class Joint:
    """`size`: the server's. `keys_up`: what to lift by keycode, with keysyms. `buttons_owed`: back and forward, if they
    were down at the loss and this server has not been told yet. `resets_h264`: the client's contexts are
    to be reset. `due`: capabilities whose offer makes us send something.

    `parked`: released, and not handed on before we know whether it may be; `mark`: where in it an update begins that
    waits for its first pixels, None if none does.

    `area`: pixels that have come, for `refreshed`: a server does not send one twice in an update. `updates`: how many
    have begun since the last look. `closed`: there is nothing left to look at.
    """

    size: tuple[int, int]
    keys_up: dict[int, int]
    buttons_owed: int
    resets_h264: bool
    due: Collection[int]
    parked: Released = field(default_factory=list)
    mark: int | None = None
    area: int = 0
    refreshed: bool = False
    updates: int = 0
    closed: bool = False
