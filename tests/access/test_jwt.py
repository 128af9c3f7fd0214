"""Access mode jwt: what a good token gives, and every way in which a token is not good."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.issuer import ALGORITHMS, AUDIENCE, ISSUER, claims, new_key, sealed, signed, unsigned
from support.jwt_mode import ADDRESS, KEY, LEEWAY, RSA, denied, known, mode

from gateway.access.grants import Rights
from gateway.access.jwt import JwtMode
from gateway.access.keys import KeysAway
from gateway.config.identities import Jwt
from gateway.config.jwk import PublicKeys, public_keys


async def test_a_good_token_says_who_it_is_and_until_when() -> None:
    end = int(time.time()) + 100
    identity = await known(mode(), signed(KEY, exp=end, rights={"control": True, "power": True}))
    assert identity.user == "ana"
    assert identity.rights == Rights(power=True)
    assert identity.expires_at == end
    assert identity.id == "token-1"


@pytest.mark.parametrize("jti", ["x" * 5000, "a\nb", "", None])
async def test_a_tokens_id_is_short_and_plain_or_left_out(jti: object) -> None:
    assert (await known(mode(), signed(KEY, jti=jti))).id == ""


async def test_a_session_outlives_its_token_where_that_is_configured() -> None:
    assert (await known(mode(exp_ends_session=False), signed(KEY))).expires_at is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_algorithm_that_can_be_listed_works(algorithm: str) -> None:
    key = new_key(algorithm, "k")
    gate = mode(keys=public_keys(key.as_pem(private=False)), algorithms=[algorithm])
    assert (await known(gate, signed(key, algorithm))).user == "ana"


async def test_claims_go_by_the_names_that_are_configured() -> None:
    gate = mode(user_claim="email", consoles_claim="vms", rights_claim="may")
    token = signed(KEY, consoles=None, email="ana@example.com", vms="lab/vm", may={"control": False})
    identity = await known(gate, token)
    assert identity.user == "ana@example.com"
    assert identity.rights == Rights(control=False, takeover=False)


# What is not good.


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
async def test_an_unsigned_token_is_refused(algorithm: str) -> None:
    for signature in (b"", b"x" * 64):
        token = unsigned({"alg": algorithm, "kid": "one"}, claims(), signature)
        assert await denied(mode(), token) == ("unauthenticated", "wrong_algorithm")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_public_key_is_no_shared_secret(algorithm: str) -> None:
    """Key confusion: everybody has the public key, and who takes it for HMAC's secret can sign with it."""
    import hashlib
    import hmac

    for secret in (RSA.as_pem(private=False), KEY.as_pem(private=False), KEY.as_pem(private=False).strip()):
        body = unsigned({"alg": algorithm, "kid": "one"}, claims()).rpartition(".")[0]
        digest = hmac.digest(secret, body.encode(), getattr(hashlib, "sha" + algorithm[2:]))
        token = unsigned({"alg": algorithm, "kid": "one"}, claims(), digest)
        assert await denied(mode(), token) == ("unauthenticated", "wrong_algorithm")


async def test_only_listed_algorithms_are_taken() -> None:
    token = signed(RSA, "RS256")
    assert await denied(mode(), token) == ("unauthenticated", "wrong_algorithm")
    assert (await known(mode(algorithms=["ES256", "RS256"]), token)).user == "ana"


async def test_a_key_signs_by_its_own_kind_of_algorithm_only() -> None:
    gate = mode(algorithms=["ES256", "RS256"])
    refusal, _ = await denied(gate, signed(RSA, "RS256", header={"kid": "one"}))
    assert refusal == "unauthenticated"


async def test_a_key_is_used_for_the_algorithm_it_was_published_for_only() -> None:
    published = {"keys": [RSA.as_dict(private=False) | {"alg": "RS512"}]}
    gate = mode(keys=public_keys(json.dumps(published)), algorithms=["RS256", "RS512"])
    assert (await known(gate, signed(RSA, "RS512"))).user == "ana"
    assert (await denied(gate, signed(RSA, "RS256")))[0] == "unauthenticated"


async def test_an_unknown_key_is_refused_and_so_is_another_key_of_the_same_name() -> None:
    gate = mode()
    assert await denied(gate, signed(new_key("ES256", "two"))) == ("unauthenticated", "unknown_key")
    assert await denied(gate, signed(new_key("ES256", "one"))) == ("unauthenticated", "bad_signature")


@pytest.mark.parametrize("where", ["jwk", "jku", "x5c", "x5u"])
async def test_a_token_does_not_bring_its_own_key(where: str) -> None:
    own = new_key("ES256", "one")
    header = {
        "jwk": own.as_dict(private=False),
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "http://127.0.0.1:1/certificate",
        "x5c": ["MIIB"],
    }
    assert await denied(mode(), signed(own, header={where: header[where]})) == (
        "unauthenticated",
        "bad_signature",
    )


async def test_a_critical_header_that_is_not_understood_is_refused_others_are_ignored() -> None:
    gate = mode()
    assert (await known(gate, signed(KEY, header={"nonce": "x"}))).user == "ana"
    token = sealed(KEY, claims(), header={"nonce": "x"})
    head = unsigned({"alg": "ES256", "kid": "one", "crit": ["exp"], "exp": 1}, claims())
    assert (await denied(gate, head.rpartition(".")[0] + "." + token.rpartition(".")[2]))[0] == "unauthenticated"


