"""Access mode jwt: what a good token gives, and every way in which a token is not good."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from support.issuer import ALGORITHMS, AUDIENCE, ISSUER, claims, new_key, sealed, signed, unsigned

from gateway.access.caller import Caller, Denied, Identity
from gateway.access.grants import Rights
from gateway.access.jwt import JwtMode
from gateway.access.keys import FixedKeys, KeysAway
from gateway.config.identities import Jwt, Rule
from gateway.config.jwk import PublicKeys, public_keys

KEY = new_key("ES256", "one")
RSA = new_key("RS256", "rsa")
KEYS = public_keys(json.dumps({"keys": [KEY.as_dict(private=False), RSA.as_dict(private=False)]}))
LEEWAY = 30


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("issuer") / "key.pem"
    path.write_bytes(KEY.as_pem(private=False))
    return path


def mode(key_file: Path, *, keys: PublicKeys = KEYS, rules: tuple[Rule, ...] = (), **settings: Any) -> JwtMode:
    given_ = {"key_file": key_file, "issuer": ISSUER, "audience": AUDIENCE} | settings
    return JwtMode(Jwt(**given_), rules, FixedKeys(keys), time.time)


def caller(bearer: str | None) -> Caller:
    return Caller(source="10.0.0.1", bearer=bearer, headers=CIMultiDict(), trusted_proxy=False, certificate=None)


async def known(gate: JwtMode, token: str | None, console: str = "lab/vm") -> Identity:
    return await gate.authenticate(console, caller(token))


async def denied(gate: JwtMode, token: str | None, console: str = "lab/vm") -> tuple[str, str]:
    with pytest.raises(Denied) as caught:
        await known(gate, token, console)
    return caught.value.refusal, caught.value.why


async def test_a_good_token_says_who_it_is_and_until_when(key_file: Path) -> None:
    end = int(time.time()) + 100
    identity = await known(mode(key_file), signed(KEY, exp=end, rights={"control": True, "power": True}))
    assert identity.user == "ana"
    assert identity.rights == Rights(power=True)
    assert identity.expires_at == end
    assert identity.id == "token-1"


async def test_a_session_outlives_its_token_where_that_is_configured(key_file: Path) -> None:
    assert (await known(mode(key_file, exp_ends_session=False), signed(KEY))).expires_at is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_algorithm_that_can_be_listed_works(key_file: Path, algorithm: str) -> None:
    key = new_key(algorithm, "k")
    gate = mode(key_file, keys=public_keys(key.as_pem(private=False)), algorithms=[algorithm])
    assert (await known(gate, signed(key, algorithm))).user == "ana"


async def test_claims_go_by_the_names_that_are_configured(key_file: Path) -> None:
    gate = mode(key_file, user_claim="email", consoles_claim="vms", rights_claim="may")
    token = signed(KEY, consoles=None, email="ana@example.com", vms="lab/vm", may={"control": False})
    identity = await known(gate, token)
    assert identity.user == "ana@example.com"
    assert identity.rights == Rights(control=False, takeover=False)


# What is not good.


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
async def test_an_unsigned_token_is_refused(key_file: Path, algorithm: str) -> None:
    for signature in (b"", b"x" * 64):
        token = unsigned({"alg": algorithm, "kid": "one"}, claims(), signature)
        assert await denied(mode(key_file), token) == ("unauthenticated", "wrong_algorithm")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_public_key_is_no_shared_secret(key_file: Path, algorithm: str) -> None:
    """Key confusion: everybody has the public key, and who takes it for HMAC's secret can sign with it."""
    import hashlib
    import hmac

    for secret in (RSA.as_pem(private=False), KEY.as_pem(private=False), KEY.as_pem(private=False).strip()):
        body = unsigned({"alg": algorithm, "kid": "one"}, claims()).rpartition(".")[0]
        digest = hmac.digest(secret, body.encode(), getattr(hashlib, "sha" + algorithm[2:]))
        token = unsigned({"alg": algorithm, "kid": "one"}, claims(), digest)
        assert await denied(mode(key_file), token) == ("unauthenticated", "wrong_algorithm")


async def test_only_listed_algorithms_are_taken(key_file: Path) -> None:
    token = signed(RSA, "RS256")
    assert await denied(mode(key_file), token) == ("unauthenticated", "wrong_algorithm")
    assert (await known(mode(key_file, algorithms=["ES256", "RS256"]), token)).user == "ana"


