"""websockify with TLS and tokens in front of a plain VNC server, as public clouds' proxies are built."""

import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from support.certificates import Certificate
from support.programs import LOOPBACK, Program, free_port, listens, running
from support.servers.address import Address


@contextlib.asynccontextmanager
async def websockify(
    tokens: Mapping[str, Address], certificate: Certificate, *, logs: Path, port: int | None = None
) -> AsyncIterator[tuple[Program, int]]:
    """Run it with one target for each token; it takes TLS only. Yields it and its port."""
    number = port or free_port()
    listing = logs / f"tokens-{number}"
    logs.mkdir(parents=True, exist_ok=True)
    listing.write_text("".join(f"{token}: {to.host}:{to.port}\n" for token, to in tokens.items()))
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "websockify",
        "--cert",
        certificate.certificate,
        "--key",
        certificate.key,
    ]
    argv += ["--ssl-only", "--token-plugin", "TokenFile", "--token-source", listing, f"{LOOPBACK}:{number}"]
    async with running(f"websockify-{number}", argv, logs=logs, ready=lambda: listens(number)) as process:
        yield process, number
