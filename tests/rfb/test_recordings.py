"""Recorded streams of real servers go through both streams, in any cut: the independent decoder, not the gateway's
parser, says where messages and rectangles end."""

import random
from functools import cache

import pytest
from support import recordings
from support.promise import difference
from support.recordings import Recording
from support.rfb_client.decoder import Decoder
from support.rfb_client.wire import Encoding

from gateway.errors import NotUnderstood
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.rectangles import tight
from gateway.rfb.server_stream import ServerStream

every = pytest.mark.parametrize("name", recordings.names())


@cache
def decoded(name: str) -> Decoder:
    return recordings.load(name).decoded()


@cache
def ends(name: str) -> frozenset[int]:
    """Where messages, updates' headers and rectangles end, by the independent decoder."""
    found = {0}
    for message in decoded(name).messages:
        found.add(message.end)
        if message.rectangles:
            found.add(message.start + 4)
            found.update(rect.end for rect in message.rectangles)
    return frozenset(found)


@cache
def streamed(name: str) -> tuple[range, ...]:
    """Rectangles that may be released before their end."""
    return tuple(
        range(rect.start + 12, rect.end)
        for message in decoded(name).messages
        for rect in message.rectangles
        if rect.encoding in (Encoding.RAW, Encoding.HEXTILE)
    )


class Session:
    """A recording played through both streams of one session."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.memory = Memory(recording.server_init)
        self.server = ServerStream(self.memory, HeldBudget(HeldTotal()))
        self.client = ClientStream(self.memory)
        self.to_browser = bytearray()
        self.to_upstream = bytearray()
        self.borders: list[int] = []

    def play(self, cut: random.Random | None, longest: int) -> None:
        """Everything, in the order of the recording, each chunk cut further."""
        places = {True: 0, False: 0}
        for chunk in self.recording.chunks:
            data = self.recording.server if chunk.from_server else self.recording.client
            at = places[chunk.from_server]
            places[chunk.from_server] = end = at + chunk.count
            while at < end:
                size = cut.randint(1, longest) if cut is not None else longest
                self._feed(memoryview(data)[at : min(at + size, end)], from_server=chunk.from_server)
                at += size

    def _feed(self, data: memoryview, *, from_server: bool) -> None:
        out: list[memoryview | bytes] = []
        if from_server:
            self.server.receive(data, out)
            self.to_browser += b"".join(out)
            self.borders.append(len(self.to_browser))
        else:
            self.client.receive(data, out)
            self.to_upstream += b"".join(out)


def played(name: str, cut: random.Random | None, longest: int) -> Session:
    session = Session(recordings.load(name))
    session.play(cut, longest)
    return session


def check_promise(session: Session) -> None:
    recording = session.recording
    assert difference_from_server(session) is None
    assert bytes(session.to_upstream) == recording.client
    assert session.server.held == session.client.held == 0
    assert session.server.standing.rectangles_left == 0
    assert not session.memory.dropped
    assert session.memory.oversized == 0


def difference_from_server(session: Session) -> str | None:
    recording, browser = session.recording, bytes(session.to_browser)
    sent = decoded(recording.name).messages
    if browser == recording.server:
        return None
    assert len(recording.formats) == 1, "the browser's bytes can be decoded in one format only"
    decoder = Decoder(*recording.size, recording.pixel_format)
    decoder.feed(browser)
    return difference(recording.server, sent, browser, decoder.messages)


@every
def test_a_recording_passes_in_its_own_chunks(name: str) -> None:
    check_promise(played(name, None, 1 << 20))


@every
@pytest.mark.parametrize("longest", [3, 40, 1400])
def test_a_recording_passes_in_random_chunks_and_is_released_only_at_ends(name: str, longest: int) -> None:
    if longest == 3 and len(recordings.load(name).server) > 150_000:
        longest = 11  # the Raw ones: a million chunks would show no more
    session = played(name, random.Random(longest), longest)
    check_promise(session)
    if session.to_browser == session.recording.server:
        for border in session.borders:
            assert border in ends(name) or any(border in inside for inside in streamed(name))


@every
def test_a_recording_leaves_the_memory_that_its_server_would_find(name: str) -> None:
    session = played(name, None, 1 << 20)
    memory, desktop = session.memory, decoded(name).framebuffer
    height, width = desktop.colours.shape[:2]
    assert (memory.width, memory.height) == (width, height)
    assert memory.formats.current.wire == session.recording.pixel_format.pack()
    for inflator in memory.inflators:
        assert inflator.joinable is inflator.used


def test_the_recordings_use_every_zlib_stream_and_pixel_encoding_that_servers_have() -> None:
    """What these tests stand on; encodings without a server are covered by made streams."""
    encodings = {
        rect.encoding
        for name in recordings.names()
        for message in decoded(name).messages
        for rect in message.rectangles
    }
    assert {0, 1, 2, 4, 5, 6, 7, 16, 17, -260, -224, -239, -308} <= encodings


def test_a_wrong_length_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: with one limit of Tight wrong, recordings lose framing or are released at wrong places."""
    monkeypatch.setattr(tight, "_MIN_COMPRESSED", 100)
    noticed = 0
    for name in recordings.names():
        try:
            session = played(name, random.Random(1), 40)
        except NotUnderstood:
            noticed += 1
        else:
            noticed += not set(session.borders) <= ends(name) and not streamed(name)
    assert noticed
