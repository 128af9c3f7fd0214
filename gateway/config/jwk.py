"""Public keys that verify JWTs: from PEM, a JWK or a JWK Set (RFC 7517), in a file or as fetched.

Leaves out what must not verify anything here: symmetric and private keys, keys for encryption, weak keys.
"""

import json
import warnings
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

PublicKey = RSAKey | ECKey | OKPKey
PublicKeys = PublicKey | KeySet

_KINDS: dict[str, type[PublicKey]] = {kind.key_type: kind for kind in (RSAKey, ECKey, OKPKey)}


def public_keys(text: str | bytes) -> PublicKeys:
    """The keys in `text`: one by itself if it has no name ("kid"), so that it fits whatever a token calls it.

    Raises ValueError with the reason if there is none to use.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return _from_pem(text)
    one = not (isinstance(document, dict) and "keys" in document)
    listed = [document] if one else document["keys"]
    keys = [key for entry in listed if (key := _from_jwk(entry))] if isinstance(listed, list) else []
    if not keys:
        raise ValueError("has no public key for signatures: RSA of 2048 bits and more, EC or OKP")
    return keys[0] if one and keys[0].kid is None else KeySet([*keys])


def _from_jwk(entry: Any) -> PublicKey | None:  # noqa: ANN401 - whatever JSON has there
    kind = _KINDS.get(str(entry.get("kty"))) if isinstance(entry, dict) else None
    if kind is None or "d" in entry or entry.get("use", "sig") != "sig":
        return None
    try:
        return _imported(kind, entry)
    except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None  # one key that cannot be read does not take the others with it


def _from_pem(text: str | bytes) -> PublicKey:
    for kind in _KINDS.values():
        try:
            key = _imported(kind, text)
        except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if key.is_private:
            raise ValueError("holds a private key; the gateway needs the public one")
        return key
    raise ValueError("is neither PEM nor a JWK nor a JWK Set with a public key: RSA of 2048 bits and more, EC or OKP")


def _imported(kind: type[PublicKey], value: Any) -> PublicKey:  # noqa: ANN401 - text or JWK, as joserfc takes it
    with warnings.catch_warnings():
        warnings.simplefilter("error", SecurityWarning)  # what joserfc only warns of: RSA below 2048 bits
        try:
            return kind.import_key(value)
        except SecurityWarning as warning:
            raise ValueError(str(warning)) from warning
