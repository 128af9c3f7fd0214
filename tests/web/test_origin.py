"""Host and Origin rules (product.md, "Origin and Host"), as a table."""

import pytest

from gateway.web.origin import Front

LOCAL = Front.of("", [])
PUBLIC = Front.of("https://console.example.com", ["https://portal.example.com"])


@pytest.mark.parametrize(
    ("front", "host", "allowed"),
    [
        (LOCAL, "localhost", True),
        (LOCAL, "localhost:8080", True),
        (LOCAL, "127.0.0.1:8080", True),
        (LOCAL, "127.9.9.9", True),
        (LOCAL, "[::1]:8080", True),
        (LOCAL, "", False),
        (LOCAL, "example.com", False),
        (LOCAL, "localhost.example.com", False),
        (LOCAL, "127.0.0.1.example.com", False),
        (LOCAL, "10.0.0.1", False),
        (LOCAL, "user@localhost", False),
        (LOCAL, "localhost/x", False),
        (LOCAL, "localhost:notaport", False),
        (PUBLIC, "console.example.com", True),
        (PUBLIC, "console.example.com:443", True),
        (PUBLIC, "Console.Example.com", True),
        (PUBLIC, "console.example.com:8443", False),
        (PUBLIC, "localhost", False),
        (PUBLIC, "portal.example.com", False),
    ],
)
def test_hosts(front: Front, host: str, allowed: bool):
    assert front.host_allowed(host) is allowed


@pytest.mark.parametrize(
    ("front", "origin", "allowed"),
    [
        (LOCAL, None, True),
        (LOCAL, "http://localhost:8080", True),
        (LOCAL, "https://localhost:8080", False),
        (LOCAL, "http://localhost:9", False),
        (LOCAL, "null", False),
        (LOCAL, "", False),
        (PUBLIC, None, True),
        (PUBLIC, "https://console.example.com", True),
        (PUBLIC, "http://console.example.com", False),
        (PUBLIC, "https://portal.example.com", True),
        (PUBLIC, "https://portal.example.com.evil.example", False),
        (PUBLIC, "http://localhost:8080", False),
    ],
)
def test_origins(front: Front, origin: str | None, allowed: bool):
    assert front.origin_allowed(origin, "http", "localhost:8080") is allowed
