"""An upstream behind TLS that splits, ends and spoils its records as no library would."""

import asyncio
import ssl
from collections.abc import Sequence

import pytest
from support.certificates import Certificate, loopback_certificate
from support.programs import LOOPBACK, eventually
from support.tls_peer import Script, TlsConnection, tcp_server, tls_server
from support.websocket import BINARY, raw_frame
from yarl import URL

from gateway.errors import GatewayError, UpstreamLost, UpstreamUnreachable
from gateway.providers.target import Target
from gateway.relay import dial
from gateway.relay.buffer import ReceiveBuffer
from gateway.relay.leg import Span

GREETING = b"RFB 003.008\n"
WORDS = b"words that fill more than one record" * 800


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return loopback_certificate(tmp_path_factory.mktemp("tls"))


def target(port: int, tls: ssl.SSLContext) -> Target:
    return Target(LOOPBACK, port, "", 0.0, url=URL(f"wss://{LOOPBACK}:{port}/"), subprotocols=("binary",), tls=tls)


async def listened(certificate: Certificate, script: Script, *, piece: int = 0) -> tuple[bytes, GatewayError]:
    """Dial a server that greets and goes on with `script`: what it said after that, and how it ended."""

    async def greet_first(connection: TlsConnection) -> None:
        await connection.send(GREETING)
        await script(connection)

    said = bytearray()
    ended: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()

    def listen(spans: Sequence[Span]) -> None:
        for span in spans:
            said.extend(span)

    async with asyncio.timeout(30), tls_server(certificate.server_context(), greet_first, piece=piece) as port:
        opening = await dial.dial(target(port, certificate.client_context()), ReceiveBuffer())
        said += opening.early
        opening.leg.on_payload = listen
        opening.leg.report_end(lambda error: None if ended.done() else ended.set_result(error))
        error = await ended
        opening.leg.close()
        await eventually(lambda: not opening.leg.open, what="the leg is closed")
        opening.leg.abort()
    assert said.startswith(GREETING)
    return bytes(said[len(GREETING) :]), error


async def test_bytes_come_one_by_one(certificate: Certificate) -> None:
    async def speak(connection: TlsConnection) -> None:
        await connection.send(b"hello")
        await connection.write(connection.peer.records(close=True))

    said, error = await listened(certificate, speak, piece=1)
    assert said == b"hello"
    assert isinstance(error, UpstreamLost)


async def test_an_end_that_is_told_is_answered(certificate: Certificate) -> None:
    heard = asyncio.Event()

    async def speak(connection: TlsConnection) -> None:
        await connection.write(connection.peer.records(raw_frame(BINARY, WORDS), close=True))
        while await connection.more():
            pass
        heard.set()
        assert connection.peer.ended

    said, error = await listened(certificate, speak)
    assert said == WORDS
    assert isinstance(error, UpstreamLost)
    assert error.closed
    assert heard.is_set()


@pytest.mark.parametrize("missing", [1, 10_000])
async def test_an_end_that_is_not_told_is_a_loss(certificate: Certificate, missing: int) -> None:
    """FIN without close_notify; also in the midst of a record, whose beginning nobody gets to see."""

    async def speak(connection: TlsConnection) -> None:
        await connection.send(WORDS)
        await connection.write(connection.peer.records(raw_frame(BINARY, WORDS))[:-missing])

    said, error = await listened(certificate, speak)
    assert said.startswith(WORDS)
    assert isinstance(error, UpstreamLost)


async def test_a_spoilt_record_is_a_loss_behind_what_was_whole(certificate: Certificate) -> None:
    alerts: list[str] = []

    async def speak(connection: TlsConnection) -> None:
        await connection.send(b"whole")
        records = connection.peer.records(raw_frame(BINARY, b"spoilt"))
        await connection.write(records[:-1] + bytes([records[-1] ^ 1]))
        try:
            while await connection.more():
                pass
        except ssl.SSLError as error:
            alerts.append(error.reason)

    said, error = await listened(certificate, speak)
    assert said == b"whole"
    assert isinstance(error, UpstreamLost)
    assert not error.closed
    assert "TLS" in str(error)
    assert alerts == ["SSLV3_ALERT_BAD_RECORD_MAC"]


async def test_a_peer_that_reads_nothing_stops_what_is_written_to_it(certificate: Certificate) -> None:
    """And our last records, close_notify among them, do not hold the connection for ever."""
    gone = asyncio.Event()

    async def speak(connection: TlsConnection) -> None:
        await connection.send(GREETING)
        await gone.wait()

    async with asyncio.timeout(30), tls_server(certificate.server_context(), speak) as port:
        leg = (await dial.dial(target(port, certificate.client_context()), ReceiveBuffer())).leg
        try:
            for _ in range(1000):
                if leg.blocked:
                    break
                leg.send([WORDS])
                await asyncio.sleep(0)
            assert leg.blocked
            leg.close()
            await eventually(lambda: leg.unsent == 0, what="the connection is gone")
        finally:
            gone.set()


async def test_a_server_that_is_silent_in_the_handshake_is_given_up(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "DIAL_TIMEOUT", 0.2)

    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with tcp_server(say_nothing) as port:
        with pytest.raises(UpstreamUnreachable, match="said nothing"):
            await dial.dial(target(port, certificate.client_context()), ReceiveBuffer())


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28"])
async def test_a_server_that_refuses_the_handshake_is_unreachable(certificate: Certificate, answer: bytes) -> None:
    """A hang-up, no TLS at all, a fatal alert."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)

    async with tcp_server(refuse) as port:
        with pytest.raises(UpstreamUnreachable):
            await dial.dial(target(port, certificate.client_context()), ReceiveBuffer())


async def test_a_certificate_of_somebody_else_is_refused(certificate: Certificate) -> None:
    async def speak(_: TlsConnection) -> None:
        raise AssertionError("nothing is to be said to us")

    async with tls_server(certificate.server_context(), speak) as port:
        with pytest.raises(UpstreamUnreachable, match="certificate refused"):
            await dial.dial(target(port, ssl.create_default_context()), ReceiveBuffer())
