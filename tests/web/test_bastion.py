"""Client certificates (mTLS): only bastion hosts that are known by theirs are talked to."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError
from support.certificates import Certificate, loopback_certificate
from support.client_certificates import ClientAuthority, ClientCertificate
from support.inprocess import Site, rfb_handshake, site
from support.scripted_server import Connection, ScriptedServer

from gateway.config.listen import Tls


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return loopback_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> ClientAuthority:
    return ClientAuthority(tmp_path_factory.mktemp("bastions"))


async def still(connection: Connection) -> None:
    await connection.handshake()
    await connection.reader.read()


@contextlib.asynccontextmanager
async def behind(server: Certificate, authority: ClientAuthority, *names: str) -> AsyncIterator[Site]:
    """The gateway, which talks to bastions of `authority` called `names`."""
    tls: dict[str, Any] = {"certificate": server.certificate, "key": server.key, "client_ca": authority.file}
    async with (
        ScriptedServer(still).running() as upstream,
        site({"vm": upstream.url}, listen={"tls": tls | {"client_names": names}}) as running,
    ):
        running.url = running.url.replace("http:", "https:")
        yield running


async def asked(running: Site, server: Certificate, client: ClientCertificate | None, path: str = "/") -> int:
    """The status for `client`; 0 if there is no answer at all."""
    context = client.context(server) if client else server.client_context()
    try:
        async with running.http.get(running.url + path, ssl=context) as answer:
            return answer.status
    except (aiohttp.ClientConnectionError, OSError):
        return 0


async def test_a_bastion_opens_consoles_and_nobody_else_gets_an_answer(
    server: Certificate, authority: ClientAuthority, tmp_path: Path
) -> None:
    bastion = authority.issue("bastion-1")
    async with behind(server, authority) as running:
        assert await asked(running, server, bastion) == 200
        ws = await running.dial(ssl=bastion.context(server))
        await rfb_handshake(ws)
        assert [session.grant.user for session in running.gateway.registry] == ["bastion-1"]
        await ws.close()
        for stranger in (
            None,
            ClientAuthority(tmp_path / "others").issue("bastion-1"),
            authority.issue("bastion-1", days=-1),
            authority.issue("bastion-1", for_servers=True),
        ):
            for path in ("/", "/healthz", "/console/lab/vm"):
                assert await asked(running, server, stranger, path) == 0


async def test_only_bastions_of_the_listed_names_come_in(server: Certificate, authority: ClientAuthority) -> None:
    async with behind(server, authority, "bastion-1.example.com", "bastion-2") as running:
        for known in (
            authority.issue("whatever", "other.example.com", "bastion-1.example.com"),
            authority.issue("bastion-2"),
        ):
            assert await asked(running, server, known) == 200
        for other in (
            authority.issue("bastion-3"),
            authority.issue("bastion-1.example.com.evil.example", "x.bastion-1.example.com"),
            authority.issue("", "*.example.com"),
            authority.issue(""),
        ):
            for path in ("/", "/consoles", "/console/lab/vm", "/static/client.js"):
                assert await asked(running, server, other, path) == 403
            assert await asked(running, server, other, "/healthz") == 200
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await running.dial(ssl=other.context(server))
            assert refused.value.status == 403
            post = running.http.post(f"{running.url}/grant/lab/vm", ssl=other.context(server))
            async with post as answer:
                assert (answer.status, (await answer.json(content_type=None))["name"]) == (403, "forbidden")


def test_names_need_an_authority(server: Certificate) -> None:
    pair = {"certificate": server.certificate, "key": server.key}
    with pytest.raises(ValidationError, match="client_names needs client_ca"):
        Tls(**pair, client_names=["bastion"])
    with pytest.raises(ValidationError, match="client_ca holds no certificate"):
        Tls(**pair, client_ca=server.key)
