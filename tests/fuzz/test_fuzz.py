"""A bounded run of what `make fuzz` does at length, and everything that it ever found."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from support.fuzz.random_run import EVERY_TIME, inputs
from support.fuzz.targets import TARGETS

FOUND = sorted(Path(__file__).parent.glob("inputs/*/*"))
EXAMPLES = 150


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
