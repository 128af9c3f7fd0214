"""Checks ACS3-HMAC-SHA256, Alibaba's signature version 3, in the order in which the real API complains.

Written from the documentation, on purpose apart from the gateway's own signer, so that one can prove the other.
"""

import hmac
from datetime import UTC, datetime
from hashlib import sha256

from gateway.simulator.clouds.keyring import AccessKey, Keyring
from gateway.simulator.clouds.signed_request import SKEW, ApiRefusal, Authorization, SignedRequest

SCHEME = "ACS3-HMAC-SHA256"
REQUIRED = {
    "x-acs-action": ("MissingAction", "Action"),
    "x-acs-version": ("MissingVersion", "Version"),
    "x-acs-date": ("MissingTimestamp", "Timestamp"),
    "x-acs-signature-nonce": ("MissingSignatureNonce", "SignatureNonce"),
    "x-acs-content-sha256": ("MissingParameter", "x-acs-content-sha256"),
}


class AlibabaSignatures:
    """Remembers the nonces that were used."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._nonces: dict[str, float] = {}  # when each was used, the oldest first

    def check(self, request: SignedRequest, now: float) -> AccessKey:
        """The key that signed the request. Raises ApiRefusal."""
        given = Authorization.parse(request.headers.get("authorization", ""))
        access = given.fields.get("Credential")
        if given.scheme != SCHEME or not access:
            raise ApiRefusal(400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
        for name, (code, parameter) in REQUIRED.items():
            if name not in request.headers:
                raise ApiRefusal(400, code, f"{parameter} is mandatory for this action.")
        _check_date(request.headers["x-acs-date"], now)
        key = self._keyring.find(access)
        if key is None:
            raise ApiRefusal(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        _check_token(request.headers.get("x-acs-security-token"), key, now)
        _check_signature(request, given, key)
        self._check_nonce(request.headers["x-acs-signature-nonce"], now)
        return key

    def _check_nonce(self, nonce: str, now: float) -> None:
        """A nonce counts as long as a request with its date could be good."""
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * SKEW:
            del self._nonces[next(iter(self._nonces))]
        if nonce in self._nonces:
            raise ApiRefusal(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces[nonce] = now


def _check_date(text: str, now: float) -> None:
    try:
        date = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        message = 'Specified time stamp or date value is not well formatted. It should be "yyyy-MM-ddTHH:mm:ssZ".'
        raise ApiRefusal(400, "InvalidTimeStamp.Format", message) from error
    if abs(date.timestamp() - now) > SKEW:
        raise ApiRefusal(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def _check_token(token: str | None, key: AccessKey, now: float) -> None:
    if key.token is None and token is None:
        return
    if token is None:
        raise ApiRefusal(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.")
    if key.token is None:
        message = "Specified SecurityToken is not match with the AccessKey."
        raise ApiRefusal(400, "InvalidSecurityToken.MismatchWithAccessKey", message)
    if not hmac.compare_digest(token.encode(), key.token.encode()):
        raise ApiRefusal(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
    if key.expired(now):
        raise ApiRefusal(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")


def _check_signature(request: SignedRequest, given: Authorization, key: AccessKey) -> None:
    names = given.fields.get("SignedHeaders", "").split(";")
    due = {name for name in request.headers if name == "host" or name.startswith("x-acs-")}
    if request.body and "content-type" in request.headers:  # without a body, the SDK's HTTP client adds one unsigned
        due.add("content-type")
    if not due <= set(names) or names != sorted(names) or any(name not in request.headers for name in names):
        raise _mismatch("the signed headers are not those that must be signed, sorted")
    if request.headers["x-acs-content-sha256"] != sha256(request.body).hexdigest():
        raise _mismatch("x-acs-content-sha256 is not the digest of the body")
    canonical = request.canonical(request.path or "/", names)
    to_sign = f"{SCHEME}\n{sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(key.secret.encode(), to_sign.encode(), sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.fields.get("Signature", "").encode()):
        raise _mismatch(to_sign)


def _mismatch(detail: str) -> ApiRefusal:
    message = f"Specified signature is not matched with our calculation. server string to sign is:{detail}"
    return ApiRefusal(400, "SignatureDoesNotMatch", message)
