"""The desktop of one simulated machine: what it shows, and what keys, pointer and clipboard do to it.

It outlives its connections, as a machine does. Leaves the protocol to `rfb_server`, and the beat of its clock to
`viewer`.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.simulator.desktop import font, keys, shell, theme, window, wire
from gateway.simulator.desktop.canvas import Canvas, blend, colour
from gateway.simulator.desktop.damage import Copy
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.layout import STATUS, layout
from gateway.simulator.desktop.rfb_server import RfbServer
from gateway.simulator.desktop.terminal import Terminal
from gateway.simulator.desktop.widgets import Chart, Clock, Paint
from gateway.simulator.desktop.wire import FromServer

SIZE = (800, 600)
SIZES = range(64, 4097)  # sides of a screen: enough for a title, not enough to exhaust the memory
REMEMBERED = 10_000  # events kept for tests
PROMPT = "root@vm:~# "

WELCOME = """\
This is a simulated machine. Type, paint, paste; try help.
"""


@dataclass
class Events:
    """Input that has arrived, for tests: what a guest would have seen."""

    keys: deque[tuple[int, bool]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    pointers: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    held: set[int] = field(default_factory=set)


class Desktop:
    """A screen with a terminal, a clock, a chart and a sheet to paint on.

    `frozen`: nothing is drawn any more, input is only noted. `animated`: the clock and the chart move.
    `resizable`: viewers may choose the size.
    """

    def __init__(
        self, name: str, *, owner: str = "Simulated Cloud", accent: int = theme.CURSOR, size: tuple[int, int] = SIZE
    ) -> None:
        self.name = name
        self.events = Events()
        self.clipboard = ""
        self.now = 0.0
        self.frozen = False
        self.animated = True
        self.resizable = True
        self.viewers: set[RfbServer] = set()
        self._owner = owner
        self._accent = accent
        self._pointer = (0, 0, 0)
        self._key = ""
        self._terminal = Terminal(self._run, PROMPT)
        self._terminal.write(WELCOME, theme.DIM)
        self._terminal.ask()
        self._draw(*size)

    def rgb(self) -> bytes:
        """The picture, three bytes a pixel."""
        data = self.canvas.pixels
        out = bytearray(len(data) // 4 * 3)
        for channel in range(3):
            out[channel::3] = data[channel::4]
        return bytes(out)

    def terminal_text(self) -> list[str]:
        """The lines that the terminal shows."""
        return self._terminal.text()

    def tick(self, now: float) -> None:
        """A tenth of a second or so has passed; `now` in seconds since 1970."""
        self.now = now
        if self.animated and not self.frozen:
            self._show_time()
            self._chart.tick()

    # What the machine itself does.

    def print(self, text: str) -> None:
        """Print to the terminal, as a program would."""
        if not self.frozen:
            self._terminal.write(text)

    def resize(self, width: int, height: int) -> int:
        """Become that large; how it went is a status of ExtendedDesktopSize."""
        return self._resize(width, height, None)

    def rename(self, name: str) -> None:
        self.name = name
        self._draw_bar()
        for viewer in self.viewers:
            viewer.renamed()

    def send_clipboard(self, text: str) -> None:
        """Put text on the clipboard of whoever is looking."""
        self.clipboard = text
        self._tell(wire.cut_text(text))
        self._show_status()

    def bell(self) -> None:
        self._tell(bytes([FromServer.BELL]))

    def wipe(self) -> None:
        self._paint.wipe()

    def clear_terminal(self) -> None:
        self._terminal.clear()

    # What viewers do.

    def join(self, viewer: RfbServer) -> None:
        self.viewers.add(viewer)

    def leave(self, viewer: RfbServer) -> None:
        self.viewers.discard(viewer)

    def key(self, keysym: int, *, down: bool) -> None:
        self.events.keys.append((keysym, down))
        if not down:
            self.events.held.discard(keysym)
            return
        self.events.held.add(keysym)
        if self.frozen:
            return
        held = self.events.held
        char = keys.typed(keysym)
        if held & keys.CONTROLS and held & keys.ALTS:
            if keysym == keys.DELETE:
                self._terminal.write("\nCtrl-Alt-Del: a real machine might restart now.\n", theme.ALERT)
                self._terminal.ask()
        elif held & keys.CONTROLS:
            self._control(char)
        elif char:
            self._terminal.type(char)
        self._key = char.strip() or hex(keysym)
        self._show_status()

    def pointer(self, x: int, y: int, buttons: int) -> None:
        self.events.pointers.append((x, y, buttons))
        if self.frozen:
            return
        self._pointer = (x, y, buttons)
        self._paint.pointer(x, y, buttons)
        self._show_status()

    def cut_text(self, text: str) -> None:
        self.clipboard = text
        if not self.frozen:
            self._show_status()

    def ask_size(self, width: int, height: int, by: RfbServer) -> int:
        return self._resize(width, height, by) if self.resizable else wire.PROHIBITED

    # Changes of the picture reach everybody who looks.

    def painted(self, rect: Rect) -> None:
        for viewer in self.viewers:
            viewer.painted(rect)

    def scrolled(self, copy: Copy) -> None:
        for viewer in self.viewers:
            viewer.scrolled(copy)

    def _tell(self, message: bytes) -> None:
        for viewer in self.viewers:
            viewer.say(message)

    def _resize(self, width: int, height: int, by: RfbServer | None) -> int:
        if width not in SIZES or height not in SIZES:
            return wire.INVALID_LAYOUT
        if (width, height) != (self.canvas.width, self.canvas.height):
            self._draw(width, height, ticks=self._chart.ticks)
            for viewer in self.viewers:
                viewer.resized(by)
        return wire.RESIZED

    def _run(self, line: str) -> None:
        self._terminal.write(shell.run(line, self))

    def _control(self, char: str) -> None:
        if char.lower() == "l":
            self._terminal.clear()
            self._terminal.ask()
        elif char.lower() == "c":
            self._terminal.write("^C\n", theme.DIM)
            self._terminal.ask()

    # Drawing.

    def _draw(self, width: int, height: int, *, ticks: int = 0) -> None:
        """Everything anew on a canvas of that size; viewers hear of it afterwards."""
        viewers, self.viewers = self.viewers, set()
        self.canvas = Canvas(width, height, self)
        for y in range(height):
            shade = blend(theme.SKY, theme.SEA, (y // 8 * 8) / height)
            self.canvas.fill(Rect(0, y, width, 1), colour(shade))
        self._layout = parts = layout(width, height)
        for frame, title in (
            (parts.terminal, "Terminal"),
            (parts.clock, "Clock (UTC)"),
            (parts.chart, "Load"),
            (parts.paint, "Paint here"),
        ):
            if frame:
                window.draw(self.canvas, frame, title)
        self._terminal.place(self.canvas, window.body(parts.terminal))
        self._clock = Clock(self.canvas, window.body(parts.clock))
        self._chart = Chart(self.canvas, window.body(parts.chart).inset(8), ticks)
        self._paint = Paint(self.canvas, window.body(parts.paint))
        self._draw_bar()
        self._show_time()
        self._show_status()
        self.viewers = viewers

    def _draw_bar(self) -> None:
        bar = self._layout.bar
        self.canvas.fill(bar, colour(theme.BAR))
        self.canvas.fill(Rect(bar.x, bar.bottom - 2, bar.width, 2), colour(self._accent))
        self.canvas.rows(16, 7, font.text(self._owner, self._accent, theme.BAR))
        self.canvas.rows(16 + font.WIDTH * (len(self._owner) + 2), 7, font.text(self.name, theme.BAR_INK, theme.BAR))
        self._date = ""

    def _show_time(self) -> None:
        now = datetime.fromtimestamp(self.now, UTC)
        self._clock.show(f"{now:%H:%M:%S}")
        date = f"{now:%a %d %b %Y}"
        if date != self._date:
            self._date = date
            x = self._layout.bar.right - 16 - font.WIDTH * len(date)
            if x > 16 + font.WIDTH * (len(self._owner) + len(self.name) + 3):
                self.canvas.rows(x, 7, font.text(date, theme.BAR_DIM, theme.BAR))

    def _show_status(self) -> None:
        """The line at the bottom: what arrived last."""
        x, y, buttons = self._pointer
        pressed = "".join(name if buttons >> bit & 1 else "-" for bit, name in enumerate("LMR"))
        size = f"{self.canvas.width}x{self.canvas.height}"
        shown = "".join(char if char.isprintable() else " " for char in self.clipboard[:200])
        line = f"{size}  pointer {x:4},{y:4} {pressed}  key {self._key:<8}  clipboard {shown}"
        area = self._layout.status
        columns = max((area.width - 32) // font.WIDTH, 0)
        rows = font.text(line[:columns].ljust(columns), theme.BAR_DIM, theme.BAR)
        edge = colour(theme.BAR)
        blank = edge * area.width
        margin = edge * 16
        rest = edge * (area.width - 16 - columns * font.WIDTH)
        pad = (STATUS - font.HEIGHT) // 2
        self.canvas.rows(area.x, area.y, [blank] * pad + [margin + row + rest for row in rows] + [blank] * pad)
