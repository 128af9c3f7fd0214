"""The harness with real processes: it does real work, and it finds relays that lose bytes or become slow."""

import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.components import missing_is_failure
from support.programs import free_port, listens, running

from benchmarks.compare import worse
from benchmarks.load import LoadError
from benchmarks.relays.relay import Relay, Way
from benchmarks.rows import ROWS
from benchmarks.run import Bench
from benchmarks.subjects import SUBJECTS, Start, Subject
from benchmarks.summary import summary

PROGRAM = Path(__file__).with_name("relay_with_faults.py")

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The load compiled and the streams written, once for all."""
    try:
        directory = tmp_path_factory.mktemp("bench")
        return Bench.prepare(directory, rounds=1, seconds=0.3, long=3.0, subjects=[*SUBJECTS, "faulty"])
    except LoadError as error:
        if missing_is_failure():
            raise
        pytest.skip(str(error))


def relay_with(fault: str) -> Start:
    @contextlib.asynccontextmanager
    async def start(way: Way, directory: Path) -> AsyncIterator[Relay]:
        port = free_port()
        argv = [sys.executable, PROGRAM, str(port), str(way.port), fault]
        async with running("relay", argv, logs=directory, ready=lambda: listens(port)) as process:
            yield Relay(process.pid, port)

    return start


async def test_the_gateway_and_the_load_itself_do_work_and_cost_something(prepared: Bench) -> None:
    subjects = ("gateway", "direct")
    results = await prepared.run(
        "mixed", replace(ROWS["mixed"], load={**ROWS["mixed"].load, "input": 10}, subjects=subjects)
    )
    assert not results.failures
    for subject in subjects:
        figure = results.rounds[subject][0]
        assert figure["cost"] > 0
        assert figure["p99"] > 0
        assert 0 < figure["fairness"] <= 1
    assert results.middle("gateway", "lag") is not None


async def test_recorded_streams_go_through_the_gateway_at_their_own_pace(prepared: Bench) -> None:
    office = replace(ROWS["office"], load={**ROWS["office"].load, "flow": 6, "stagger": 0.3})
    results = await prepared.run("office", replace(office, subjects=("gateway",)))
    assert not results.failures


async def test_slow_browsers_are_watched_for_memory(prepared: Bench) -> None:
    results = await prepared.run(
        "slow", replace(ROWS["slow"], load={**ROWS["slow"].load, "flow": 4}, subjects=("gateway",))
    )
    assert not results.failures
    assert results.middle("gateway", "growth") is not None
    assert len(results.samples["gateway"]) > 10


@pytest.mark.parametrize("fault", ["drop", "change", "double"])
async def test_a_relay_that_spoils_one_byte_fails_and_the_byte_is_named(
    fault: str, prepared: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SUBJECTS, "faulty", Subject(relay_with(fault)))
    results = await prepared.run("tight-1k", replace(ROWS["tight-1k"], subjects=("faulty",)))
    assert results.failures["faulty"].startswith("load: session 0: byte ")
    assert "faulty" not in results.rounds


async def test_a_relay_that_spoils_nothing_does_not_fail(prepared: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUBJECTS, "faulty", Subject(relay_with("none")))
    results = await prepared.run("tight-1k", replace(ROWS["tight-1k"], subjects=("faulty",)))
    assert not results.failures


async def test_a_slow_down_is_found_by_the_comparison(prepared: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of make bench-quick: the same relay stands for the gateway twice, the second time slowed."""
    monkeypatch.setitem(SUBJECTS, "nginx-256k", Subject(relay_with("none")))
    monkeypatch.setitem(SUBJECTS, "gateway", Subject(relay_with("none")))
    then = await figures(prepared)
    monkeypatch.setitem(SUBJECTS, "gateway", Subject(relay_with("slow")))
    now = await figures(prepared)
    lines = worse(then, now)
    assert len(lines) == 1
    assert lines[0].startswith("tight-1k: ")


async def figures(prepared: Bench) -> dict[str, Any]:
    row = replace(ROWS["tight-1k"], subjects=("gateway", "nginx-256k"))
    results = await replace(prepared, rounds=3).run("tight-1k", row)
    assert not results.failures
    return summary({"tight-1k": results}, {})
