"""Where the parts of the desktop are, for any size of the screen."""

from dataclasses import dataclass

from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.window import TITLE_HEIGHT

GAP = 16
BAR = 32
STATUS = 24
SIDE = 232  # width of the column on the right, left out of narrow screens
NARROW = 560
CLOCK = TITLE_HEIGHT + 74
CHART = TITLE_HEIGHT + 136


@dataclass(frozen=True, slots=True)
class Layout:
    """Frames of the windows; parts without room are empty."""

    bar: Rect
    status: Rect
    terminal: Rect
    clock: Rect
    chart: Rect
    paint: Rect


def layout(width: int, height: int) -> Layout:
    top = BAR + GAP
    bottom = height - STATUS - GAP
    room = max(bottom - top, 0)
    side = SIDE if width >= NARROW else 0
    x = width - GAP - side
    left = max((x if side else width) - 2 * GAP, 0)
    clock = Rect(x, top, side, min(CLOCK, room))
    chart = Rect(x, clock.bottom + GAP, side, max(min(CHART, bottom - clock.bottom - GAP), 0))
    paint = Rect(x, chart.bottom + GAP, side, max(bottom - chart.bottom - GAP, 0))
    return Layout(
        bar=Rect(0, 0, width, BAR),
        status=Rect(0, height - STATUS, width, STATUS),
        terminal=Rect(GAP, top, left, room),
        clock=clock,
        chart=chart,
        paint=paint,
    )
