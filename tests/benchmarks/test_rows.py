"""The work of the rows is there, and asks of the gateway what the design does."""

import struct

import pytest
from support import recordings

from benchmarks import streams
from benchmarks.growth import SWEEPS
from benchmarks.rows import ROWS, Row
from benchmarks.subjects import SUBJECTS

ALL = {**ROWS, **{f"{name}-{x}": row for name, sweep in SWEEPS.items() for x, row in sweep.points.items()}}
RECORDED = recordings.names(streams.RECORDINGS)

every = pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ALL.items()])
recorded = pytest.mark.parametrize("name", RECORDED)


@every
def test_the_streams_of_a_row_exist(row: Row) -> None:
    named = [row.load.get(kind) for kind in ("picture", "update")] + list(row.load.get("stream", ()))  # type: ignore[call-overload]  # a tuple where it is there
    assert {name for name in named if name} <= {*streams.STREAMS, *RECORDED}


@every
def test_the_subjects_of_a_row_exist_and_the_gateway_is_one(row: Row) -> None:
    assert "gateway" in row.subjects
    assert set(row.subjects) <= set(SUBJECTS)


@every
def test_a_row_measures_those_that_its_targets_name(row: Row) -> None:
    assert {target.peer for target in row.targets if target.peer} <= set(row.subjects)
    assert "direct" in row.subjects or not any(target.added for target in row.targets)


def test_the_office_has_a_terminal_a_desktop_and_a_boot() -> None:
    assert set(RECORDED) == {"terminal", "desktop-session", "boot"}


@recorded
def test_a_recorded_stream_is_whole_messages_of_a_real_server(name: str) -> None:
    recording = recordings.load(name, streams.RECORDINGS)
    decoder = recording.decoded()
    assert decoder.idle
    assert len(decoder.messages) > 40


@recorded
def test_the_times_of_a_stream_cover_it_and_never_go_back(name: str) -> None:
    recording = recordings.load(name, streams.RECORDINGS)
    pairs = list(struct.iter_unpack("=II", streams.times(recording.chunks)))
    assert sum(count for _, count in pairs) == len(recording.server)
    assert [at for at, _ in pairs] == sorted({at for at, _ in pairs})


def test_streams_are_the_same_in_every_run() -> None:
    assert streams.STREAMS["tight-200"]() == streams.STREAMS["tight-200"]()


@pytest.mark.parametrize(("name", "mean"), [("tight-1k", 1024), ("tight-200", 200)])
def test_tight_rectangles_have_the_mean_size_that_the_row_promises(name: str, mean: int) -> None:
    count = {"tight-1k": 2000, "tight-200": 8000}[name]
    assert len(streams.STREAMS[name]()) / count == pytest.approx(mean, rel=0.1)
