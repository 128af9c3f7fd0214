"""Access mode `jwt`: tokens that an issuer of the operator's signs (RFC 7519, with the rules of RFC 8725).

Owns what a token must be and what its claims mean. Leaves signatures to joserfc and where keys come from to keys.py.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwt import JWTClaimsRegistry
from pydantic import ValidationError

from gateway.access import rules
from gateway.access.caller import Caller, Denied, Identity
from gateway.access.grants import Rights
from gateway.access.keys import Keys, KeysAway
from gateway.access.users import is_user, user_named
from gateway.config import identities

_WHY = {
    "bad_signature": "bad_signature",
    "expired_token": "expired",
    "invalid_claim": "wrong_claim",
    "invalid_key_id": "unknown_key",
    "missing_claim": "missing_claim",
    "unsupported_algorithm": "wrong_algorithm",
}
"""joserfc's codes in the audit's words; whatever else it finds is `malformed`."""


class _Registry(jws.JWSRegistry):
    max_header_length = 4096  # an issuer may put its certificates there


class JwtMode:
    """Knows callers by the token that they bring, one of `keys`'s. `clock` gives Unix seconds."""

    def __init__(
        self,
        settings: identities.Jwt,
        rules_: Sequence[identities.Rule],
        keys: Keys,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._rules = rules_
        self.keys = keys
        self._clock = clock
        # A header that nobody knows is to be ignored (RFC 7515 §4), one that is critical never is.
        self._registry = _Registry(algorithms=settings.algorithms, strict_check_header=False)
        self._checks = JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=int(settings.leeway),
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
        )

    async def authenticate(self, console: str, caller: Caller) -> Identity:
        """Who the token names, if it is good and lets them open `console`. Raises Denied."""
        if not caller.bearer:
            raise Denied("unauthenticated", "missing")
        claims = await self._verified(caller.bearer)
        settings = self._settings
        token_id = claims.get("jti")
        user = user_named(claims.get(settings.user_claim))
        return Identity(
            user=user,
            rights=self._rights(console, claims, user),
            expires_at=self._end(claims["exp"]) if settings.exp_ends_session else None,
            id=token_id if is_user(token_id) else "",  # as short and plain as a name, or it is left out
        )

    def _end(self, exp: float) -> int:
        """When a session ends with its token: at `exp`, or with the leeway that let it in after that."""
        return int(exp if exp > self._clock() else exp + self._settings.leeway)

    async def _verified(self, token: str) -> dict[str, Any]:
        """The claims of `token`; Denied unless its signature is the issuer's and it is for us and for now."""
        try:
            header = self._header(token)
            keys = await self.keys.holding(header.get("kid"))
            with _no_warnings():
                claims = jwt.decode(token, keys, registry=self._registry).claims
            self._checks.validate(claims)
        except KeysAway as error:
            raise Denied("unauthenticated", "keys_away") from error
        except JoseError as error:
            raise Denied("unauthenticated", _WHY.get(error.error, "malformed")) from error
        except (ValueError, TypeError, RecursionError) as error:  # header or claims that are no JSON objects
            raise Denied("unauthenticated", "malformed") from error
        return claims

    def _header(self, token: str) -> dict[str, Any]:
        """The header of `token`, with nothing verified yet: refused before anybody is asked for keys."""
        header = jws.extract_compact(token.encode(), registry=self._registry).headers()
        self._registry.check_header(header)
        with _no_warnings():
            self._registry.get_alg(header["alg"])
        return header

    def _rights(self, console: str, claims: dict[str, Any], user: str) -> Rights:
        """What the token of `user` allows on `console`: by itself if it names any, else by the rules for its groups.

        A token that names rights never gets more by a rule.
        """
        settings = self._settings
        named = _rights_in(claims.get(settings.rights_claim), user)
        consoles = claims.get(settings.consoles_claim)
        if consoles is not None:
            ruled = Rights() if rules.fits(console, _texts(consoles)) else None
        else:
            ruled = rules.allowed(self._rules, console, _texts(claims.get(settings.groups_claim)))
        if ruled is None:
            raise Denied("forbidden", "wrong_console", user=user)
        if named is None:
            return ruled
        return named if consoles is not None else rules.both(named, ruled)


def _rights_in(claim: object, user: str) -> Rights | None:
    """The rights that a claim of `user` describes, None if there is none; one that is not understood allows nothing."""
    if claim is None:
        return None
    try:
        return rules.rights_of(identities.Rights.model_validate(claim, strict=True))
    except ValidationError as error:
        raise Denied("forbidden", "bad_rights", user=user) from error


def _texts(claim: object) -> list[str]:
    """A claim that is a text or a list of texts."""
    entries = claim if isinstance(claim, list) else [claim]
    return [entry for entry in entries if isinstance(entry, str)]


_no_warnings = partial(warnings.catch_warnings, action="ignore", category=SecurityWarning)
"""joserfc warns of EdDSA's older name; which names are good enough is the configuration's to say."""
