"""Where the browser stands in the server's stream.

Owns the words for it. The framing of updates keeps them; whoever has to finish what the browser has half of reads them.
"""

from dataclasses import dataclass
from enum import IntEnum


class Inside(IntEnum):
    """What the next byte from the server belongs to."""

    MESSAGE = 0
    """Nothing yet: a message begins."""
    RECTANGLE = 1
    """A FramebufferUpdate: a rectangle begins."""
    BULK = 2
    """Something that is released as it comes."""
    DROPPED = 3
    """A message that the browser does not get."""
    TILES = 4
    """A Hextile rectangle: a tile begins."""
    IMAGE = 5
    """A JPEG rectangle that is too large to hold."""
    SEAM = 6
    """A message or a rectangle begins, and the seam of a splice is still open: see splice.joined."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the browser has half of.

    `rectangles_left`: of the update, one that was begun included; 0 between messages. `raw_left`: bytes to come of a
    Raw rectangle that was begun. `tiles_left`: tiles to come of a Hextile rectangle that was begun. `pixel`: bytes of a
    pixel in this update. `repairable`: False inside something that only the server could finish.
    """

    rectangles_left: int
    raw_left: int
    tiles_left: int
    pixel: int
    repairable: bool
