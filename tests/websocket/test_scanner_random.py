"""Random frames in random chunks: the scanner against the `websockets` library's own parser, and garbage."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st
from support.websocket import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Scanned,
    byte_by_byte,
    in_chunks,
    judge,
    raw_frame,
    scan,
    whole,
)
from websockets.frames import Close

from gateway.errors import NotBinary, NotUnderstood, ProtocolViolation, TooBig
from gateway.websocket.scanner import Scanner

LIMIT = 70_000
OUR_OWN = {True: (ProtocolViolation, NotBinary, TooBig), False: (NotUnderstood,)}
SIDES = [pytest.param(True, id="browser"), pytest.param(False, id="upstream")]

sides = st.booleans()
masks = st.binary(min_size=4, max_size=4)
cuts = st.lists(st.integers(1, 200) | st.integers(1, 100_000), min_size=1, max_size=8)
any_length = st.integers(0, 20) | st.sampled_from([125, 126, 127, 128, 1400, 65_535, 65_536]) | st.integers(0, LIMIT)
closes = st.just(b"") | st.builds(Close, st.sampled_from([1000, 1001, 1014, 3000, 4999]), st.text(max_size=30)).map(
    Close.serialize
)


@st.composite
def payloads(draw: st.DrawFn, lengths: st.SearchStrategy[int]) -> bytes:
    seed = draw(st.binary(min_size=1, max_size=16))
    length = draw(lengths)
    return (seed * (length // len(seed) + 1))[:length]


@st.composite
def streams(draw: st.DrawFn, *, from_browser: bool, lengths: st.SearchStrategy[int] = any_length) -> bytes:
    """Frames in an order that RFC 6455 §5.4 allows, a Close perhaps after them."""
    frames, within = [], False
    for _ in range(draw(st.integers(0, 12))):
        opcode = draw(st.sampled_from([CONT if within else BINARY] * 4 + [PING, PONG]))
        fin = opcode in (PING, PONG) or draw(st.booleans())
        payload = draw(payloads(lengths) if opcode in (BINARY, CONT) else st.binary(max_size=125))
        frames.append(raw_frame(opcode, payload, fin=fin, mask=draw(masks) if from_browser else None))
        within = within if opcode in (PING, PONG) else not fin
    if draw(st.booleans()):
        frames.append(raw_frame(CLOSE, draw(closes), mask=draw(masks) if from_browser else None))
    return b"".join(frames)


@st.composite
def damaged(draw: st.DrawFn, *, from_browser: bool) -> bytes:
    """Short whole frames whose first two bytes may say anything, true to their length."""
    frames = []
    for _ in range(draw(st.integers(1, 8))):
        opcode = draw(st.sampled_from([BINARY, CONT, PING, CLOSE]) | st.integers(0, 15))
        reserved = draw(st.sampled_from([0, 0, 0, 0, 0, 1, 2, 4]))
        masked = from_browser ^ (draw(st.integers(0, 9)) == 0)
        payload = draw(closes | st.binary(max_size=130))
        mask = draw(masks) if masked else None
        frames.append(raw_frame(opcode, payload, fin=draw(st.booleans()), reserved=reserved, mask=mask))
    return b"".join(frames)


def run(side: bool, chunks: Iterator[bytes], scanner: Callable[..., Scanner] = Scanner) -> Scanned:
    return scan(scanner(from_browser=side, max_payload=LIMIT), chunks)


def outcome(scanned: Scanned) -> tuple[object, ...]:
    return scanned.payload, scanned.controls, scanned.fault


def agrees_with_the_library(scanned: Scanned, stream: bytes, *, side: bool) -> bool:
    judged = judge(stream, masked=side)
    controls = [(int(control.opcode), control.payload) for control in scanned.controls]
    return (scanned.payload, controls, scanned.fault) == (judged.payload, judged.controls, judged.fault)


@pytest.mark.parametrize("side", SIDES)
@given(data=st.data(), sizes=cuts)
@settings(max_examples=150, deadline=None)
def test_valid_frames_in_any_chunks_mean_what_the_library_says(
    side: bool, data: st.DataObject, sizes: list[int]
) -> None:
    stream = data.draw(streams(from_browser=side))
    assert agrees_with_the_library(run(side, in_chunks(stream, sizes)), stream, side=side)


@pytest.mark.parametrize("side", SIDES)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_frames_are_faults_where_the_library_says_so(side: bool, data: st.DataObject) -> None:
    """All differences are on purpose: text is refused, and an upstream's ill-formed Close is still a Close."""
    stream = data.draw(damaged(from_browser=side))
    scanned, judged = run(side, whole(stream)), judge(stream, masked=side)
    if scanned.error is None:
        lenient = not side and scanned.controls and scanned.controls[-1].opcode == CLOSE
        assert judged.fault is None or lenient
        assert scanned.payload == judged.payload
        return
    assert isinstance(scanned.error, OUR_OWN[side])
    text = "text message" in str(scanned.error)
    assert judged.fault is not None or text
    assert judged.payload.startswith(scanned.payload)


