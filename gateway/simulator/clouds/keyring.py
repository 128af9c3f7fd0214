"""Access keys that a simulated cloud accepts."""

import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair; temporary ones come with a token and end at `expires_at` (seconds since 1970)."""

    access: str
    secret: str
    token: str | None = None
    expires_at: float | None = None

    def expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at


class Keyring:
    """The keys of one cloud, found by their public half."""

    def __init__(self, key: AccessKey) -> None:
        self.main = key
        self._keys = {key.access: key}

    def find(self, access: str) -> AccessKey | None:
        return self._keys.get(access)

    def temporary(self, now: float, life: float) -> AccessKey:
        """Issue a key with a security token, as STS and the metadata service do. `life` in seconds."""
        key = AccessKey("STS." + secrets.token_hex(10), secrets.token_hex(20), secrets.token_urlsafe(60), now + life)
        self._keys[key.access] = key
        return key

    def revoke(self, access: str) -> None:
        """The cloud no longer knows this key."""
        self._keys.pop(access, None)
