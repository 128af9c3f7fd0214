"""A trial that cannot fail proves nothing: a small relay of the tests' own passes it, and fails it with every fault."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import HEXTILE, RAW, TIGHT, ZLIB, ZRLE, Engine, Wish, engine
from support.chaos.plan import Plan
from support.chaos.scenes import Behind, Guest, guest
from support.chaos.small_relay import Fault, small_relay
from support.chaos.trial import SEED, Trial, rarely
from support.components import needs

pytestmark = [needs("qemu", "node", "npm"), pytest.mark.asyncio(loop_scope="session")]

PLAN = Plan(cuts=8)

TRIES = 5  # a picture that happens to be painted anew where it was wrong hides the fault once, not always


@dataclass(frozen=True, slots=True)
class House:
    guest: Guest
    cutter: Cutter
    engine: Engine

    async def run(self, wish: Wish, fault: Fault, artifacts: Path) -> None:
        """A trial of a relay with this fault."""
        behind = Behind({self.guest.machine.tcp: self.guest})
        async with small_relay(self.cutter.address, fault) as relay:
            trial = Trial(self.engine, relay, "any", self.cutter, behind, artifacts)
            # A right picture may take its time on a busy machine; a wrong one is not waited for.
            await (trial if fault is Fault.NONE else replace(trial, settle=3)).run(wish, PLAN)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with guest(logs=logs) as machine, cutter(machine.machine.tcp, seed=SEED) as cuts, engine(logs) as novnc:
        yield House(machine, cuts, novnc)


@pytest.mark.parametrize("wish", [TIGHT, *rarely(ZRLE)], ids=str)
async def test_a_relay_that_does_it_right_passes(house: House, artifacts: Path, wish: Wish) -> None:
    await house.run(wish, Fault.NONE, artifacts)


@pytest.mark.parametrize(
    ("fault", "wish", "complaint"),
    [
        pytest.param(Fault.HEADERS_KEPT, TIGHT, "zlib inflate failed", id="headers-kept-tight"),
        pytest.param(Fault.HEADERS_KEPT, ZRLE, "zlib inflate failed", id="headers-kept-zrle"),
        pytest.param(Fault.RESET_BITS, TIGHT, "zlib inflate failed", id="reset-bits-tight"),
        pytest.param(Fault.HALF_RECTANGLE, ZRLE, "", id="half-rectangle-zrle"),
        *rarely(
            pytest.param(Fault.HEADERS_KEPT, ZLIB, "zlib inflate failed", id="headers-kept-zlib"),
            pytest.param(Fault.HALF_RECTANGLE, RAW, "", id="half-rectangle-raw"),
        ),
    ],
)
async def test_novnc_gives_up_on_a_seam_that_is_wrong(
    house: House, artifacts: Path, fault: Fault, wish: Wish, complaint: str
) -> None:
    with pytest.raises(AssertionError) as failure:
        await house.run(wish, fault, artifacts)
    notes = "".join(failure.value.__notes__)
    assert "client: noVNC gave up" in notes
    assert complaint in notes


@pytest.mark.parametrize("fault", [Fault.WRONG_PLACE, *rarely(Fault.NO_REFRESH)], ids=lambda fault: fault.name.lower())
async def test_what_novnc_cannot_know_is_seen_in_the_pixels(house: House, artifacts: Path, fault: Fault) -> None:
    for _ in range(TRIES):
        try:
            await house.run(HEXTILE, fault, artifacts)
        except AssertionError as failure:
            assert "the server's own picture" in str(failure)
            notes = "".join(failure.__notes__)
            assert "client: connected" in notes
            assert "pixels differ" in notes
            return
    pytest.fail(f"{TRIES} trials saw nothing")