@given(side=sides, stream=st.binary(max_size=400), sizes=cuts)
@settings(max_examples=500, deadline=None)
@example(side=False, stream=bytes([0x80 | TEXT, 0]), sizes=[1])
def test_garbage_is_payload_or_need_more_or_our_own_error_however_it_is_cut(
    side: bool, stream: bytes, sizes: list[int]
) -> None:
    scanned = run(side, whole(stream))
    assert scanned.error is None or isinstance(scanned.error, OUR_OWN[side])
    assert len(scanned.payload) <= len(stream)
    assert outcome(run(side, in_chunks(stream, sizes))) == outcome(scanned)
    assert outcome(run(side, byte_by_byte(stream))) == outcome(scanned)


@given(side=sides, data=st.data(), sizes=cuts)
@settings(max_examples=300, deadline=None)
def test_damaged_frames_mean_the_same_however_they_are_cut(side: bool, data: st.DataObject, sizes: list[int]) -> None:
    stream = data.draw(damaged(from_browser=side))
    assert outcome(run(side, in_chunks(stream, sizes))) == outcome(run(side, whole(stream)))


# The tests above can fail: scanners with one fault each, and the fault is found.


class ForgetsToTurnTheMask(Scanner):
    def _payload(self, data: memoryview, at: int, out: list[memoryview | bytes]) -> int:
        mask = self._mask
        end = super()._payload(data, at, out)
        self._mask = mask
        return end


class LosesASplitHeader(Scanner):
    def receive(self, data: memoryview, out: list[memoryview | bytes]) -> None:
        super().receive(data, out)
        self._head = self._head[:1]


class LeavesTheFragment(Scanner):
    def _check(self, first: int, second: int) -> None:
        if first & 0x08:
            self._fragmented = False
        super()._check(first, second)


class KeepsViews(Scanner):
    """Hands out the payload one call late, when the buffer holds something else."""

    __slots__ = ("late",)

    def receive(self, data: memoryview, out: list[memoryview | bytes]) -> None:
        fresh: list[memoryview | bytes] = []
        super().receive(data, fresh)
        out += getattr(self, "late", [])
        self.late = fresh


@pytest.mark.parametrize(
    ("side", "faulty"),
    [(True, ForgetsToTurnTheMask), (False, LosesASplitHeader), (True, LeavesTheFragment), (False, KeepsViews)],
)
def test_a_scanner_with_one_fault_is_found_out(side: bool, faulty: type[Scanner]) -> None:
    cases = st.tuples(streams(from_browser=side, lengths=st.integers(0, 200)), cuts)

    def found_out(case: tuple[bytes, list[int]]) -> bool:
        stream, sizes = case
        return not agrees_with_the_library(run(side, in_chunks(stream, sizes), faulty), stream, side=side)

    find(cases, found_out, settings=settings(max_examples=2000, deadline=None, database=None, phases=[Phase.generate]))