async def test_a_changed_token_is_refused() -> None:
    head, body, signature = signed(KEY).split(".")
    other_head, other_body, _ = signed(KEY, header={"typ": "other"}, sub="root").split(".")
    for token in (
        f"{head}.{other_body}.{signature}",
        f"{other_head}.{body}.{signature}",
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body}.",
    ):
        assert await denied(mode(), token) == ("unauthenticated", "bad_signature")


TOKEN = signed(KEY)
GATE = mode()


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 1_000), st.integers(0, 63))
async def test_not_one_character_can_be_changed(place: int, letter: int) -> None:
    place %= len(TOKEN) - 1  # without the last, which has bits that mean nothing
    other = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[letter]
    changed = TOKEN[:place] + other + TOKEN[place + 1 :]
    if changed != TOKEN:
        await denied(GATE, changed)


EXPIRED = ("unauthenticated", "expired")
WRONG = ("unauthenticated", "wrong_claim")
MISSING = ("unauthenticated", "missing_claim")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://other.example.com"}, WRONG),
        ({"iss": ISSUER + "/"}, WRONG),
        ({"iss": [ISSUER]}, WRONG),
        ({"iss": None}, MISSING),
        ({"aud": "other"}, WRONG),
        ({"aud": AUDIENCE + "2"}, WRONG),
        ({"aud": ["other", AUDIENCE + "2"]}, WRONG),
        ({"aud": {AUDIENCE: 1}}, WRONG),
        ({"aud": None}, MISSING),
        ({"exp": None}, MISSING),
        ({"exp": "4000000000"}, WRONG),
        ({"exp": True}, WRONG),
        ({"exp": float("nan")}, WRONG),
        ({"exp": float("inf")}, WRONG),
        ({"nbf": float("nan")}, WRONG),
        ({"iat": "yesterday"}, WRONG),
        ({"exp": 0}, EXPIRED),
        ({"exp": -1}, EXPIRED),
    ],
)
async def test_claims_that_are_not_for_us_or_no_claims(changes: dict[str, Any], why: tuple[str, str]) -> None:
    assert await denied(mode(), signed(KEY, **changes)) == why


async def test_an_audience_may_be_one_of_several() -> None:
    assert (await known(mode(), signed(KEY, aud=["other", AUDIENCE]))).user == "ana"


@pytest.mark.parametrize("skew", [-1, 1])
async def test_clocks_may_differ_by_the_leeway_and_no_more(skew: int) -> None:
    now = int(time.time())
    near, far = now + skew * (LEEWAY - 10), now + skew * (LEEWAY + 10)
    gate = mode()
    if skew < 0:
        assert (await known(gate, signed(KEY, exp=near))).expires_at == near + LEEWAY
        assert await denied(gate, signed(KEY, exp=far)) == EXPIRED
        assert await denied(mode(leeway=0), signed(KEY, exp=near)) == EXPIRED
        return
    for claim in ("nbf", "iat"):
        assert (await known(gate, signed(KEY, **{claim: near}))).user == "ana"
        assert await denied(gate, signed(KEY, **{claim: far})) == WRONG


@pytest.mark.parametrize("user", ["", "a" * 300, "ana\nroot", "ana\u202e", 7, ["ana"], {"name": "ana"}, None])
async def test_a_user_is_a_short_printable_name(user: object) -> None:
    assert (await denied(mode(user_claim="name"), signed(KEY, name=user)))[0] == "unauthenticated"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "...",
        "..",
        "ü.ü.ü",
        "\udcff.\udcff.\udcff",
        unsigned({"kid": "one"}, claims()),
        unsigned({"alg": ["ES256"], "kid": "one"}, claims()),
        unsigned({"alg": "ES256", "kid": 1}, claims()),
        unsigned({"alg": "ES256", "kid": {"a": 1}}, claims()),
        unsigned(["alg"], claims()),  # type: ignore[arg-type]
        unsigned("alg", claims()),  # type: ignore[arg-type]
        unsigned(5, claims()),  # type: ignore[arg-type]
        unsigned({"alg": "ES256", "b64": False, "crit": ["b64"], "kid": "one"}, claims()),
        sealed(KEY, ["no", "object"]),
        sealed(KEY, "text"),
        sealed(KEY, None),
    ],
)
async def test_what_is_no_token_is_refused_as_one(token: str) -> None:
    assert (await denied(mode(), token))[0] == "unauthenticated"


@pytest.mark.parametrize("letter", ["[", '{"a":'])
async def test_json_that_is_nested_too_deep_is_refused(letter: str) -> None:
    import base64

    deep = base64.urlsafe_b64encode(letter.encode() * 3000).decode().rstrip("=")
    for token in (f"{deep}.e30.AA", f"{TOKEN.split('.')[0]}.{deep}.AA"):
        assert (await denied(mode(), token))[0] == "unauthenticated"


async def test_without_a_token_and_without_keys() -> None:
    class Away:
        async def holding(self, name: str | None) -> PublicKeys:
            raise KeysAway

    assert await denied(mode(), None) == ("unauthenticated", "missing")
    gate = JwtMode(Jwt(jwks_url=ADDRESS, issuer=ISSUER, audience=AUDIENCE), (), Away(), time.time)
    assert await denied(gate, TOKEN) == ("unauthenticated", "keys_away")
    assert (await denied(gate, unsigned({"alg": "none"}, claims())))[1] == "wrong_algorithm"  # nobody is asked
