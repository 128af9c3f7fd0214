"""The admin listener behind its own TLS, and for certain bastion hosts only."""

from pathlib import Path

import aiohttp
import pytest
from support.certificates import loopback_certificate
from support.client_certificates import ClientAuthority
from support.inprocess import API_KEY, API_KEY_HASH, site

NOWHERE = {"vm": "tcp://127.0.0.1:9"}
AUTHORIZATION = {"Authorization": f"Bearer {API_KEY}"}


async def test_the_api_speaks_tls_and_metrics_alone_do_not(tmp_path: Path, unused_tcp_port: int):
    server = loopback_certificate(tmp_path / "server")
    tls = {"certificate": server.certificate, "key": server.key}
    async with site(NOWHERE, admin={"tls": tls, "metrics_port": unused_tcp_port}) as running:
        secure = running.admin.replace("http:", "https:") + "/api/v1/sessions"
        async with running.http.get(secure, headers=AUTHORIZATION, ssl=server.client_context()) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await running.http.get(running.admin + "/api/v1/sessions", headers=AUTHORIZATION)
        async with running.http.get(f"http://127.0.0.1:{unused_tcp_port}/metrics") as answer:
            assert answer.status == 200


async def test_a_key_is_good_only_with_the_certificate_of_a_listed_bastion(tmp_path: Path):
    server, authority = loopback_certificate(tmp_path / "server"), ClientAuthority(tmp_path / "bastions")
    tls = {"certificate": server.certificate, "key": server.key}
    tls |= {"client_ca": authority.file, "client_names": ["bastion-1"]}
    async with site(NOWHERE, admin={"tls": tls, "keys": {"test": API_KEY_HASH}}) as running:
        url = running.admin.replace("http:", "https:") + "/api/v1/sessions"
        for name, status in (("bastion-1", 200), ("bastion-2", 403)):
            context = authority.issue(name).context(server)
            async with running.http.get(url, headers=AUTHORIZATION, ssl=context) as answer:
                assert answer.status == status
        with pytest.raises((aiohttp.ClientConnectionError, OSError)):
            await running.http.get(url, headers=AUTHORIZATION, ssl=server.client_context())
