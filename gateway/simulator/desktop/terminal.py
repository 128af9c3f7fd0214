"""A terminal: prints text, echoes keys, scrolls."""

from collections.abc import Callable

from gateway.simulator.desktop import font, theme
from gateway.simulator.desktop.canvas import Canvas, colour
from gateway.simulator.desktop.geometry import Rect

LINE = 18  # pixels from one line to the next
MARGIN = 8
UNPLACED = 1000  # columns and lines before there is an area: as good as no limit

Cell = tuple[str, int]  # a character and its ink


class Terminal:
    """Owns the text of `area`. `run` gets each line that was entered; it prints by `write`."""

    def __init__(self, run: Callable[[str], None], prompt: str) -> None:
        self.entered = ""  # the line being typed
        self._run = run
        self._prompt = prompt
        self._rows: list[list[Cell]] = [[]]
        self._canvas: Canvas | None = None
        self._area = Rect(0, 0, 0, 0)
        self._columns = self._lines = UNPLACED

    def place(self, canvas: Canvas, area: Rect) -> None:
        """Show the text in an area of a canvas, the end of it where it is too long."""
        self._canvas, self._area = canvas, area.inset(MARGIN)
        self._columns = max(self._area.width // font.WIDTH, 1)
        self._lines = max(self._area.height // LINE, 1)
        text, self._rows = self._rows, [[]]
        self._canvas = None  # lay out first, paint once
        for number, row in enumerate(text):
            if number:
                self._put("\n", 0)
            for char, ink in row:
                self._put(char, ink)
        self._canvas = canvas
        self._paint_all()

    def text(self) -> list[str]:
        """The lines shown."""
        return ["".join(char for char, _ in row) for row in self._rows]

    def write(self, text: str, ink: int = theme.INK) -> None:
        """Print text; a newline starts a new line, what is too long goes on in the next."""
        for char in text:
            self._put(char, ink)
        self._paint(len(self._rows) - 1)

    def ask(self) -> None:
        """Print the prompt."""
        self.entered = ""
        self.write(self._prompt, theme.PROMPT)

    def clear(self) -> None:
        self._rows = [[]]
        self._paint_all()

    def type(self, char: str) -> None:
        """One typed character: a newline enters the line, a backspace takes one back."""
        if char == "\n":
            line, self.entered = self.entered, ""
            self._put("\n", 0)
            self._run(line)
            self.ask()
        elif char == "\b":
            self._rub_out()
        else:
            self.entered += char
            self.write(char)

    def _rub_out(self) -> None:
        if not self.entered:
            return
        self.entered = self.entered[:-1]
        if not self._rows[-1]:
            self._rows.pop()
            self._paint(len(self._rows))
        self._rows[-1].pop()
        self._paint(len(self._rows) - 1)

    def _put(self, char: str, ink: int) -> None:
        if char == "\n" or len(self._rows[-1]) == self._columns:
            self._paint(len(self._rows) - 1, cursor=False)
            self._rows.append([])
            if len(self._rows) > self._lines:
                del self._rows[0]
                if self._canvas is not None:
                    self._canvas.scroll(Rect(*self._grid(0), self._columns * font.WIDTH, self._lines * LINE), 0, -LINE)
        if char != "\n":
            self._rows[-1].append((char, ink))

    def _grid(self, row: int) -> tuple[int, int]:
        return self._area.x, self._area.y + row * LINE

    def _paint_all(self) -> None:
        for row in range(self._lines):
            self._paint(row)

    def _paint(self, row: int, *, cursor: bool = True) -> None:
        """Paint one line; the cursor is a block after the last one."""
        if self._canvas is None:
            return
        cells = self._rows[row] if row < len(self._rows) else []
        glyphs = [font.glyph(char, ink, theme.PAPER) for char, ink in cells]
        if cursor and row == len(self._rows) - 1 and len(cells) < self._columns:
            glyphs.append(font.glyph(" ", theme.INK, theme.CURSOR))
        blank = font.glyph(" ", theme.INK, theme.PAPER)
        glyphs += [blank] * (self._columns - len(glyphs))
        gap = [colour(theme.PAPER) * (self._columns * font.WIDTH)] * (LINE - font.HEIGHT)
        self._canvas.rows(*self._grid(row), font.beside(glyphs) + gap)