async def test_a_key_signs_by_its_own_kind_of_algorithm_only(key_file: Path) -> None:
    gate = mode(key_file, algorithms=["ES256", "RS256"])
    refusal, _ = await denied(gate, signed(RSA, "RS256", header={"kid": "one"}))
    assert refusal == "unauthenticated"


async def test_a_key_is_used_for_the_algorithm_it_was_published_for_only(key_file: Path) -> None:
    published = {"keys": [RSA.as_dict(private=False) | {"alg": "RS512"}]}
    gate = mode(key_file, keys=public_keys(json.dumps(published)), algorithms=["RS256", "RS512"])
    assert (await known(gate, signed(RSA, "RS512"))).user == "ana"
    assert (await denied(gate, signed(RSA, "RS256")))[0] == "unauthenticated"


async def test_an_unknown_key_is_refused_and_so_is_another_key_of_the_same_name(key_file: Path) -> None:
    gate = mode(key_file)
    assert await denied(gate, signed(new_key("ES256", "two"))) == ("unauthenticated", "unknown_key")
    assert await denied(gate, signed(new_key("ES256", "one"))) == ("unauthenticated", "bad_signature")


@pytest.mark.parametrize("where", ["jwk", "jku", "x5c", "x5u"])
async def test_a_token_does_not_bring_its_own_key(key_file: Path, where: str) -> None:
    own = new_key("ES256", "one")
    header = {
        "jwk": own.as_dict(private=False),
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "http://127.0.0.1:1/certificate",
        "x5c": ["MIIB"],
    }
    assert await denied(mode(key_file), signed(own, header={where: header[where]})) == (
        "unauthenticated",
        "bad_signature",
    )


async def test_a_critical_header_that_is_not_understood_is_refused_others_are_ignored(key_file: Path) -> None:
    gate = mode(key_file)
    assert (await known(gate, signed(KEY, header={"nonce": "x"}))).user == "ana"
    token = sealed(KEY, claims(), header={"nonce": "x"})
    head = unsigned({"alg": "ES256", "kid": "one", "crit": ["exp"], "exp": 1}, claims())
    assert (await denied(gate, head.rpartition(".")[0] + "." + token.rpartition(".")[2]))[0] == "unauthenticated"


async def test_a_changed_token_is_refused(key_file: Path) -> None:
    head, body, signature = signed(KEY).split(".")
    other_head, other_body, _ = signed(KEY, header={"typ": "other"}, sub="root").split(".")
    for token in (
        f"{head}.{other_body}.{signature}",
        f"{other_head}.{body}.{signature}",
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body}.",
    ):
        assert await denied(mode(key_file), token) == ("unauthenticated", "bad_signature")


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 1_000), st.integers(0, 63))
async def test_not_one_character_can_be_changed(place: int, letter: int) -> None:
    place %= len(TOKEN) - 1  # without the last, which has bits that mean nothing
    other = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[letter]
    changed = TOKEN[:place] + other + TOKEN[place + 1 :]
    if changed != TOKEN:
        await denied(GATE, changed)


TOKEN = signed(KEY)
GATE = JwtMode(
    Jwt(jwks_url="https://issuer.example.com/keys", issuer=ISSUER, audience=AUDIENCE), (), FixedKeys(KEYS), time.time
)

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
async def test_claims_that_are_not_for_us_or_no_claims(
    key_file: Path, changes: dict[str, Any], why: tuple[str, str]
) -> None:
    assert await denied(mode(key_file), signed(KEY, **changes)) == why


async def test_an_audience_may_be_one_of_several(key_file: Path) -> None:
    assert (await known(mode(key_file), signed(KEY, aud=["other", AUDIENCE]))).user == "ana"


@pytest.mark.parametrize("skew", [-1, 1])
async def test_clocks_may_differ_by_the_leeway_and_no_more(key_file: Path, skew: int) -> None:
    now = int(time.time())
    near, far = now + skew * (LEEWAY - 10), now + skew * (LEEWAY + 10)
    gate = mode(key_file)
    if skew < 0:
        assert (await known(gate, signed(KEY, exp=near))).expires_at == near + LEEWAY
        assert await denied(gate, signed(KEY, exp=far)) == EXPIRED
        assert await denied(mode(key_file, leeway=0), signed(KEY, exp=near)) == EXPIRED
        return
    for claim in ("nbf", "iat"):
        assert (await known(gate, signed(KEY, **{claim: near}))).user == "ana"
        assert await denied(gate, signed(KEY, **{claim: far})) == WRONG


