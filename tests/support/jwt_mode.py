"""Access mode jwt with an issuer's two keys, and what it makes of a token."""

import json
import time
from typing import Any

import pytest

from gateway.access.caller import Denied, Identity
from gateway.access.jwt import JwtMode
from gateway.access.keys import FixedKeys
from gateway.config.identities import Jwt, Rule
from gateway.config.jwk import PublicKeys, public_keys
from support.callers import caller
from support.issuer import AUDIENCE, ISSUER, new_key

ADDRESS = "https://issuer.example.com/keys"  # never asked: the keys are given
KEY = new_key("ES256", "one")
RSA = new_key("RS256", "rsa")
KEYS = public_keys(json.dumps({"keys": [KEY.as_dict(private=False), RSA.as_dict(private=False)]}))
LEEWAY = 30


def mode(*, keys: PublicKeys = KEYS, rules: tuple[Rule, ...] = (), **settings: Any) -> JwtMode:
    """The mode with `settings` of [access.jwt] over those of a good configuration."""
    given: dict[str, Any] = {"jwks_url": ADDRESS, "issuer": ISSUER, "audience": AUDIENCE} | settings
    return JwtMode(Jwt(**given), rules, FixedKeys(keys), time.time)


async def known(gate: JwtMode, token: str | None, console: str = "lab/vm") -> Identity:
    """Whom `gate` takes the bringer of `token` for."""
    return await gate.authenticate(console, caller(token))


async def denied(gate: JwtMode, token: str | None, console: str = "lab/vm") -> tuple[str, str]:
    """How and why `gate` refuses `token`."""
    with pytest.raises(Denied) as caught:
        await known(gate, token, console)
    return caught.value.refusal, caught.value.why
