"""Tokens of an issuer, good and bad, at debug level: none is in the log, the audit, metrics or an answer."""

import json
import time
from pathlib import Path

import aiohttp
import pytest
from support.gateway import gateway
from support.issuer import AUDIENCE, ISSUER, Issuer, claims, new_key, signed, unsigned
from support.programs import LOOPBACK
from support.secrets import leaks

NOBODY = {"vm": "tcp://127.0.0.1:9"}  # the upgrade is answered before the machine is dialled


async def test_no_token_is_told_to_anybody(tmp_path: Path) -> None:
    key, other = new_key("ES256", "one"), new_key("ES256", "two")
    tokens = {
        "good": signed(key),
        "with the upgrade": signed(key, jti="token-2"),
        "expired": signed(key, exp=int(time.time()) - 3600),
        "of another console": signed(key, consoles=["lab/other"]),
        "of another key": signed(other),
        "with odd rights": signed(key, rights={"root": True}),
        "unsigned": unsigned({"alg": "none", "kid": "one"}, claims(), b"no signature at all"),
    }
    seen: dict[str, str] = {}
    async with Issuer(key).running() as issuer, aiohttp.ClientSession() as http:
        jwt = {"jwks_url": issuer.url, "issuer": ISSUER, "audience": AUDIENCE}
        table = "[access.jwt]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in jwt.items())
        async with gateway(
            NOBODY, logs=tmp_path, access='mode = "jwt"', more=f'{table}\n[log]\nlevel = "debug"'
        ) as running:
            url = f"{LOOPBACK}:{running.port}"
            statuses = {}
            for name, token in tokens.items():
                headers = {"Authorization": f"Bearer {token}"}
                if name == "with the upgrade":
                    async with http.ws_connect(f"ws://{url}/ws/lab/vm", headers=headers) as ws:
                        await ws.receive(timeout=20)
                    continue
                async with http.post(f"http://{url}/grant/lab/vm", headers=headers) as answer:
                    statuses[name] = answer.status
                    seen[f"the answer to one {name}"] = await answer.text()
            with pytest.raises(aiohttp.WSServerHandshakeError):  # an address is no place for one
                await http.ws_connect(f"ws://{url}/ws/lab/vm", params={"ticket": tokens["good"]})
            async with http.get(f"http://{LOOPBACK}:{running.admin_port}/metrics") as answer:
                seen["metrics"] = await answer.text()
        seen["log and audit"] = running.process.output()
    refused = dict.fromkeys(("expired", "of another key", "unsigned"), 401)
    assert statuses == {"good": 200} | refused | dict.fromkeys(("of another console", "with odd rights"), 403)
    for why in ("expired", "unknown_key", "wrong_algorithm", "wrong_console", "bad_rights", "unknown_or_used"):
        assert why in seen["log and audit"]
    parts = {f"{name}, part {number}": part for name, token in tokens.items() for number, part in _parts(token)}
    assert leaks(parts, seen) == []


def _parts(token: str) -> list[tuple[int, str]]:
    """Claims and signature; a header is nobody's secret."""
    return list(enumerate(token.split(".")[1:], start=2))
