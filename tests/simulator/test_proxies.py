"""The simulated proxies: who gets in, what ends a connection, with the habits of the real ones."""

import asyncio

import pytest
import websockets
from support.cloud_client import CloudClient, dial, greeting
from support.programs import eventually
from support.rfb_client import messages

from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.clouds.faults import Cut, DialFault
from gateway.simulator.clouds.instances import State
from gateway.simulator.clouds.limits import Budget, IdleCounts
from gateway.simulator.simulator import Simulator

DROPPED = (websockets.ConnectionClosedError, websockets.InvalidMessage, ConnectionError, EOFError)
CLOUDS = pytest.mark.parametrize("name", ["alibaba", "huawei"])


def pick(simulator: Simulator, name: str):
    """A cloud and its running machine."""
    return getattr(simulator, name), {"alibaba": alibaba.RUNNING, "huawei": huawei.RUNNING}[name]


async def dropped(url: str, **options: object) -> None:
    """The upgrade is accepted, then the connection is gone without a byte, and soon."""
    async with asyncio.timeout(2):
        connection = await dial(url, **options)
        with pytest.raises(DROPPED) as caught:
            await connection.recv()
    assert getattr(caught.value, "rcvd", None) is None


@CLOUDS
async def test_an_address_opens_one_connection(client, simulator, name):
    cloud, machine = pick(simulator, name)
    url = await client.address(cloud, machine)
    async with await dial(url) as connection:
        assert connection.subprotocol == "binary"
        assert await greeting(connection) == b"RFB 003.008\n"
        await dropped(url)
    assert cloud.proxy.counts.refused == {"used": 1}
    await eventually(lambda: cloud.proxy.counts.live == 0)


@CLOUDS
async def test_an_address_of_nobody_is_dropped_after_101(client, simulator, name):
    cloud, machine = pick(simulator, name)
    url = await client.address(cloud, machine)
    await dropped(url[:-1] + ("0" if url[-1] != "0" else "1"))
    await dropped(url.partition("?")[0])
    assert cloud.proxy.counts.refused.total() == 2


async def test_alibabas_address_counts_byte_for_byte(client, simulator):
    url = await client.address(simulator.alibaba, alibaba.RUNNING)
    await dropped(url.replace("%2F", "/"))
    await dropped(url.replace("%2B", "%2b"))
    assert simulator.alibaba.proxy.counts.refused == {"unknown": 2}
    async with await dial(url) as connection:
        assert await greeting(connection)


@pytest.mark.parametrize("form", list(huawei.Form))
async def test_each_form_of_huaweis_address_opens(client, simulator, form):
    simulator.huawei.form = form
    async with await dial(await client.address(simulator.huawei, huawei.RUNNING)) as connection:
        assert await greeting(connection)


async def test_huaweis_token_may_come_as_a_cookie_and_the_directory_counts(client, simulator):
    url = await client.address(simulator.huawei, huawei.RUNNING)
    base, _, token = url.partition("?token=")
    with pytest.raises(websockets.InvalidStatus):
        await dial(url.replace("/vnc/region.ap-southeast-1", ""))
    async with await dial(base, additional_headers={"Cookie": f"token={token}"}) as connection:
        assert await greeting(connection)


@CLOUDS
async def test_an_address_ends_with_its_time(client, simulator, name, monkeypatch):
    cloud, machine = pick(simulator, name)
    assert cloud.addresses.life == {"alibaba": 15, "huawei": 600}[name]
    cloud.addresses.life = 0.05
    url = await client.address(cloud, machine)
    await asyncio.sleep(0.06)
    await dropped(url)
    assert cloud.proxy.counts.refused == {"expired": 1}


async def test_only_binary_is_spoken(client, simulator):
    url = await client.address(simulator.huawei, huawei.RUNNING)
    with pytest.raises(websockets.InvalidStatus) as caught:
        await dial(url, subprotocols=["base64"])
    assert caught.value.response.status_code == 400
    async with await dial(url, subprotocols=["base64", "binary"]) as connection:
        assert connection.subprotocol == "binary"
    url = await client.address(simulator.huawei, huawei.RUNNING)
    async with await dial(url, subprotocols=None) as connection:
        assert connection.subprotocol is None
        await connection.send("text")
        with pytest.raises(websockets.ConnectionClosed) as ended:
            while True:
                await connection.recv()
    assert ended.value.rcvd.code == 1003


ORIGINS = {
    "http://127.0.0.1": True,
    "http://127.0.0.1:1": True,
    "https://127.0.0.1": False,
    "http://console.example.com": False,
    "null": False,
}


@pytest.mark.parametrize("origin", ORIGINS)
async def test_an_origin_must_be_the_proxys_own(client, simulator, origin):
    url = await client.address(simulator.huawei, huawei.RUNNING)
    if ORIGINS[origin]:
        async with await dial(url, origin=origin) as connection:
            assert await greeting(connection)
    else:
        await dropped(url, origin=origin)
        assert simulator.huawei.proxy.counts.refused == {"origin": 1}


async def test_an_origin_may_be_asked_for(client, simulator):
    simulator.alibaba.proxy.rules.origin_required = True
    await dropped(await client.address(simulator.alibaba, alibaba.RUNNING))
    url = await client.address(simulator.alibaba, alibaba.RUNNING)
    async with await dial(url, origin=alibaba.CONSOLE_ORIGIN) as connection:
        assert await greeting(connection)


async def test_compression_is_declined(client, simulator):
    url = await client.address(simulator.huawei, huawei.RUNNING)
    async with await dial(url, compression="deflate") as connection:
        assert connection.protocol.extensions == []


