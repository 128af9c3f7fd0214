"""The compiled framing gives what the interpreted one gives: part by part, for recordings and for anything."""

import importlib
import random
import sys
from dataclasses import dataclass
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import recordings
from support.components import missing_is_failure
from support.rfb_streams import FORMATS, RECTANGLES, Format, Wire, add_update, server_init
from support.server_messages import MESSAGES

from gateway.compiled import loader
from gateway.errors import GatewayError

_HOT = ("gateway.relay", "gateway.rfb", "gateway.sessions", "gateway.websocket")


@dataclass(frozen=True)
class Build:
    """The modules of gateway.rfb in one of the two forms."""

    modules: dict[str, ModuleType]

    def __getitem__(self, name: str) -> ModuleType:
        return self.modules[name if name in self.modules else f"gateway.rfb.{name}"]


def imported() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.startswith(_HOT)}


def every_module() -> Build:
    for name in ("gateway.sessions.watch", "gateway.rfb.server_stream", "gateway.rfb.client_stream"):
        importlib.import_module(name)
    return Build(imported())


@pytest.fixture(scope="module")
def compiled() -> Build:
    if loader.framing() != "compiled":
        if missing_is_failure():
            pytest.fail("the framing is not compiled here; make test builds it where a C compiler is", pytrace=False)
        pytest.skip("the framing is not compiled here")
    return every_module()


@pytest.fixture(scope="module")
def interpreted(compiled: Build) -> Build:
    """The sources, imported once more beside what everybody else has."""
    before, finders = imported(), sys.meta_path.copy()
    try:
        for name in before:
            del sys.modules[name]
        loader.prefer_interpreted()
        return every_module()
    finally:
        for name in imported():
            del sys.modules[name]
        sys.modules.update(before)
        for name, module in before.items():
            package, _, last = name.rpartition(".")
            setattr(sys.modules[package], last, module)
        sys.meta_path[:] = finders


def test_both_are_what_they_are_said_to_be(compiled: Build, interpreted: Build) -> None:
    for module in loader.MODULES:
        assert isinstance(compiled.modules[module].__loader__, ExtensionFileLoader)
        assert isinstance(interpreted.modules[module].__loader__, SourceFileLoader)
    assert type(compiled["framing"].Framing.receive) is not type(interpreted["framing"].Framing.receive)
    assert issubclass(compiled["server_stream"].ServerStream, compiled["framing"].Framing)
    assert issubclass(interpreted["server_stream"].ServerStream, interpreted["framing"].Framing)


class Run:
    """One session's two streams, and all that can be told of them."""

    def __init__(self, build: Build, init: bytes) -> None:
        self.memory = build["memory"].Memory(init)
        self.server = build["server_stream"].ServerStream(
            self.memory, build["held"].HeldBudget(build["held"].HeldTotal())
        )
        self.client = build["client_stream"].ClientStream(self.memory)

    def feed(self, data: bytes, *, from_server: bool) -> tuple[object, ...]:
        stream = self.server if from_server else self.client
        out: list[memoryview | bytes] = []
        fault = None
        try:
            stream.receive(memoryview(data), out)
        except GatewayError as error:
            fault = repr(error)
        parts = [(type(part), bytes(part)) for part in out]
        return parts, fault, stream.held, str(self.server.standing), self._remembered()

    def _remembered(self) -> tuple[object, ...]:
        memory = self.memory
        counts = {str(change): count for change, count in memory.changed.items()}
        return counts, memory.oversized, memory.formats.updates, [inflator.tail for inflator in memory.inflators]


def check_same(builds: tuple[Build, Build], init: bytes, chunks: list[tuple[bool, bytes]]) -> None:
    one, other = (Run(build, init) for build in builds)
    for from_server, data in chunks:
        expected = other.feed(data, from_server=from_server)
        assert one.feed(data, from_server=from_server) == expected
        if expected[1] is not None:
            return


def cut(data: bytes, sizes: list[int]) -> list[tuple[bool, bytes]]:
    chunks, at, turn = [], 0, 0
    while at < len(data):
        chunks.append((True, data[at : at + sizes[turn % len(sizes)]]))
        at += sizes[turn % len(sizes)]
        turn += 1
    return chunks


