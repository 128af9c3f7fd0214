"""Inputs by hypothesis: seeds as they are, seeds with pieces replaced, and any bytes."""

import time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.fuzz.targets import TARGETS

EVERY_TIME = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
"""The same inputs in every run: what a run of the tests finds, another one finds, too."""


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed in which some pieces are put out, repeated or replaced."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, 8)))
        data = data[:begin] + draw(st.binary(max_size=8) | st.just(data[begin:end] * 2)) + data[end:]
    return data


def inputs(name: str) -> st.SearchStrategy[bytes]:
    return damaged(list(TARGETS[name].seeds)) | st.binary(max_size=200)


def failing_input(name: str, *, until: float) -> bytes | None:
    """Look until `until` (time.monotonic()): the smallest input found that makes the target fail, if there is one."""
    run, last = TARGETS[name].run, b""

    @settings(EVERY_TIME, max_examples=1000, derandomize=False, phases=(Phase.generate, Phase.shrink))
    @given(data=inputs(name))
    def look(data: bytes) -> None:
        nonlocal last
        last = data
        run(data)

    while time.monotonic() < until:
        try:
            look()
        except Exception:
            return last
    return None
