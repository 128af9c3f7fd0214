"""What callers bring as proof: nothing but what the gateway itself has made opens anything."""

import base64
import json

from cryptography.fernet import Fernet
from multidict import CIMultiDict

from gateway.access.caller import Caller, Denied
from gateway.access.grants import Grant, Rights, Seal
from gateway.access.jwt import JwtMode
from gateway.access.keys import FixedKeys
from gateway.config.identities import Jwt
from gateway.config.jwk import public_keys
from support.fuzz.choices import Choices
from support.issuer import AUDIENCE, ISSUER, new_key, signed

KEY = Fernet.generate_key()
GRANT = Grant("0123456789abcdef", "lab/vm", "ana", 2_000_000_000, Rights(control=False, clipboard="none"))
SEALED = Seal([KEY]).close(GRANT)

SIGNING = new_key("ES256", "one")
GOOD = signed(SIGNING, iat=1_999_999_000, exp=2_000_000_000)
MODE = JwtMode(
    Jwt(jwks_url="https://issuer.example.com/keys", issuer=ISSUER, audience=AUDIENCE, algorithms=["ES256"]),
    (),
    FixedKeys(public_keys(json.dumps({"keys": [SIGNING.as_dict(private=False)]}))),
    lambda: 1_999_999_500,
)


def resume_token(data: bytes) -> None:
    """A sealed token with some characters replaced, cut or added: all of its grant, or nothing."""
    choices = Choices(data)
    token = SEALED if choices.flag() else ""
    while not choices.empty:
        at = choices.byte() << 8 | choices.byte()
        token = token[: at % (len(token) + 1)] + chr(choices.byte()) + token[at % (len(token) + 1) + choices.byte() :]
    opened = Seal([KEY]).open(token)
    assert opened in (None, GRANT)
    assert opened is None or token == SEALED, "a token that was changed"


def jwt(data: bytes) -> None:
    """A good token that was changed, or three parts of an attacker's own: the good one opens, and nothing else does."""
    choices = Choices(data)
    token = GOOD
    if choices.flag():
        head, _, body = choices.rest().partition(b"\n")
        token = f"{_coded(head)}.{_coded(body)}.{GOOD.rpartition('.')[2]}"
    else:
        while not choices.empty:
            at = (choices.byte() << 8 | choices.byte()) % (len(token) + 1)
            token = token[:at] + chr(choices.byte()) + token[at + choices.byte() :]
    caller = Caller("10.0.0.1", token, CIMultiDict(), trusted_proxy=False, certificate=None)
    try:
        MODE.authenticate("lab/vm", caller).send(None)
    except Denied as denied:
        assert token != GOOD
        assert denied.refusal == "unauthenticated"
    except StopIteration as known:
        assert known.value.user == "ana"
        assert token[: len(GOOD) - 1] == GOOD[:-1], "a token that was changed"  # of the last character two bits count


def _coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
