"""What a caller was given: a grant for one console, its one-time WebSocket ticket, its sealed resume token."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.rfb.policy import Clipboard, Policy

WS_TICKET_TTL = 30.0
"""Seconds between `POST /grant` and the WebSocket that its ticket opens."""

MAX_TOKEN = 4096
"""Characters of a ticket or resume token worth looking at; ours have a few hundred."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do on a console (product.md, admin listener)."""

    control: bool = True
    clipboard: Literal["none", "to_vm", "from_vm", "both"] = "both"
    power: bool = False
    takeover: bool = True

    def policy(self) -> Policy:
        """The part that is enforced on the RFB stream."""
        return Policy(control=self.control, clipboard=Clipboard(self.clipboard), power=self.power)


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave for one user to open one console until `expires_at` (Unix seconds).

    `session` names the session in logs and stays the same over every return. `id`: of the ticket or JWT that it was
    given for. `network`: where its user has to come from, "" if from anywhere.
    """

    session: str
    console: str
    user: str
    expires_at: int
    rights: Rights = field(default_factory=Rights)
    reference: str = ""
    id: str = ""
    network: str = ""

    def to_json(self) -> str:
        """The grant as it is stored with a ticket and sealed in a resume token."""
        # In UTF-8: escapes of the longest names in other scripts made tokens longer than MAX_TOKEN.
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Grant":
        """The reverse of `to_json`, for text of our own making."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Grant":
        """The grant that has these `fields`, its rights a mapping, too."""
        return cls(**{**fields, "rights": Rights(**fields["rights"])})


class Seal:
    """Seals grants into resume tokens that only holders of the keys can make or read.

    The first key seals, all of them open, so that keys can rotate.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        """`keys`: random, of any form; none: tokens are good in this process only."""
        self._box = MultiFernet([Fernet(_fernet_key(key)) for key in keys or [Fernet.generate_key()]])

    def close(self, grant: Grant) -> str:
        """A resume token for `grant`."""
        return self._box.encrypt(grant.to_json().encode()).decode()

    def open(self, token: str) -> Grant | None:
        """The grant in `token`; None if it was not sealed by us, or by a version with other fields."""
        if len(token) > MAX_TOKEN:
            return None
        try:
            sealed = token.encode("ascii")
            if urlsafe_b64encode(urlsafe_b64decode(sealed)) != sealed:
                return None  # decoding skips what is not base64's own: a token has one spelling and no other
            return Grant.from_json(self._box.decrypt(sealed))
        except (InvalidToken, UnicodeEncodeError, binascii.Error, TypeError, KeyError):
            return None


def _fernet_key(key: bytes) -> bytes:
    return urlsafe_b64encode(HKDF(SHA256(), length=32, salt=None, info=b"vnc-gateway resume token").derive(key))
