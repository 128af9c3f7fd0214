"""Looking for secrets where none may be, in whatever clothes they come."""

import base64
from collections.abc import Iterable, Mapping
from urllib.parse import quote


def leaks(secrets: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Where in `texts` one of `secrets` stands, both by name: as it is, percent-encoded once or twice, or in base64.

    Not the secret itself is told: this goes into the log of a failed test.
    """
    found = []
    for place, text in texts.items():
        for name, secret in secrets.items():
            assert len(secret) >= 8, f"{name} is too short to be told from chance"
            found += [f"{name} in {place}, {how}" for how, form in _forms(secret) if form in text]
    return found


def _forms(secret: str) -> Iterable[tuple[str, str]]:
    once = quote(secret, safe="")
    yield "as it is", secret
    yield "percent-encoded", once
    yield "percent-encoded twice", quote(once, safe="")
    yield "in hexadecimal", secret.encode().hex()
    for shift in range(3):  # wherever in a longer text it begins
        encoded = base64.b64encode(b"\0" * shift + secret.encode())
        yield "in base64", encoded[-(-shift * 8 // 6) : -4].decode()