@pytest.mark.parametrize("user", ["", "a" * 300, "ana\nroot", "ana\u202e", 7, ["ana"], {"name": "ana"}, None])
async def test_a_user_is_a_short_printable_name(key_file: Path, user: object) -> None:
    assert (await denied(mode(key_file, user_claim="name"), signed(KEY, name=user)))[0] == "unauthenticated"


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
async def test_what_is_no_token_is_refused_as_one(key_file: Path, token: str) -> None:
    assert (await denied(mode(key_file), token))[0] == "unauthenticated"


@pytest.mark.parametrize("letter", ["[", '{"a":'])
async def test_json_that_is_nested_too_deep_is_refused(key_file: Path, letter: str) -> None:
    import base64

    deep = base64.urlsafe_b64encode(letter.encode() * 3000).decode().rstrip("=")
    for token in (f"{deep}.e30.AA", f"{TOKEN.split('.')[0]}.{deep}.AA"):
        assert (await denied(mode(key_file), token))[0] == "unauthenticated"


async def test_without_a_token_and_without_keys(key_file: Path) -> None:
    class Away:
        async def holding(self, name: str | None) -> PublicKeys:
            raise KeysAway

    assert await denied(mode(key_file), None) == ("unauthenticated", "missing")
    gate = JwtMode(Jwt(key_file=key_file, issuer=ISSUER, audience=AUDIENCE), (), Away(), time.time)
    assert await denied(gate, TOKEN) == ("unauthenticated", "keys_away")
    assert (await denied(gate, unsigned({"alg": "none"}, claims())))[1] == "wrong_algorithm"  # nobody is asked


# What it allows.

FORBIDDEN = ("forbidden", "wrong_console")


async def test_a_token_opens_the_consoles_that_it_names(key_file: Path) -> None:
    gate = mode(key_file)
    token = signed(KEY, consoles=["lab/a", "hangzhou/*"])
    assert (await known(gate, token, "lab/a")).rights == Rights()
    assert (await known(gate, token, "hangzhou/i-1")).rights == Rights()
    assert await denied(gate, token, "lab/b") == FORBIDDEN


@pytest.mark.parametrize("consoles", [[], "", {}, 1, True, [["lab/vm"]], [{"lab/vm": 1}], "lab/vm lab/x", None])
async def test_a_token_that_names_no_consoles_opens_none(key_file: Path, consoles: object) -> None:
    assert await denied(mode(key_file), signed(KEY, consoles=consoles)) == FORBIDDEN


@pytest.mark.parametrize(
    "rights",
    ["all", [], True, {"root": True}, {"control": "true"}, {"control": 1}, {"clipboard": "all"}, {"power": None}],
)
async def test_rights_that_are_not_understood_are_none(key_file: Path, rights: object) -> None:
    assert await denied(mode(key_file), signed(KEY, rights=rights)) == ("forbidden", "bad_rights")


RULES = (
    Rule(group="ops", consoles=["lab/*"], rights={"power": True}),
    Rule(group="guests", consoles=["lab/public"], rights={"control": False}),
)


async def test_rules_say_what_groups_may_where_a_token_names_no_consoles(key_file: Path) -> None:
    gate = mode(key_file, rules=RULES)
    ops, guest = signed(KEY, consoles=None, groups=["x", "ops"]), signed(KEY, consoles=None, groups="guests")
    assert (await known(gate, ops)).rights == Rights(power=True)
    assert (await known(gate, guest, "lab/public")).rights == Rights(control=False, takeover=False)
    assert await denied(gate, guest) == FORBIDDEN
    assert await denied(gate, signed(KEY, consoles=None)) == FORBIDDEN


async def test_a_rule_widens_neither_the_consoles_nor_the_rights_of_a_token(key_file: Path) -> None:
    gate = mode(key_file, rules=RULES)
    assert await denied(gate, signed(KEY, consoles=["lab/other"], groups=["ops"])) == FORBIDDEN
    token = signed(KEY, consoles=None, groups=["ops"], rights={"control": False})
    assert (await known(gate, token)).rights == Rights(control=False, takeover=False)
    guest = signed(KEY, consoles=None, groups=["guests"], rights={"control": True})
    assert not (await known(gate, guest, "lab/public")).rights.control
