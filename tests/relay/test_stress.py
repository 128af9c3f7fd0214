"""The shared receive buffer under stress: 80 sessions, small socket buffers, slow readers, every byte hashed.

Without the rule that makes sharing safe the same run must fail: plain browser legs keep references to the buffer.
"""

import asyncio
import itertools
import sys
from pathlib import Path

import pytest
import uvloop
from support.certificates import Certificate, loopback_certificate
from support.gateway import NO_DRAIN
from support.programs import LOOPBACK, accepts, free_port, running
from support.stress.run import Load, gateway_here, stress
from support.stress.server import StressServer

from gateway.websocket import frames

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return loopback_certificate(tmp_path_factory.mktemp("tls"))


def run(certificate: Certificate, browser: str, upstream: str, load: Load, *, keep_rule: bool = True) -> list[str]:
    """One run on a loop of its own: what differed."""

    async def main() -> list[str]:
        tls = certificate.server_context() if upstream == "wss" else None
        async with (
            StressServer(seed=load.seed, down=load.down, tls=tls, websocket=upstream != "tcp").running() as server,
            gateway_here(
                server,
                load.sessions,
                tls=certificate if browser == "wss" else None,
                authority=certificate.authority if tls else None,
                keep_rule=keep_rule,
            ) as gateway,
        ):
            return await stress(gateway, server, load, tls=certificate.client_context() if browser == "wss" else None)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


@pytest.mark.parametrize(
    ("browser", "upstream"), [("ws", "ws"), ("ws", "tcp"), ("ws", "wss"), ("wss", "ws"), ("wss", "wss")]
)
def test_every_byte_arrives_in_order_and_once(certificate: Certificate, browser: str, upstream: str) -> None:
    assert run(certificate, browser, upstream, Load()) == []


@pytest.mark.parametrize("upstream", ["ws", "tcp", "wss"])
def test_without_the_buffer_rule_plain_browsers_get_wrong_bytes(certificate: Certificate, upstream: str) -> None:
    differences = run(certificate, "ws", upstream, Load(sessions=20), keep_rule=False)
    assert any("to the browser the bytes differ" in line for line in differences)


def test_one_wrong_byte_towards_the_server_is_found(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    mask_well, texts = frames.apply_mask, itertools.count()

    def mask_wrong(payload: bytes, mask: bytes) -> bytes:
        wrong = len(payload) > 1000 and next(texts) == 1
        return mask_well(payload[:-1] + bytes([payload[-1] ^ 1]) if wrong else payload, mask)

    monkeypatch.setattr(frames, "apply_mask", mask_wrong)
    differences = run(certificate, "ws", "ws", Load(sessions=2, down=50_000))
    assert len(differences) == 1
    assert "to the server the bytes differ" in differences[0]


CONFIG = """
access.mode = "open"
listen.port = {port}
admin.port = 0
[providers.lab]
type = "static"
ca_file = "{authority}"
[providers.lab.consoles]
{consoles}
"""


async def test_the_gateway_as_a_process_carries_more_in_larger_pieces(
    certificate: Certificate, tmp_path: Path, artifacts: Path
) -> None:
    """What the runs above leave out: another process, and the buffers that the system gives."""
    load, port, config = (
        Load(sessions=12, down=3_000_000, up=300_000, receive_buffer=1 << 18),
        free_port(),
        tmp_path / "c.toml",
    )
    async with StressServer(seed=load.seed, down=load.down, tls=certificate.server_context()).running() as server:
        consoles = "\n".join(f'{number} = "{server.url}"' for number in range(load.sessions))
        config.write_text(CONFIG.format(port=port, authority=certificate.authority, consoles=consoles))
        argv = [sys.executable, "-m", "gateway", "serve", "--config", config]
        async with running("serve", argv, logs=artifacts, ready=lambda: accepts(port), env=NO_DRAIN):
            assert await stress(f"ws://{LOOPBACK}:{port}", server, load) == []
