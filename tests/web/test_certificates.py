"""The listener's certificate changes while it serves (configuration.md, [listen] tls)."""

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from support.certificates import Certificate, loopback_certificate
from support.inprocess import read, rfb_handshake, site
from support.programs import LOOPBACK
from support.scripted_server import Connection, ScriptedServer

from gateway.config.listen import Tls
from gateway.web import certificates
from gateway.web.certificates import Certificates

UPDATE = b"\x00\x00\x00\x01" + bytes(4) + b"\x00\x01\x00\x01" + bytes(4) + bytes(4)
REQUEST = b"\x03\x00\x00\x00\x00\x00\x00\x40\x00\x30"


def serial(certificate: Path) -> int:
    return x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number


def put(new: Certificate, live: Certificate, *, key: bool = True) -> None:
    shutil.copy(new.certificate, live.certificate)
    if key:
        shutil.copy(new.key, live.key)


async def presented(port: int) -> int:
    """The serial number of the certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(shown).serial_number


@pytest.fixture
def live(tmp_path: Path) -> Certificate:
    return loopback_certificate(tmp_path / "live")


@pytest.fixture
def new(tmp_path: Path) -> Certificate:
    return loopback_certificate(tmp_path / "new")


def taken(live: Certificate) -> Certificates:
    return Certificates(Tls(certificate=live.certificate, key=live.key))


def test_nothing_happens_while_the_content_is_the_same(live: Certificate):
    files = taken(live)
    before = files.context
    live.certificate.touch()
    files.look()
    assert files.context is before


def test_a_pair_is_taken_when_both_halves_are_there(live: Certificate, new: Certificate):
    files = taken(live)
    before = files.context
    put(new, live, key=False)  # as a renewal looks from outside for a moment
    with structlog.testing.capture_logs() as logs:
        files.look()
        files.look()
        assert files.context is before
        put(new, live)
        files.look()
    assert files.context is not before
    assert [line["event"] for line in logs] == ["tls.not_renewed", "tls.renewed"]
    assert "PRIVATE" not in repr(logs)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_cannot_be_loaded_is_not_used(live: Certificate, new: Certificate, content: bytes):
    files = taken(live)
    before = files.context
    live.certificate.write_bytes(content)
    files.look()
    live.certificate.unlink()
    files.look()
    assert files.context is before
    put(new, live)
    files.look()
    assert files.context is not before


async def answer(connection: Connection) -> None:
    await connection.handshake()
    while await connection.reader.read(65536):
        await connection.send(UPDATE)


async def test_sessions_go_on_while_certificates_change(
    live: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(certificates, "POLL", 0.05)
    tls = {"certificate": live.certificate, "key": live.key}
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    consoles = [f"vm{number}" for number in range(8)]
    async with (
        ScriptedServer(answer).running() as server,
        site(dict.fromkeys(consoles, server.url), listen={"tls": tls}) as running,
    ):
        running.url = running.url.replace("http:", "https:")
        port = running.gateway.public_port
        sockets = [await running.dial(f"lab/{name}", ssl=trusting) for name in consoles]
        for ws in sockets:
            await rfb_handshake(ws)
        asked = 0
        for number in range(4):
            new = loopback_certificate(tmp_path / str(number))
            put(new, live)
            while await presented(port) != serial(new.certificate):
                asked += 1
                assert asked < 500
                for ws in sockets:
                    await ws.send_bytes(REQUEST)
                    assert await read(ws, len(UPDATE)) == UPDATE
        assert len(running.gateway.registry) == len(consoles)
        for ws in sockets:
            await ws.close()


def test_modern_defaults(live: Certificate):
    context = taken(live).context
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    for cipher in context.get_ciphers():
        assert cipher["aead"], cipher["name"]
        assert cipher["kea"] in ("kx-ecdhe", "kx-any"), cipher["name"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_are_spoken(live: Certificate, version: ssl.TLSVersion):
    tls = {"certificate": live.certificate, "key": live.key}
    context = live.client_context()
    context.minimum_version = context.maximum_version = version
    async with site({"vm": "tcp://127.0.0.1:9"}, listen={"tls": tls}) as running:
        url = f"https://{LOOPBACK}:{running.gateway.public_port}/healthz"
        async with running.http.get(url, ssl=context) as answer:
            assert answer.status == 200
