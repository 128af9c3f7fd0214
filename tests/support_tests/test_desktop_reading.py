"""The reader of the simulated desktop: exact, or it says so."""

import numpy as np
import pytest
from support.desktop_reading import UNREAD, read_text

from gateway.simulator.desktop import font, theme

TEXT = 'root@vm:~# echo {"Il1|"} 0O'


def picture() -> np.ndarray:
    rows = font.text(TEXT, theme.INK, theme.PAPER)
    return np.stack([np.frombuffer(row, np.uint8).reshape(-1, 4)[:, :3] for row in rows])


def test_what_is_drawn_is_read():
    assert read_text(picture(), (theme.DIM, theme.INK), theme.PAPER) == TEXT


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_letter_with_one_wrong_pixel_is_not_read(channel: int):
    pixels = picture()
    pixels[9, 3 * font.WIDTH + 2, channel] ^= 1
    assert read_text(pixels, (theme.INK,), theme.PAPER) == TEXT[:3] + UNREAD + TEXT[4:]
