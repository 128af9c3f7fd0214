"""Every recording is read to its end by the independent decoder, and what it draws is the independent capture."""

from functools import cache

import pytest
from support import recordings
from support.recordings import Recording
from support.rfb_client.decoder import Decoder
from support.rfb_client.pixels import DecodeError


@cache
def decoded(recording: Recording) -> Decoder:
    """Decoded once for all tests, which only look at it."""
    return recording.decoded()


def outcome(recording: Recording, data: bytes, piece: int) -> Decoder:
    """Decode `data` in pieces; only for recordings with one pixel format."""
    decoder = Decoder(*recording.size, recording.pixel_format)
    for at in range(0, len(data), piece):
        decoder.feed(data[at : at + piece])
    return decoder


every = pytest.mark.parametrize("name", recordings.names())
one_format = pytest.mark.parametrize("name", [name for name in recordings.names() if name != "xvnc-formats"])


def test_there_are_recordings_of_each_server() -> None:
    assert {name.partition("-")[0] for name in recordings.names()} == {"qemu", "xvnc", "x11vnc"}


@every
def test_a_recording_is_decoded_to_its_end_and_to_its_picture(name: str) -> None:
    recording = recordings.load(name)
    decoder = decoded(recording)
    assert decoder.idle
    assert decoder.position == len(recording.server)
    assert decoder.framebuffer.colours.shape == recording.picture.shape
    assert (decoder.framebuffer.colours == recording.picture).all() == recording.exact


@every
def test_messages_and_rectangles_leave_no_byte_out(name: str) -> None:
    recording = recordings.load(name)
    at = 0
    for message in decoded(recording).messages:
        assert message.start == at
        at = message.end
        inside = message.start + 4
        for rect in message.rectangles:
            assert rect.start == inside
            inside = rect.end
            assert all(rect.start < start <= end <= rect.end for start, end in rect.compressed)
        assert not message.rectangles or inside == message.end
    assert at == len(recording.server)


@every
def test_the_order_of_chunks_accounts_for_every_byte(name: str) -> None:
    recording = recordings.load(name)
    for from_server, data in ((True, recording.server), (False, recording.client)):
        assert sum(chunk.count for chunk in recording.chunks if chunk.from_server == from_server) == len(data)


@one_format
def test_pieces_of_any_size_decode_to_the_same(name: str) -> None:
    recording = recordings.load(name)
    data = recording.server
    whole = decoded(recording)
    parts = outcome(recording, data, 1 if len(data) < 20_000 else 1021)
    assert parts.messages == whole.messages
    assert (parts.framebuffer.colours == whole.framebuffer.colours).all()


def right(recording: Recording, data: bytes) -> bool:
    """Whether `data` passes for the recording: decoded to its end, and to the same picture."""
    try:
        decoder = outcome(recording, data, len(data))
    except DecodeError:
        return False
    truth = decoded(recording).framebuffer.colours
    seen = decoder.framebuffer.colours
    return decoder.idle and seen.shape == truth.shape and bool((seen == truth).all())


@one_format
def test_one_byte_lost_is_always_noticed(name: str) -> None:
    """The negative control: a decoder that cannot fail proves nothing."""
    recording = recordings.load(name)
    data = recording.server
    assert right(recording, data)
    # inside the last update of the whole screen: what went wrong before, that one would paint over
    rectangles = [rect for message in decoded(recording).messages for rect in message.rectangles]
    last = max(rectangles[-20:], key=lambda rect: rect.end - rect.start)
    for place in (last.start + 3, (last.start + last.end) // 2):
        assert not right(recording, data[:place] + data[place + 1 :])


@pytest.mark.parametrize("name", [name for name in recordings.names() if "tight" in name or "z" in name[5:]])
def test_a_zlib_stream_that_loses_its_header_is_noticed(name: str) -> None:
    """What a wrong seam does: the first compressed bytes of a stream are not a header."""
    recording = recordings.load(name)
    messages = decoded(recording).messages
    first = min(start for message in messages for rect in message.rectangles for start, _ in rect.compressed)
    broken = bytearray(recording.server)
    broken[first : first + 2] = b"\0\0"
    assert not right(recording, bytes(broken))
