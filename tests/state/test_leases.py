"""Who holds a console (state.md, `lease:{console}`)."""

from gateway.state.memory import MemoryState
from gateway.state.state import Holder, Lease

ANA = Holder("s-ana", "ana", 100.0)
BEN = Holder("s-ben", "ben", 200.0)


def leases() -> MemoryState:
    return MemoryState(lambda: 0.0)


async def test_a_free_console_goes_to_who_asks():
    state = leases()
    lease = await state.lease("lab/vm", ANA, take=False)
    assert isinstance(lease, Lease)
    assert (lease.console, lease.holder) == ("lab/vm", ANA)
    assert isinstance(await state.lease("lab/other", BEN, take=False), Lease)


async def test_who_comes_second_learns_who_was_first():
    state = leases()
    await state.lease("lab/vm", ANA, take=False)
    assert await state.lease("lab/vm", BEN, take=False) == ANA
    assert await state.lease("lab/vm", BEN, take=False) == ANA, "asking changes nothing"


async def test_each_owner_has_a_higher_epoch_also_after_a_release():
    state = leases()
    epochs = []
    for holder in (ANA, BEN, ANA, ANA):
        lease = await state.lease("lab/vm", holder, take=True)
        assert isinstance(lease, Lease)
        epochs.append(lease.epoch)
    await state.release(lease)
    lease = await state.lease("lab/vm", BEN, take=False)
    assert isinstance(lease, Lease)
    epochs.append(lease.epoch)
    assert epochs == sorted(set(epochs))


async def test_a_return_has_its_console_since_the_first_time():
    state = leases()
    await state.lease("lab/vm", ANA, take=False)
    again = await state.lease("lab/vm", Holder("s-ana", "ana", 900.0), take=False)
    assert isinstance(again, Lease)
    assert again.holder == ANA


async def test_an_older_lease_frees_nothing():
    state = leases()
    first = await state.lease("lab/vm", ANA, take=False)
    second = await state.lease("lab/vm", ANA, take=False)
    assert isinstance(first, Lease)
    assert isinstance(second, Lease)
    await state.release(first)
    assert await state.lease("lab/vm", BEN, take=False) == ANA
    await state.release(second)
    assert isinstance(await state.lease("lab/vm", BEN, take=False), Lease)
