"""Reading the simulated desktop off a page: what stands in its terminal, found in the pixels of noVNC's canvas.

A cell is recognised only where every pixel of it is as the desktop draws that letter, so whatever is read here has
come through the gateway and both decoders unharmed.
"""

import base64
import io
import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Page

from gateway.simulator.desktop import desktop, font, theme
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.layout import STATUS, Layout, layout
from gateway.simulator.desktop.strokes import GLYPHS
from gateway.simulator.desktop.terminal import LINE, MARGIN
from gateway.simulator.desktop.window import body
from support.programs import eventually

Pixels = NDArray[np.uint8]

UNREAD = "�"  # a cell that is no letter of the desktop's
CURSOR = "▮"
PROMPT = desktop.PROMPT.strip()

_TERMINAL_INKS = (theme.INK, theme.PROMPT, theme.DIM, theme.ALERT)
_BAR_TEXT = (16, 7)  # where the bar's text begins

_SIZE = "[document.querySelector('#screen canvas').width, document.querySelector('#screen canvas').height]"
# As PNG, which is exact and a hundredth of the bytes.
_PIXELS = """([x, y, width, height]) => {
  const part = Object.assign(document.createElement("canvas"), { width, height });
  part.getContext("2d").drawImage(document.querySelector("#screen canvas"), -x, -y);
  return part.toDataURL("image/png").split(",")[1];
}"""


class Reading:
    """The desktop that a page shows."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def size(self) -> tuple[int, int]:
        """Of the machine's screen, whatever its size on the page."""
        width, height = await self._page.evaluate(_SIZE)
        return int(width), int(height)

    async def layout(self) -> Layout:
        return layout(*await self.size())

    async def pixels(self, rect: Rect) -> Pixels:
        """Rows of red, green, blue."""
        packed = await self._page.evaluate(_PIXELS, [rect.x, rect.y, rect.width, rect.height])
        with Image.open(io.BytesIO(base64.b64decode(packed))) as image:
            return np.asarray(image.convert("RGB"))

    async def terminal(self) -> list[str]:
        """Its lines from the top, without those below the cursor."""
        area = body((await self.layout()).terminal).inset(MARGIN)
        columns, lines = area.width // font.WIDTH, area.height // LINE
        pixels = await self.pixels(Rect(area.x, area.y, columns * font.WIDTH, lines * LINE))
        rows = (pixels[row * LINE :] for row in range(lines))
        texts = [read_text(row, _TERMINAL_INKS, theme.PAPER).rstrip() for row in rows]
        while texts and not texts[-1]:
            texts.pop()
        return texts

    async def shows(self, *lines: str) -> None:
        """Wait until the terminal ends with these lines, the cursor among their letters."""

        async def ends() -> bool:
            return (await self.terminal())[-len(lines) :] == [*lines]

        try:
            await eventually(ends)
        except AssertionError:
            assert await self.terminal() == [*lines]

    async def bar(self, accent: int) -> str:
        """Owner and name of the machine, and the date."""
        x, y = _BAR_TEXT
        width, _ = await self.size()
        pixels = await self.pixels(Rect(x, y, width - x, font.HEIGHT))
        return read_text(pixels, (accent, theme.BAR_INK), theme.BAR)

    async def status(self) -> str:
        """The line at the bottom: size, pointer, key and clipboard."""
        area = (await self.layout()).status
        pixels = await self.pixels(Rect(16, area.y + (STATUS - font.HEIGHT) // 2, area.width - 32, font.HEIGHT))
        return read_text(pixels, (theme.BAR_DIM,), theme.BAR).rstrip()

    async def place(self, x: int, y: int) -> tuple[float, float]:
        """Where the middle of a pixel of the machine is on the page."""
        box = await self._page.locator("#screen canvas").first.bounding_box()
        assert box is not None
        scale = box["width"] / (await self.size())[0]
        return box["x"] + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale

    async def pointer(self) -> tuple[int, int, str]:
        """Where the machine says that its pointer is, and which buttons are down: "L--" is the left one."""
        found = re.search(r"pointer +(\d+), *(\d+) (\S+)", await self.status())
        assert found is not None
        return int(found[1]), int(found[2]), found[3]

    async def painted(self, colour: int) -> int:
        """How many pixels of the sheet have this colour."""
        pixels = await self.pixels(body((await self.layout()).paint))
        return int((pixels == [*colour.to_bytes(3, "big")]).all(axis=-1).sum())


def read_text(pixels: Pixels, inks: tuple[int, ...], paper: int) -> str:
    """The line of text at the top of `pixels`, letters in any of these inks."""
    letters = _letters(inks, paper)
    columns = pixels.shape[1] // font.WIDTH
    cells = (pixels[: font.HEIGHT, at * font.WIDTH : (at + 1) * font.WIDTH] for at in range(columns))
    return "".join(letters.get(cell.tobytes(), UNREAD) for cell in cells)


@lru_cache
def _letters(inks: tuple[int, ...], paper: int) -> dict[bytes, str]:
    """Each letter as its pixels; the first of two that look alike counts."""
    known: dict[bytes, str] = {}
    for char in GLYPHS:
        for ink in inks:
            known.setdefault(_without_padding(font.glyph(char, ink, paper)), char)
    known[_without_padding(font.glyph(" ", theme.INK, theme.CURSOR))] = CURSOR
    return known


def _without_padding(rows: Iterable[bytes]) -> bytes:
    return b"".join(np.frombuffer(row, np.uint8).reshape(-1, 4)[:, :3].tobytes() for row in rows)
