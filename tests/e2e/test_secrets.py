"""Whole sessions, good and failing, at debug level: no secret is in logs, audit, metrics, answers, process titles."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from support.fake_api import FakeApi, Reply
from support.inprocess import API_KEY
from support.programs import LOOPBACK, eventually, free_port
from support.rfb_client.client import websocket_client
from support.secrets import leaks
from support.servers.address import Address
from support.tickets import Bastion, bastion

from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.clouds.faults import ApiFault, DialFault
from gateway.simulator.clouds.limits import Addresses
from gateway.simulator.desktop.handshake import ServerOptions
from gateway.simulator.simulator import Simulator

VNC_PASSWORD = "vNc+pa/s"  # all eight characters that VNC authentication looks at
ALI, HUA = f"ali/{alibaba.RUNNING}", f"hua/{huawei.RUNNING}"


@dataclass
class House:
    """Everything that has a secret, the gateway among it, and what was seen of it from outside.

    `secrets` and `seen` by name. `seen` is what may hold none of them.
    """

    clouds: Simulator
    broker: FakeApi
    bastion: Bastion
    secrets: dict[str, str]
    seen: dict[str, str] = field(default_factory=dict)

    def secret(self, name: str) -> str:
        return self.secrets.setdefault(name, f"{name}-{secrets.token_urlsafe(24)}")

    async def good(self, console: str) -> None:
        """A session by the page's way: ticket, grant, socket; a text typed and one copied; then a return."""
        ticket = await self.bastion.ticket(console, reference="CHG-17")
        for turn in ("opened", "returned"):
            body = (await self.bastion.grant(console, ticket)).body
            self.secrets |= {
                f"{console} {turn}: ticket": ticket,
                f"{console} {turn}: WebSocket ticket": body["ticket"],
                f"{console} {turn}: resume token": body["resume"],
            }
            url = f"ws://{LOOPBACK}:{self.bastion.gateway.port}/ws/{console}?ticket={body['ticket']}"
            async with websocket_client(url) as client:
                text = self.secret("copied text").encode()
                await client.send(b"\x06\0\0\0" + len(text).to_bytes(4, "big") + text)
                await client.request(incremental=False)
                await self.look(f"{console} {turn}")
            ticket = body["resume"]

    async def failing(self, console: str) -> None:
        """A session that its cloud, its address or its server lets down."""
        ticket = await self.bastion.ticket(console)
        self.secrets[f"ticket {len(self.secrets)}"] = ticket
        url = f"http://{LOOPBACK}:{self.bastion.gateway.port}/ws/{console}?ticket={ticket}"
        async with aiohttp.ClientSession() as http, http.ws_connect(url, protocols=["binary"]) as ws:
            await ws.send_bytes(b"RFB 003.008\n\x01\x01")
            while (await ws.receive(timeout=60)).type is aiohttp.WSMsgType.BINARY:
                pass
            assert ws.close_code not in (None, 1000, 1011), ws.close_code

    async def refused(self, secret: str) -> None:
        """Requests that are refused, each with a secret where requests have one."""
        bearer = {"Authorization": f"Bearer {secret}"}
        public, admin = self.bastion.public, f"http://{LOOPBACK}:{self.bastion.gateway.admin_port}"
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
        for number, (method, url, headers) in enumerate(
            (
                ("POST", f"{public}/grant/{ALI}", bearer),
                ("POST", f"{public}/grant/nobody/here", bearer),
                ("GET", f"{public}/ws/{ALI}?ticket={secret}", upgrade),
                ("GET", f"{public}/ws/{ALI}?ticket={secret}", {}),
                ("GET", f"{public}/ws/{ALI}?ticket={secret}", upgrade | {"Origin": f"http://{secret}"}),
                ("GET", f"{public}/{secret}/..%2f?ticket={secret}", {}),
                ("POST", f"{public}/grant/{ALI}", bearer | {"X-Long": secret * 1000}),
                ("GET", f"{admin}/api/v1/sessions?user={secret}", bearer),
                ("POST", f"{admin}/api/v1/tickets", {"Authorization": f"Bearer {API_KEY}", "X-Body": secret}),
                ("DELETE", f"{admin}/api/v1/sessions/{secret}", {"Authorization": f"Bearer {API_KEY}"}),
            )
        ):
            async with aiohttp.ClientSession() as http, http.request(method, url, headers=headers) as answer:
                self.seen[f"answer {number}"] = f"{answer.status} {dict(answer.headers)} {await answer.text()}"
                assert answer.status >= 400
        await _raw(self.bastion.gateway.port, f"GET /ws/{ALI}?ticket={secret} HTTP/9.9\r\n{secret}\r\n\r\n")
        await _raw(self.bastion.gateway.port, f"\x16\x03\x01{secret}\r\n\r\n")

    async def look(self, when: str) -> None:
        """Read everything that the gateway says about itself while something is open."""
        gateway = self.bastion.gateway
        self.seen[f"sessions: {when}"] = json.dumps((await self.bastion.api("GET", "/sessions")).body)
        for port in (gateway.port, gateway.admin_port):
            for path in ("/metrics", "/readyz", "/healthz", "/", f"/console/{ALI}"):
                async with aiohttp.ClientSession() as http, http.get(f"http://{LOOPBACK}:{port}{path}") as answer:
                    self.seen[f"{port}{path}: {when}"] = f"{dict(answer.headers)} {await answer.text()}"
        for file in ("cmdline", "comm", "status"):
            self.seen[f"/proc: {file}"] = Path(f"/proc/{gateway.process.pid}/{file}").read_text()


async def _raw(port: int, request: str) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(request.encode("latin-1"))
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()


