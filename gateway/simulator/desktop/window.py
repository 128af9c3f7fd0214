"""The frame around each part of the desktop."""

from gateway.simulator.desktop import font, theme
from gateway.simulator.desktop.canvas import Canvas, colour
from gateway.simulator.desktop.geometry import Rect

TITLE_HEIGHT = 24


def body(frame: Rect) -> Rect:
    """The part of a window that belongs to its content."""
    return Rect(frame.x + 1, frame.y + TITLE_HEIGHT, max(frame.width - 2, 0), max(frame.height - TITLE_HEIGHT - 1, 0))


def draw(canvas: Canvas, frame: Rect, title: str) -> None:
    """Paint a window's frame, title and empty body."""
    canvas.fill(frame, colour(theme.FRAME))
    canvas.fill(Rect(frame.x + 1, frame.y + 1, frame.width - 2, TITLE_HEIGHT - 2), colour(theme.TITLE))
    canvas.fill(body(frame), colour(theme.PAPER))
    for place, light in enumerate(theme.LIGHTS):
        canvas.rows(frame.x + 8 + 16 * place, frame.y + 6, font.disc(light, theme.TITLE))
    room = max((frame.width - 68) // font.WIDTH, 0)
    canvas.rows(frame.x + 60, frame.y + 3, font.text(title[:room], theme.TITLE_INK, theme.TITLE))
