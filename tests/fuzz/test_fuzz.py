"""A bounded run of what `make fuzz` does at length, and everything that it ever found."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from support.fuzz.random_run import EVERY_TIME, failing_input, inputs
from support.fuzz.targets import TARGETS

from gateway.rfb import client_stream

FOUND = sorted(Path(__file__).parent.glob("inputs/*/*"))
EXAMPLES = 60


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name[:20]}")
def test_what_was_found_once_is_not_found_again(path: Path) -> None:
    TARGETS[path.parent.name].run(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_passes(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_near_the_seeds_and_any_others_pass(name: str) -> None:
    run = TARGETS[name].run

    @settings(EVERY_TIME, max_examples=EXAMPLES)
    @given(data=inputs(name))
    def feed(data: bytes) -> None:
        run(data)

    feed()


def test_a_hole_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: keys that pass without the right to control."""
    monkeypatch.setattr(client_stream, "_WITHOUT_CONTROL", client_stream._WITH_CONTROL)
    assert failing_input("client_stream", until=time.monotonic() + 60) is not None