async def test_a_newcomer_evicts_who_is_there_at_alibaba(client, simulator):
    first = await dial(await client.address(simulator.alibaba, alibaba.RUNNING))
    await greeting(first)
    async with await dial(await client.address(simulator.alibaba, alibaba.RUNNING)) as second:
        assert await greeting(second)
        with pytest.raises(websockets.ConnectionClosedOK):
            await asyncio.wait_for(first.recv(), 5)
    assert simulator.alibaba.proxy.counts.evictions == 1


async def test_huawei_lets_two_look(client, simulator):
    first = await dial(await client.address(simulator.huawei, huawei.RUNNING))
    await greeting(first)
    async with await dial(await client.address(simulator.huawei, huawei.RUNNING)) as second:
        assert await greeting(second)
        assert simulator.huawei.proxy.counts.live == 2
    await first.close()


async def test_dials_have_a_budget_too(client, simulator):
    simulator.alibaba.budget = None
    simulator.alibaba.proxy.budget = Budget(2, 60)
    for _ in range(2):
        async with await dial(await client.address(simulator.alibaba, alibaba.RUNNING)) as connection:
            assert await greeting(connection)
    await dropped(await client.address(simulator.alibaba, alibaba.RUNNING))
    assert simulator.alibaba.proxy.counts.refused == {"budget": 1}


async def test_a_machine_that_stopped_since_is_dropped(client, simulator):
    url = await client.address(simulator.alibaba, alibaba.RUNNING)
    simulator.alibaba.instances[alibaba.RUNNING].state = State.STOPPED
    await dropped(url)


@pytest.mark.parametrize("how", list(Cut))
async def test_the_simulator_cuts_all_upstreams(client, simulator, how):
    connections = [await dial(await client.address(*pick(simulator, name))) for name in ("alibaba", "huawei")]
    for connection in connections:
        await greeting(connection)
    assert simulator.cut(how) == 2
    for connection in connections:
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await asyncio.wait_for(connection.recv(), 5)
        assert (caught.value.rcvd is not None) == (how is Cut.CLOSE)
    await eventually(lambda: simulator.alibaba.proxy.counts.live + simulator.huawei.proxy.counts.live == 0)
    assert not any(instance.desktop.viewers for instance in simulator.instances)


async def test_dials_fail_on_demand(client, simulator):
    proxy = simulator.huawei.proxy

    async def address(fault: DialFault) -> str:
        proxy.rules.fault = fault
        return await client.address(simulator.huawei, huawei.RUNNING)

    with pytest.raises(websockets.InvalidStatus):
        await dial(await address(DialFault.FORBIDDEN))
    with pytest.raises(DROPPED):
        await dial(await address(DialFault.NO_ANSWER))
    await dropped(await address(DialFault.DROPPED))
    async with await dial(await address(DialFault.GARBAGE)) as connection:
        assert (await connection.recv()).startswith(b"HTTP/1.1 400")
    async with await dial(await address(DialFault.TEXT)) as connection:
        assert await connection.recv() == "RFB 003.008\n"
    async with await dial(await address(DialFault.SILENT)) as connection:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.1)
    async with await dial(await address(DialFault.REFUSED)) as connection:
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await connection.recv()
        assert caught.value.rcvd.code == 1011


async def open_rfb(url: str):
    """A connection past the handshake that has asked for nothing."""
    connection = await dial(url)
    await greeting(connection)
    await connection.send(b"RFB 003.008\n")
    await connection.recv()
    await connection.send(b"\x01")
    await connection.recv()
    await connection.send(b"\x01")
    await connection.recv()
    return connection


KEEPALIVES = {
    "ping": None,
    "request": messages.update_request(0, 0, 1, 1, incremental=True),
    "key": messages.key(0xFF14, down=False),
}
LIVES = {"rfb": {"request", "key"}, "input": {"key"}, "any": {"ping", "request", "key"}}


@pytest.mark.parametrize("counts", LIVES)
@pytest.mark.parametrize("what", KEEPALIVES)
async def test_idleness_is_counted_as_told(http, counts, what):
    async with Simulator(idle_counts=IdleCounts(counts)) as simulator:
        simulator.freeze()
        proxy = simulator.huawei.proxy
        connection = await open_rfb(await CloudClient(simulator, http).address(simulator.huawei, huawei.RUNNING))
        await worked_off(connection)
        (deadline,) = proxy.idle_deadlines()
        if KEEPALIVES[what] is not None:
            await connection.send(KEEPALIVES[what])
        await worked_off(connection)
        assert (proxy.idle_deadlines() > [deadline]) == (what in LIVES[counts])
        await connection.close()


async def worked_off(connection) -> None:
    """Wait until the proxy has seen all that was sent: it answers pings in their turn."""
    await asyncio.wait_for(await connection.ping(), 5)


@pytest.mark.parametrize("leave", list(Cut))
async def test_an_idle_connection_is_cut(http, leave):
    async with Simulator(time_scale=1000) as simulator:
        assert simulator.times.idle == 0.3
        simulator.huawei.proxy.rules.leave = leave
        connection = await open_rfb(await CloudClient(simulator, http).address(simulator.huawei, huawei.RUNNING))
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(connection.recv(), 5)
        assert simulator.huawei.proxy.counts.idle_cuts == 1


@pytest.mark.parametrize("no_pong", [False, True])
async def test_pings_may_stay_unanswered(http, no_pong):
    async with Simulator(no_pong=no_pong) as simulator:
        connection = await dial(await CloudClient(simulator, http).address(simulator.alibaba, alibaba.RUNNING))
        pong = await connection.ping()
        if no_pong:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(pong), 0.2)
        else:
            await asyncio.wait_for(pong, 5)
        assert simulator.alibaba.proxy.counts.pings == 1
        await connection.close()
