"""The shared receive buffer under stress: 80 sessions, small socket buffers, slow readers, every byte hashed.

Without the rule that makes sharing safe the same run must fail: plain browser legs keep references to the buffer.
"""

import asyncio

import pytest
import uvloop
from support.certificates import Certificate, loopback_certificate
from support.stress.run import Load, gateway_here, stress
from support.stress.server import StressServer

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
