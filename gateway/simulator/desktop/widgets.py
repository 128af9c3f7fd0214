"""The moving parts of the desktop beside the terminal: a big clock, a chart that scrolls, an area to paint in."""

import math
from functools import lru_cache

from gateway.simulator.desktop import font, theme
from gateway.simulator.desktop.canvas import Canvas, blend, colour
from gateway.simulator.desktop.geometry import Rect

CLOCK_SCALE = 3
CHART_STEP = 2  # pixels a tick
CHART_GRID = 24  # pixels from one line of the grid to the next


class Clock:
    """Shows a time of day in large digits."""

    def __init__(self, canvas: Canvas, area: Rect) -> None:
        self._canvas = canvas
        self._area = area
        self._shown = ""

    def show(self, text: str) -> None:
        if text == self._shown:
            return
        scale = CLOCK_SCALE
        width, height = font.WIDTH * scale, font.HEIGHT * scale
        x = self._area.x + (self._area.width - width * len(text)) // 2
        y = self._area.y + (self._area.height - height) // 2
        if Rect(x, y, width * len(text), height) in self._area:
            for place, char in enumerate(text):
                if self._shown[place : place + 1] != char:
                    shape = "O" if char == "0" else char  # at that size the stroke in a zero is ugly
                    rows = list(font.glyph(shape, theme.INK, theme.PAPER, scale))
                    self._canvas.rows(x + place * width, y, rows)
        self._shown = text


class Chart:
    """A load that never ends, moving to the left."""

    def __init__(self, canvas: Canvas, area: Rect, ticks: int) -> None:
        self.ticks = ticks
        self._canvas = canvas
        self._area = area
        columns = area.width // CHART_STEP
        for place in range(columns):
            self._column(area.x + place * CHART_STEP, ticks - columns + 1 + place)

    def tick(self) -> None:
        """One step: the whole chart moves, its right edge is new."""
        self.ticks += 1
        columns = self._area.width // CHART_STEP
        shown = Rect(self._area.x, self._area.y, columns * CHART_STEP, self._area.height)
        if shown:
            self._canvas.scroll(shown, -CHART_STEP, 0)
            self._column(shown.right - CHART_STEP, self.ticks)

    def _column(self, x: int, tick: int) -> None:
        load = 0.45 + 0.2 * math.sin(tick / 17) + 0.14 * math.sin(tick / 7.3) + 0.04 * math.sin(tick / 1.9)
        self._canvas.rows(x, self._area.y, _bar(self._area.height, round(load * self._area.height)))


@lru_cache(maxsize=1024)
def _bar(height: int, level: int) -> list[bytes]:
    """The rows of one column of the chart, `level` pixels of it filled."""
    rows = []
    for y in range(height):
        above = height - level - y
        if above > 0:
            shade = theme.GRID if y % CHART_GRID == CHART_GRID - 1 else theme.PAPER
        elif above > -2:
            shade = theme.CHART_TOP
        else:
            steps = 12  # shades: few, for the palettes
            shade = blend(theme.CHART, theme.PAPER, (-above * steps // height) / steps)
        rows.append(colour(shade) * CHART_STEP)
    return rows


class Paint:
    """An area where the pointer leaves a trail, and paints while a button is down."""

    def __init__(self, canvas: Canvas, area: Rect) -> None:
        self._canvas = canvas
        self._area = area
        self._last = (-1, -1)
        self.wipe()

    def wipe(self) -> None:
        """An empty sheet with a grid of dots."""
        area = self._area
        self._canvas.fill(area, colour(theme.PAPER))
        grid = [
            Rect(x, y, 1, 1) for y in range(area.y + 12, area.bottom, 16) for x in range(area.x + 12, area.right, 16)
        ]
        self._canvas.dots(grid, colour(theme.FRAME), area)

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """Draw the way from the last position to this one."""
        x0, y0 = self._last if self._last != (-1, -1) else (x, y)
        self._last = (x, y)
        steps = max(abs(x - x0), abs(y - y0), 1)
        pressed = next((brush for bit, brush in enumerate(theme.BRUSHES) if buttons >> bit & 1), None)
        stamps = []
        for step in range(steps + 1):
            at_x, at_y = x0 + (x - x0) * step // steps, y0 + (y - y0) * step // steps
            if pressed is None:
                stamps.append(Rect(at_x, at_y, 2, 2))
            else:  # a round brush of two crossed rectangles
                stamps += [Rect(at_x - 1, at_y - 2, 3, 5), Rect(at_x - 2, at_y - 1, 5, 3)]
        self._canvas.dots(stamps, colour(theme.TRAIL if pressed is None else pressed), self._area)
