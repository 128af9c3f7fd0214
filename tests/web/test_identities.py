"""The whole gateway in the access modes jwt and proxy_header, alone and behind client certificates."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.certificates import loopback_certificate
from support.client_certificates import ClientAuthority
from support.inprocess import Site, ending, rfb_handshake, site
from support.issuer import AUDIENCE, ISSUER, Issuer, claims, new_key, signed, unsigned
from support.scripted_server import Connection, ScriptedServer

KEY = new_key("ES256", "one")
OPS = {"group": "ops", "consoles": ["lab/*"], "rights": {"power": True, "clipboard": "from_vm"}}


async def still(connection: Connection) -> None:
    await connection.handshake()
    await connection.reader.read()


@contextlib.asynccontextmanager
async def gateway(access: Mapping[str, Any], **listen: Any) -> AsyncIterator[Site]:
    async with (
        ScriptedServer(still).running() as server,
        site({"vm": server.url, "other": server.url}, access=dict(access), listen=listen) as running,
    ):
        yield running


@contextlib.asynccontextmanager
async def with_issuer(**jwt: Any) -> AsyncIterator[tuple[Site, Issuer]]:
    """A gateway that knows callers by tokens of a real issuer."""
    async with Issuer(KEY).running() as issuer:
        table = {"jwks_url": issuer.url, "issuer": ISSUER, "audience": AUDIENCE} | jwt
        async with gateway({"mode": "jwt", "jwt": table, "rules": [OPS]}) as running:
            yield running, issuer


async def post(running: Site, console: str = "lab/vm", **headers: str) -> tuple[int, dict[str, Any]]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with running.http.post(f"{running.url}/grant/{console}", headers=sent) as answer:
        return answer.status, await answer.json(content_type=None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_is_traded_for_a_grant_and_opens_the_console() -> None:
    async with with_issuer() as (running, issuer):
        status, grant = await post(running, **bearer(signed(KEY, rights={"control": True, "power": True})))
        assert status == 200
        assert grant["rights"] == {"control": True, "clipboard": "both", "power": True, "takeover": True}
        ws = await running.dial(params={"ticket": grant["ticket"]})
        await rfb_handshake(ws)
        [session] = running.gateway.registry
        assert (session.grant.user, session.grant.id) == ("ana", "token-1")
        await ws.close()
        status, again = await post(running, **bearer(grant["resume"]))
        assert (status, again["session"]) == (200, grant["session"])
        assert issuer.asked == 1


async def test_a_program_sends_its_token_with_the_upgrade_but_never_in_the_address() -> None:
    async with with_issuer() as (running, _):
        ws = await running.dial(headers=bearer(signed(KEY)))
        await rfb_handshake(ws)
        await ws.close()
        for attempt in ({}, {"params": {"ticket": signed(KEY)}}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await running.dial(**attempt)
            assert refused.value.status == 401


async def test_a_new_key_of_the_issuer_is_known_without_a_restart() -> None:
    new = new_key("ES256", "two")
    async with with_issuer() as (running, issuer):
        issuer.keys.append(new)
        assert (await post(running, **bearer(signed(new))))[0] == 200


async def test_all_bad_tokens_get_one_answer() -> None:
    now = int(time.time())
    tokens = (
        signed(KEY, exp=now - 3600),
        signed(KEY, nbf=now + 3600),
        signed(KEY, iss="https://other.example.com"),
        signed(KEY, aud="other"),
        signed(new_key("ES256", "one")),
        signed(new_key("ES256", "two")),
        unsigned({"alg": "none"}, claims()),
        "nonsense",
    )
    async with with_issuer() as (running, _):
        answers = [await post(running, **bearer(token)) for token in tokens]
        answers.append(await post(running))
    assert answers == [answers[0]] * len(answers)
    assert answers[0][0] == 401
    assert answers[0][1]["name"] == "unauthenticated"


async def test_a_token_of_another_console_is_forbidden_and_names_are_told_to_nobody_before() -> None:
    async with with_issuer() as (running, _):
        token = bearer(signed(KEY, consoles=["lab/other"]))
        status, problem = await post(running, **token)
        assert (status, problem["name"]) == (403, "forbidden")
        assert (await post(running, "nowhere/vm", **token))[0] == 403
        assert (await post(running, "nowhere/vm"))[0] == 401
        assert (await post(running, "nowhere/vm", **bearer(signed(KEY, consoles="*/*"))))[0] == 404


async def test_a_session_ends_with_its_token() -> None:
    async with with_issuer() as (running, _):
        end = int(time.time()) + 3
        status, grant = await post(running, **bearer(signed(KEY, exp=end)))
        assert (status, grant["expires_at"]) == (200, end)
        ws = await running.dial(params={"ticket": grant["ticket"]})
        await rfb_handshake(ws)
        assert await ending(ws) == (4401, "unauthenticated")
        assert end <= time.time() < end + 25  # the leeway is for other clocks, not for staying
        assert (await post(running, **bearer(grant["resume"])))[0] == 401


async def test_a_trusted_proxy_says_who_it_is_and_rules_what_they_may() -> None:
    async with gateway({"mode": "proxy_header", "rules": [OPS]}, trusted_proxies=["127.0.0.1"]) as running:
        ana = {"X_Remote_User": "ana", "X_Remote_Groups": "staff, ops"}
        status, grant = await post(running, **ana)
        assert status == 200
        assert grant["rights"] == {"control": True, "clipboard": "from_vm", "power": True, "takeover": True}
        assert (await post(running, X_Remote_User="eve", X_Remote_Groups="staff"))[0] == 403
        assert (await post(running))[0] == 401
        # what a tab returns with is of use to its own user only
        resume = bearer(grant["resume"])
        assert (await post(running, **ana, **resume))[1]["session"] == grant["session"]
        assert (await post(running, X_Remote_User="eve", X_Remote_Groups="ops", **resume))[0] == 401
        assert (await post(running, **resume))[0] == 401


async def test_headers_from_elsewhere_are_nothing_whatever_else_they_say() -> None:
    async with gateway({"mode": "proxy_header", "rules": [OPS]}, trusted_proxies=["10.0.0.0/8"]) as running:
        forged = {"X_Remote_User": "ana", "X_Remote_Groups": "ops"}
        for more in ({}, {"X_Forwarded_For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}):
            status, problem = await post(running, **forged, **more)
            assert (status, problem["name"]) == (401, "unauthenticated")


async def test_a_certificate_is_asked_for_beside_what_the_mode_asks_for(tmp_path: Path) -> None:
    server, authority = loopback_certificate(tmp_path / "server"), ClientAuthority(tmp_path / "clients")
    tls = {
        "certificate": server.certificate,
        "key": server.key,
        "client_ca": authority.file,
        "client_names": ["bastion"],
    }
    key_file = tmp_path / "issuer.pem"
    key_file.write_bytes(KEY.as_pem(private=False))
    jwt = {"key_file": key_file, "issuer": ISSUER, "audience": AUDIENCE}
    known, other = (authority.issue(name).context(server) for name in ("bastion", "other"))
    async with gateway({"mode": "jwt", "jwt": jwt}, tls=tls) as running:
        url = running.url.replace("http:", "https:") + "/grant/lab/vm"
        statuses = {}
        for name, context in (("bastion", known), ("other", other)):
            for token in (signed(KEY), None):
                async with running.http.post(url, headers=bearer(token) if token else {}, ssl=context) as answer:
                    statuses[name, bool(token)] = answer.status
        with pytest.raises(aiohttp.ClientError):
            await running.http.post(url, headers=bearer(signed(KEY)), ssl=server.client_context())
    assert statuses == {("bastion", True): 200, ("bastion", False): 401, ("other", True): 403, ("other", False): 403}
