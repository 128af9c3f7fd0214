"""What deploy/compose.yaml runs, without containers: its configuration, its HAProxy, its options for Redis."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import yaml
from support.certificates import loopback_certificate
from support.components import needs
from support.deployed import DEPLOY, HAPROXY, SECOND, Ports, open_console, serving, show, shows
from support.gateway import NO_DRAIN, ROOT
from support.inprocess import API_KEY, API_KEY_HASH
from support.programs import LOOPBACK, accepts, free_port, running
from support.scripted_server import ScriptedServer
from support.servers.redis import redis_server

FILE = DEPLOY / "compose/gateway.toml"
CONSOLES = ("one", "two", "three", "four")
KEY = {"Authorization": f"Bearer {API_KEY}"}


def _environment(host: str, ports: Ports, admin: int, redis: str, machine: str, seal: Path) -> dict[str, str]:
    """What is another's here: addresses, secrets, machines."""
    said = {
        "LISTEN__HOST": host,
        "LISTEN__PORT": str(ports.gateway),
        "LISTEN__PUBLIC_URL": f"https://{LOOPBACK}:{ports.https}",
        "LISTEN__TRUSTED_PROXIES": LOOPBACK,
        "ADMIN__HOST": host,
        "ADMIN__PORT": str(admin),
        "ADMIN__METRICS_PORT": "0",
        "ADMIN__KEYS__BASTION": API_KEY_HASH,
        "ACCESS__SEAL_KEYS_FILE": str(seal),
        "STATE__URL": redis,
        "PROVIDERS__LAB__TYPE": "static",
        **{f"PROVIDERS__LAB__CONSOLES__{name.upper()}": machine for name in CONSOLES},
    }
    cloud = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI5tTest", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test"}
    return NO_DRAIN | cloud | {f"VNC_GATEWAY_{key}": value for key, value in said.items()}


@contextlib.asynccontextmanager
async def everything(directory: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, str, dict[str, str]]]:
    """All of it: a browser, HAProxy's address, and the admin addresses by the gateways' hosts."""
    certificate = loopback_certificate(directory / "tls")
    ports, admin = Ports(free_port(), free_port(), free_port(), free_port()), free_port()
    (directory / "seal").write_text("0" * 64)
    options = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["valkey"]["command"][1:]
    argv = [sys.executable, "-m", "gateway", "serve", "--config", FILE]
    async with contextlib.AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_server(directory, *options))
        machine = await stack.enter_async_context(ScriptedServer(show).running())
        for host in (LOOPBACK, SECOND):
            env = _environment(host, ports, admin, redis.url, machine.url, directory / "seal")
            ready = lambda host=host: accepts(ports.gateway, host)  # noqa: E731 -- one for each host
            logs = directory / host
            await stack.enter_async_context(running("gateway", argv, logs=logs, ready=ready, env=env, cwd=ROOT))
        await stack.enter_async_context(serving(HAPROXY, ports, certificate, directory / "front"))
        connector = aiohttp.TCPConnector(ssl=certificate.client_context(), force_close=True)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield http, f"https://{LOOPBACK}:{ports.https}", {host: f"http://{host}:{admin}" for host in (LOOPBACK, SECOND)}


@needs("haproxy", "redis")
async def test_two_gateways_are_one_to_browsers_and_to_the_bastion(artifacts: Path):
    async with everything(artifacts) as (http, url, admins):
        first, second = admins.values()
        sockets = []
        for console in CONSOLES:
            body = {"console": f"lab/{console}", "user": "ana"}
            async with http.post(f"{first}/api/v1/tickets", json=body, headers=KEY) as minted:
                ticket = (await minted.json())["ticket"]
            sockets.append(await open_console(http, url, console, ticket))
        for ws in sockets:
            await shows(ws)
        for admin in admins.values():
            async with http.get(f"{admin}/metrics") as answer:
                held = [line for line in (await answer.text()).splitlines() if line.startswith("vnc_gateway_sessions")]
                assert any(not line.endswith(" 0.0") for line in held), "each of them has some"
        async with http.get(f"{second}/readyz") as answer:
            assert json.loads(await answer.text())["state"] == "up"
        async with http.delete(f"{second}/api/v1/sessions?user=ana", headers=KEY) as answer:
            assert answer.status == 204, await answer.text()
        for ws in sockets:
            message = await ws.receive(timeout=20)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4410)