def _tables(clouds: Simulator, broker: FakeApi, known: dict[str, str], proxy: str) -> str:
    ali, hua = clouds.alibaba.keyring.main, clouds.huawei.keyring.main
    known |= {"Alibaba's key": ali.secret, "Huawei's key": hua.secret}
    shared = f'endpoint = "{clouds.endpoint}"\nallowed_hosts = ["{LOOPBACK}"]\nreconnect = {{ window = 0.5 }}\n'
    ali_table = f'type = "alibaba"\nregion = "{alibaba.REGION}"\n{shared}'
    return f"""
[log]
level = "debug"
[credentials.ali]
source = "static"
access_key = "{ali.access}"
secret_key = "{ali.secret}"
[credentials.hua]
source = "static"
access_key = "{hua.access}"
secret_key = "{hua.secret}"
[credentials.wrong]
source = "sts"
access_key = "STS.nobody"
secret_key = "{known["wrong key"]}"
security_token = "{known["security token"]}"
[providers.ali]
credentials = "ali"
{ali_table}
[providers.hua]
type = "huawei"
region = "{huawei.REGION}"
project_id = "{huawei.PROJECT}"
credentials = "hua"
{shared}
[providers.wrong]
credentials = "wrong"
{ali_table}
[providers.proxied]
credentials = "ali"
proxy = "{proxy}"
{ali_table}
[providers.broker]
type = "http"
url = "{broker.endpoint}/vnc?key={known["broker query"]}"
bearer = "{known["broker bearer"]}"
headers = {{ X-Proxy-Key = "{known["header"]}" }}
allowed_hosts = ["{LOOPBACK}"]
reconnect = {{ window = 0.5 }}
"""


@contextlib.asynccontextmanager
async def house(logs: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    names = (
        "wrong key",
        "security token",
        "broker query",
        "broker bearer",
        "header",
        "static token",
        "egress",
        "seal key",
    )
    known = {name: name.replace(" ", "-") + secrets.token_urlsafe(24) for name in names}
    known |= {"VNC password": VNC_PASSWORD, "API key": API_KEY}
    issue = Addresses.issue

    def noted(self: Addresses, token: str, *rest: object) -> None:
        known[f"one-time address {len(known)}"] = token
        issue(self, token, *rest)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(Addresses, "issue", noted)
    async with Simulator() as clouds, FakeApi(Reply()) as broker:
        locked = clouds.alibaba.instances[alibaba.RUNNING]
        locked.desktop.rename(known.setdefault("window title", f"title-{secrets.token_hex(16)}"))
        desk = clouds.huawei.instances[huawei.RUNNING]
        desk.options = ServerOptions(password=VNC_PASSWORD)
        port = await clouds.listen(desk)
        desk.options = ServerOptions()
        consoles = {
            "locked": Address(port, password=VNC_PASSWORD),
            "page": f"http://{LOOPBACK}:{free_port()}/vnc.html?token={known['static token']}",
        }
        proxy = f"http://user:{known['egress']}@{LOOPBACK}:{free_port()}"
        tables = _tables(clouds, broker, known, proxy)
        quick = "reconnect = { window = 0.5 }"
        async with bastion(
            consoles, logs=logs, access=f'seal_keys = "{known["seal key"]}"', provider=quick, more=tables
        ) as running:
            yield House(clouds, broker, running, known)


async def test_no_secret_is_told_by_anything_that_the_gateway_says(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(artifacts, monkeypatch) as at:
        for console in (ALI, HUA, "lab/locked"):
            await at.good(console)
        await at.failing("lab/page")
        await at.failing("wrong/i-1")
        await at.failing("proxied/i-1")
        for fault in (ApiFault.FOREIGN, ApiFault.HTML, ApiFault.FORBIDDEN, ApiFault.REDIRECT, ApiFault.DROPPED):
            at.clouds.alibaba.fault = fault
            await at.failing(ALI)
        at.clouds.alibaba.fault = ApiFault.NONE
        for dial in (DialFault.FORBIDDEN, DialFault.GARBAGE, DialFault.DROPPED, DialFault.TEXT, DialFault.REFUSED):
            at.clouds.huawei.proxy.rules.fault = dial
            await at.failing(HUA)
        for body in (
            {"url": f"ws://{LOOPBACK}:1/?token={at.secret('broker token')}", "rfb_password": at.secret("rfb password")},
            {"url": f"ws://{at.secret('broker token')}.example.com/"},
            {"url": f"ftp://x/{at.secret('broker token')}", "headers": {"X-Auth": at.secret("broker header")}},
            {"host": LOOPBACK, "port": 1, "cookies": {"k": at.secret("broker cookie") + "\n"}},
            at.secret("broker body").encode(),
        ):
            at.broker.answer(Reply(body))
            await at.failing("broker/vm")
        at.broker.answer(Reply({}, status=302, headers={"Location": f"http://x/?{at.secret('redirect')}"}))
        await at.failing("broker/vm")
        await at.refused(at.secret("guess"))
        await at.look("at the end")
        log = at.bastion.gateway.process.output
        await eventually(lambda: log().count('"session_ended"') >= 20)
        at.seen["log and audit"] = log()
        assert len(at.secrets) > 30
        assert leaks(at.secrets, at.seen) == []


@pytest.mark.parametrize(
    "text",
    [
        "?ticket=s3cret/t+o=ken",
        "s3cret%2Ft%2Bo%3Dken",
        "s3cret%252Ft%252Bo%253Dken",
        "eHM6czNjcmV0L3Qrbz1rZW4=",
        "QmVhcmVyIHMzY3JldC90K289a2Vu",
        b"s3cret/t+o=ken".hex(),
    ],
)
def test_the_search_finds_secrets_in_their_clothes(text: str) -> None:
    assert leaks({"token": "s3cret/t+o=ken"}, {"log": f'{{"event": "x", "y": "{text}"}}'})
