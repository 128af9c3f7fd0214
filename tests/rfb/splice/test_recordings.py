"""Streams of real servers, cut and joined to each other (rfb.md §10): the picture is the Raw capture's."""

import random

import numpy as np
import pytest
from support import recordings
from support.recordings import Recording
from support.rfb_client.wire import Encoding
from support.splicing import Viewer

EVERYTHING = (*Encoding,)


def usable() -> list[str]:
    """All that stay in one pixel format, which the next server is told and so has from its first byte on."""
    return [name for name in recordings.names() if recordings.load(name).formats[-1][0] == 0]


def partner(last: Recording) -> Recording:
    """Another recording in the same format, of another make if there is one."""
    same = [recordings.load(name) for name in usable() if name != last.name]
    same = [one for one in same if one.pixel_format == last.pixel_format]
    makes = [one for one in same if one.name.split("-")[0] != last.name.split("-")[0]]
    return random.Random(last.name).choice(makes or same or [last])


@pytest.mark.parametrize("name", usable())
def test_a_recording_goes_on_where_another_was_cut(name: str) -> None:
    last = recordings.load(name)
    first, dice = partner(last), random.Random(name)
    viewer = Viewer(first.server_init, first.pixel_format, EVERYTHING)
    viewer.feed(first.server[: dice.randrange(len(first.server))], [dice.randint(1, 3000)])
    for most in (1000, 4000):  # soon after the return, once and again
        viewer.lose()
        viewer.join(last.server_init)
        viewer.feed(last.server[: dice.randrange(most)], [dice.randint(1, 500)])
    viewer.lose()
    viewer.join(last.server_init)
    viewer.feed(last.server, [dice.randint(100, 3000)])
    assert viewer.decoder.idle
    assert viewer.picture.shape == last.picture.shape
    assert viewer.server.refreshed
    if "zywrle" not in name:  # whose pixels the decoder leaves out
        expected = last.picture if last.exact else last.decoded().framebuffer.colours
        assert np.array_equal(viewer.picture, expected)
