"""The simulator as a whole: TLS, metadata, plain VNC, how it starts and stops."""

import asyncio
import contextlib
import ssl
import time

import aiohttp
import pytest
import uvloop
import websockets
from support.cloud_client import CloudClient, dial, greeting
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import tcp_client, websocket_client
from support.rfb_client.wire import Encoding

from gateway.simulator.clouds import alibaba, huawei, metadata
from gateway.simulator.clouds.faults import Cut
from gateway.simulator.simulator import Simulator


async def test_proxies_with_tls(http):
    async with Simulator(tls=True) as simulator:
        client = CloudClient(simulator, http)
        trusted = ssl.create_default_context(cafile=simulator.ca_file)
        for cloud, machine in ((simulator.alibaba, alibaba.RUNNING), (simulator.huawei, huawei.RUNNING)):
            url = await client.address(cloud, machine)
            assert url.startswith("wss://127.0.0.1:")
            with pytest.raises(ssl.SSLCertVerificationError):
                await dial(url, ssl=ssl.create_default_context())
            async with await dial(url, ssl=trusted, origin="https://127.0.0.1") as connection:
                assert await greeting(connection)
        file = simulator.ca_file
    assert not file.exists()


async def test_a_console_from_the_api_to_the_pixels(client, simulator):
    url = await client.address(simulator.alibaba, alibaba.RUNNING)
    desktop = simulator.alibaba.instances[alibaba.RUNNING].desktop
    async with websocket_client(url) as viewer:
        await viewer.set_up([Encoding.TIGHT, Encoding.COPY_RECT, Encoding.LAST_RECT])
        await viewer.cover()
        await viewer.send(messages.key(ord("x"), down=True))
        await eventually(lambda: desktop.terminal_text()[-1].endswith("x"))
        simulator.freeze()
        await viewer.capture()
        assert viewer.picture.tobytes() == desktop.rgb()


async def test_the_picture_moves_only_while_somebody_looks(simulator):
    machine = simulator.huawei.instances[huawei.RUNNING]
    before = machine.desktop.rgb()
    await asyncio.sleep(0.3)
    assert machine.desktop.rgb() == before
    async with tcp_client("127.0.0.1", await simulator.listen(machine)) as viewer:
        await viewer.set_up([Encoding.ZRLE])
        await viewer.cover()
        await eventually(lambda: abs(machine.desktop.now - time.time()) < 5)
        await eventually(lambda: machine.desktop.rgb() != before)


async def test_metadata_gives_keys_that_open_the_apis(client, simulator, http):
    base = simulator.metadata_endpoint
    token = {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}
    async with http.put(f"{base}/latest/api/token", headers=token) as response:
        headers = {"X-aliyun-ecs-metadata-token": await response.text()}
    path = f"{base}/latest/meta-data/ram/security-credentials/{metadata.ROLE}"
    async with http.get(path, headers=headers) as response:
        ali = await response.json()
    assert ali["Code"] == "Success"
    assert simulator.alibaba.keyring.find(ali["AccessKeyId"]).token == ali["SecurityToken"]
    async with http.get(path) as response:
        assert response.status == 403
    async with http.get(path + "x", headers=headers) as response:
        assert response.status == 404
    token = {"X-Metadata-Token-Ttl-Seconds": "60"}
    async with http.put(f"{base}/meta-data/latest/api/token", headers=token) as response:
        headers = {"X-Metadata-Token": await response.text()}
    async with http.get(f"{base}/openstack/latest/securitykey", headers=headers) as response:
        hua = (await response.json())["credential"]
    assert simulator.huawei.keyring.find(hua["access"]).secret == hua["secret"]
    assert simulator.metadata.issued == 2


async def test_a_port_that_is_taken_is_told(simulator):
    other = Simulator(port=simulator.port)
    with pytest.raises(OSError, match="in use"):
        await other.start()
    await other.stop()


async def test_stopping_ends_every_connection(http):
    async with Simulator() as simulator:
        client = CloudClient(simulator, http)
        connection = await dial(await client.address(simulator.alibaba, alibaba.RUNNING))
        await greeting(connection)
        port = await simulator.listen(simulator.instances[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readexactly(12)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    with pytest.raises(websockets.ConnectionClosed):
        await connection.recv()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


def test_it_runs_on_uvloop_too():
    async def look() -> None:
        async with aiohttp.ClientSession() as http, Simulator(tls=True) as simulator:
            client = CloudClient(simulator, http)
            trusted = ssl.create_default_context(cafile=simulator.ca_file)
            for cloud, machine in ((simulator.alibaba, alibaba.RUNNING), (simulator.huawei, huawei.RUNNING)):
                for how in Cut:
                    async with websocket_client(await client.address(cloud, machine), tls=trusted) as viewer:
                        await viewer.set_up([Encoding.TIGHT])
                        await viewer.cover()
                        assert simulator.cut(how) == 1
                        with pytest.raises(ConnectionError):
                            await viewer.follow(5)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(look())
