"""Certificates of upstreams are verified; a private authority counts for the provider that names it, and no other."""

from typing import Any

from support.inprocess import ending, rfb_handshake, site

from gateway.simulator.clouds import alibaba, huawei
from gateway.simulator.simulator import Simulator


async def test_a_private_authority_is_trusted_by_the_provider_that_names_it_alone() -> None:
    async with Simulator(tls=True) as clouds:
        ali, hua = clouds.alibaba.keyring.main, clouds.huawei.keyring.main
        common: dict[str, Any] = {"endpoint": clouds.endpoint, "allowed_hosts": ["127.0.0.1"]}
        providers = {
            "ali": common | {"type": "alibaba", "region": alibaba.REGION, "credentials": "ali"},
            "hua": common
            | {"type": "huawei", "region": huawei.REGION, "project_id": huawei.PROJECT, "credentials": "hua"},
        }
        providers["ali"]["ca_file"] = clouds.ca_file
        credentials = {
            "ali": {"source": "static", "access_key": ali.access, "secret_key": ali.secret},
            "hua": {"source": "static", "access_key": hua.access, "secret_key": hua.secret},
        }
        async with site({"vm": "tcp://127.0.0.1:9"}, providers=providers, credentials=credentials) as at:
            trusted = await at.dial(f"ali/{alibaba.RUNNING}")
            await rfb_handshake(trusted)
            await trusted.close()
            stranger = await at.dial(f"hua/{huawei.RUNNING}")
            await stranger.send_bytes(b"RFB 003.008\n\x01\x01")
            assert await ending(stranger) == (4502, "upstream_lost")
            assert clouds.huawei.proxy.counts.opened == 0
