"""Plots as SVG text: lines over two axes, and bars beside a limit. They read in light and dark, as the reader prefers.

Written by hand because a plotting library weighs more than the whole gateway, for four pictures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

PANEL, HEIGHT = 440, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 64, 48
BAR, BARS_LEFT, BARS_WIDTH = 24, 150, 880

_STYLE = """<style>
text { font: 12px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .faint { fill: #59636e }
.card { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round }
.s0 { stroke: #0969da } .s1 { stroke: #bc4c00 } .s2 { stroke: #818b98 }
.d0 { fill: #0969da } .d1 { fill: #bc4c00 } .d2 { fill: #818b98 } .limit { stroke: #1f2328; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .faint { fill: #9198a1 } .card { fill: #0d1117; stroke: #3d444d } .grid { stroke: #2f353d }
.s0 { stroke: #4493f8 } .s1 { stroke: #f0883e } .s2 { stroke: #9198a1 }
.d0 { fill: #4493f8 } .d1 { fill: #f0883e } .d2 { fill: #9198a1 } .limit { stroke: #f0f6fc }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes with a line for each name; `log_x`, `log_y`: that axis grows by factors."""

    x: str
    y: str
    lines: Mapping[str, Points]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as long as `value`, and a mark at its `limit`; `bad` is drawn in the other colour."""

    name: str
    value: float
    limit: float
    bad: bool


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values from `low` to `high` on the way from `start` to `end` in pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, value: float) -> float:
        if self.log:
            value = max(value, self.low)
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 3) if len(powers) < 5 else (1,)
            found = [step * 10.0**power for power in powers for step in steps]
            return [tick for tick in found if self.low <= tick <= self.high]
        step = nice(self.high / 5)
        return [step * number for number in range(int(self.high / step) + 1)]


def nice(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten that is not smaller."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def plot(title: str, panels: Sequence[Panel]) -> str:
    """A picture of panels side by side; a name has the same colour in each."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    width = PANEL * len(panels)
    parts = [f'<text class="title" x="20" y="28">{escape(title)}</text>']
    parts += _legend(names, width)
    for number, panel in enumerate(panels):
        parts += _panel(panel, names, number * PANEL)
    return _svg(width, HEIGHT, parts)


def bars(title: str, note: str, rows: Sequence[Bar]) -> str:
    """A picture of horizontal bars."""
    high = max([bar.value for bar in rows] + [bar.limit for bar in rows]) * 1.08
    axis = _Axis(0, high, BARS_LEFT, BARS_WIDTH - 70, log=False)
    parts = [f'<text class="title" x="20" y="28">{escape(title)}</text>']
    parts.append(f'<text class="faint" x="20" y="47">{escape(note)}</text>')
    for number, bar in enumerate(rows):
        y = TOP + number * BAR
        end, limit = axis.place(bar.value), axis.place(bar.limit)
        parts.append(f'<text x="{BARS_LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(bar.name)}</text>')
        size = f'width="{end - BARS_LEFT:.1f}" height="14" rx="2"'
        parts.append(f'<rect class="d{int(bar.bad)}" x="{BARS_LEFT}" y="{y + 2}" {size}/>')
        parts.append(f'<line class="limit" x1="{limit}" y1="{y - 1}" x2="{limit}" y2="{y + 19}"/>')
        parts.append(f'<text x="{max(end, limit) + 7:.1f}" y="{y + 13}">{bar.value:.2f}</text>')
    return _svg(BARS_WIDTH, TOP + len(rows) * BAR + 16, parts)


def _panel(panel: Panel, names: Sequence[str], left: int) -> list[str]:
    x = _axis(
        [x for points in panel.lines.values() for x, _ in points], left + LEFT, left + PANEL - RIGHT, log=panel.log_x
    )
    y = _axis([y for points in panel.lines.values() for _, y in points], HEIGHT - BOTTOM, TOP, log=panel.log_y)
    parts = []
    for tick in y.ticks():
        at = y.place(tick)
        parts.append(f'<line class="grid" x1="{x.start}" y1="{at}" x2="{x.end}" y2="{at}"/>')
        parts.append(f'<text class="faint" x="{x.start - 8}" y="{at + 4}" text-anchor="end">{_short(tick)}</text>')
    for tick in x.ticks():
        at = x.place(tick)
        parts.append(f'<text class="faint" x="{at}" y="{y.start + 18}" text-anchor="middle">{_short(tick)}</text>')
    middle = (x.start + x.end) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel.x)}</text>')
    parts.append(f'<text class="faint" x="{left + 20}" y="{TOP - 14}">{escape(panel.y)}</text>')
    for name, points in panel.lines.items():
        colour = names.index(name)
        places = [(x.place(one), y.place(other)) for one, other in points]
        path = " ".join(f"{one},{other}" for one, other in places)
        parts.append(f'<polyline class="line s{colour}" points="{path}"/>')
        if len(places) <= 12:  # more are a line by themselves
            parts += [f'<circle class="d{colour}" cx="{one}" cy="{other}" r="3.4"/>' for one, other in places]
    return parts


def _axis(values: Sequence[float], start: float, end: float, *, log: bool) -> _Axis:
    most = max([*values, 0.0]) or 1.0
    if log:
        least = min(value for value in [*values, most] if value > 0)
        return _Axis(least / 1.15, most * 1.15, start, end, log)
    step = nice(most / 5)
    return _Axis(0, step * math.ceil(most / step), start, end, log)


def _legend(names: Sequence[str], width: int) -> list[str]:
    parts, at = [], width - 20.0
    for number, name in reversed(list(enumerate(names))):
        at -= 7.4 * len(name) + 34
        parts.append(f'<line class="line s{number}" x1="{at}" y1="24" x2="{at + 16}" y2="24"/>')
        parts.append(f'<text x="{at + 21}" y="28">{escape(name)}</text>')
    return parts


def _short(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:.3g}"


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    card = f'<rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>'
    return "\n".join([head, _STYLE, card, *parts, "</svg>"]) + "\n"