@pytest.mark.parametrize("name", recordings.names())
@pytest.mark.parametrize("longest", [1400, 65536])
def test_recordings_leave_alike(compiled: Build, interpreted: Build, name: str, longest: int) -> None:
    recording, dice = recordings.load(name), random.Random(longest)
    places, chunks = {True: 0, False: 0}, []
    for chunk in recording.chunks:
        data = recording.server if chunk.from_server else recording.client
        at = places[chunk.from_server]
        places[chunk.from_server] = end = at + chunk.count
        while at < end:
            size = min(dice.randint(1, longest), end - at)
            chunks.append((chunk.from_server, data[at : at + size]))
            at += size
    check_same((compiled, interpreted), recording.server_init, chunks)


parts = st.one_of(
    st.lists(st.sampled_from(sorted(RECTANGLES)), min_size=1, max_size=12), st.sampled_from(sorted(MESSAGES))
)
sizes = st.lists(st.one_of(st.integers(1, 20), st.integers(1, 5000)), min_size=1, max_size=20)


def wire(form: Format, seed: int, contents: list[list[str] | str]) -> Wire:
    made = Wire(form, seed)
    for part in contents:
        if isinstance(part, str):
            made.whole(MESSAGES[part](made))
        else:
            add_update(made, part)
    return made


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(FORMATS),
    seed=st.integers(0, 2**32),
    contents=st.lists(parts, min_size=1, max_size=8),
    sizes=sizes,
    damage=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=3),
)
def test_any_stream_leaves_alike_damaged_or_not(
    compiled: Build,
    interpreted: Build,
    form: Format,
    seed: int,
    contents: list[list[str] | str],
    sizes: list[int],
    damage: list[tuple[int, int]],
) -> None:
    data = bytearray(wire(form, seed, contents).data)
    for place, byte in damage:
        data[place % len(data)] = byte
    check_same((compiled, interpreted), server_init(form), cut(bytes(data), sizes))


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400), sizes=sizes)
def test_anything_at_all_leaves_alike(compiled: Build, interpreted: Build, data: bytes, sizes: list[int]) -> None:
    check_same((compiled, interpreted), server_init(), cut(data, sizes))
    check_same((compiled, interpreted), server_init(), [(not up, part) for up, part in cut(data, sizes)])


frames = st.tuples(st.sampled_from([b"\x82", b"\x02", b"\x89", b"\x81"]), st.integers(0, 300))


@settings(max_examples=150, deadline=None)
@given(
    frames=st.lists(frames, max_size=12),
    sizes=sizes,
    damage=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=2),
)
@pytest.mark.parametrize("from_browser", [True, False])
def test_frames_give_the_same_spans(
    compiled: Build,
    interpreted: Build,
    frames: list[tuple[bytes, int]],
    sizes: list[int],
    damage: list[tuple[int, int]],
    *,
    from_browser: bool,
) -> None:
    stream = bytearray(b"".join(raw_frame(first, length, masked=from_browser) for first, length in frames))
    for place, byte in damage:
        if stream:
            stream[place % len(stream)] = byte
    scanners = [
        build["gateway.websocket.scanner"].Scanner(from_browser=from_browser, max_payload=250)
        for build in (compiled, interpreted)
    ]
    for _, chunk in cut(bytes(stream), sizes):
        one, other = (scanned(scanner, chunk) for scanner in scanners)
        assert one == other


def raw_frame(first: bytes, length: int, *, masked: bool) -> bytes:
    """A frame of `length` equal bytes that begins with `first`."""
    head = bytes([length | masked << 7]) if length < 126 else bytes([126 | masked << 7]) + length.to_bytes(2, "big")
    return first + head + b"mask" * masked + bytes([length & 0xFF]) * length


def scanned(scanner: Any, chunk: bytes) -> tuple[object, ...]:
    out: list[memoryview | bytes] = []
    fault = None
    buffer = bytearray(chunk)
    try:
        scanner.receive(memoryview(buffer), out)
    except GatewayError as error:
        fault = repr(error)
    controls = [(int(control.opcode), control.payload) for control in scanner.controls]
    return [(type(span), bytes(span)) for span in out], controls, fault, bytes(buffer)


def test_a_difference_would_be_noticed(compiled: Build, interpreted: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(interpreted["framing"], "GLIMPSE", 1)
    monkeypatch.setattr(interpreted["updates"].UpdateFraming, "_flush", lambda self, view, upto, out: None)
    chunks = cut(bytes(wire(FORMATS[0], 1, [["tight"] * 3]).data), [100_000])
    with pytest.raises(AssertionError):
        check_same((compiled, interpreted), server_init(), chunks)
