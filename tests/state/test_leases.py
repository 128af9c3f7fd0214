"""Who holds a console (state.md, `lease:{console}`)."""

from gateway.state.leases import Holder, Lease, MemoryLeases

ANA = Holder("s-ana", "ana", 100.0)
BEN = Holder("s-ben", "ben", 200.0)


async def test_a_free_console_goes_to_who_asks():
    leases = MemoryLeases()
    assert await leases.lease("lab/vm", ANA, take=False) == Lease("lab/vm", ANA, 1)
    assert isinstance(await leases.lease("lab/other", BEN, take=False), Lease)


async def test_who_comes_second_learns_who_was_first():
    leases = MemoryLeases()
    await leases.lease("lab/vm", ANA, take=False)
    assert await leases.lease("lab/vm", BEN, take=False) == ANA
    assert await leases.lease("lab/vm", BEN, take=False) == ANA, "asking changes nothing"


async def test_each_owner_has_a_higher_epoch_also_after_a_release():
    leases = MemoryLeases()
    epochs = []
    for holder in (ANA, BEN, ANA, ANA):
        lease = await leases.lease("lab/vm", holder, take=True)
        assert isinstance(lease, Lease)
        epochs.append(lease.epoch)
    await leases.release(lease)
    lease = await leases.lease("lab/vm", BEN, take=False)
    assert isinstance(lease, Lease)
    epochs.append(lease.epoch)
    assert epochs == sorted(set(epochs))


async def test_a_return_has_its_console_since_the_first_time():
    leases = MemoryLeases()
    await leases.lease("lab/vm", ANA, take=False)
    again = await leases.lease("lab/vm", Holder("s-ana", "ana", 900.0), take=False)
    assert isinstance(again, Lease)
    assert again.holder == ANA


async def test_an_older_lease_frees_nothing():
    leases = MemoryLeases()
    first = await leases.lease("lab/vm", ANA, take=False)
    second = await leases.lease("lab/vm", ANA, take=False)
    assert isinstance(first, Lease)
    assert isinstance(second, Lease)
    await leases.release(first)
    assert await leases.lease("lab/vm", BEN, take=False) == ANA
    await leases.release(second)
    assert isinstance(await leases.lease("lab/vm", BEN, take=False), Lease)
