"""Checks SDK-HMAC-SHA256, the signature of Huawei's API gateway, and locks keys that fail again and again.

Written from the documentation, on purpose apart from the gateway's own signer, so that one can prove the other.
"""

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import unquote

from gateway.simulator.clouds.keyring import AccessKey, Keyring
from gateway.simulator.clouds.signed_request import SKEW, ApiRefusal, Authorization, SignedRequest, encoded

SCHEME = "SDK-HMAC-SHA256"
FAILURES = 5  # after so many the key is locked


class HuaweiSignatures:
    """Remembers failures: five lock a key for `lockout` seconds."""

    def __init__(self, keyring: Keyring, lockout: float) -> None:
        self._keyring = keyring
        self._lockout = lockout
        self._failures: dict[str, list[float]] = {}

    def check(self, request: SignedRequest, now: float) -> AccessKey:
        """The key that signed the request. Raises ApiRefusal."""
        given = Authorization.parse(request.headers.get("authorization", ""))
        if given.scheme != SCHEME:
            raise _refused("Get x-auth-token failed, x-auth-token is empty")
        access = given.fields.get("Access", "")
        recent = [at for at in self._failures.get(access, []) if at > now - self._lockout]
        if len(recent) >= FAILURES:
            raise _refused("AK access failed to reach the limit,forbidden")
        key = self._keyring.find(access)
        if key is None or not _signed(request, given, key, now):
            self._failures[access] = [*recent, now]
            raise _refused("verify aksk signature fail" if key else f"ak {access} not exist")
        self._failures.pop(access, None)
        _check_token(request.headers.get("x-security-token"), key, now)
        return key


def _signed(request: SignedRequest, given: Authorization, key: AccessKey, now: float) -> bool:
    names = given.fields.get("SignedHeaders", "").split(";")
    if "x-sdk-date" not in names or any(name not in request.headers for name in names) or names != sorted(names):
        return False
    if "x-security-token" in request.headers and "x-security-token" not in names:
        return False
    date = request.headers["x-sdk-date"]
    try:
        sent = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return False
    if abs(sent - now) > SKEW:
        return False
    segments = [encoded(unquote(segment)) for segment in request.path.split("/")]
    path = "/".join(segments)
    canonical = request.canonical(path if path.endswith("/") else path + "/", names)
    to_sign = f"{SCHEME}\n{date}\n{sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(key.secret.encode(), to_sign.encode(), sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), given.fields.get("Signature", "").encode())


def _check_token(token: str | None, key: AccessKey, now: float) -> None:
    if key.token is None and token is None:
        return
    if key.token is None or token is None or not hmac.compare_digest(token.encode(), key.token.encode()):
        raise _refused("the security token does not belong to the key")
    if key.expired(now):
        raise ApiRefusal(401, "APIGW.0307", "The token must be updated.")


def _refused(detail: str) -> ApiRefusal:
    return ApiRefusal(401, "APIGW.0301", f"Incorrect IAM authentication information: {detail}")
