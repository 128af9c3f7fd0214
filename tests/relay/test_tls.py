"""TLS as bytes in, bytes out, against OpenSSL driven by hand and against `openssl s_server`."""

import random
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.certificates import Certificate, loopback_certificate
from support.programs import LOOPBACK, free_port
from support.tls_peer import TlsPeer

from gateway.relay.buffer import ReceiveBuffer
from gateway.relay.tls import MAX_HELD, Tls

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
PICTURE = random.Random(1).randbytes(100_000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return loopback_certificate(tmp_path_factory.mktemp("tls"))


class Pair:
    """Our side and the other one; bytes of the other one come in pieces of `step`."""

    def __init__(
        self, certificate: Certificate, buffer: ReceiveBuffer, *, version: ssl.TLSVersion, step: int = 0
    ) -> None:
        context = certificate.client_context()
        context.minimum_version = context.maximum_version = version
        self.buffer = buffer
        self.tls = Tls(context, buffer, host=LOOPBACK)
        self.peer = TlsPeer(certificate.server_context())
        self.plain = bytearray()
        self.step = step

    def deliver(self, records: bytes) -> None:
        """Let our side take bytes, each piece read into the shared buffer and decrypted where it is."""
        step = self.step or len(self.buffer.sealed)
        for at in range(0, max(1, len(records)), step):
            piece = records[at : at + step]
            self.buffer.view[: len(piece)] = piece
            size = self.tls.receive(self.buffer.view[: len(piece)], self.buffer.view)
            self.plain += self.buffer.view[:size]
            assert not self.buffer.incoming.pending
            assert not self.buffer.outgoing.pending
            self.peer.receive(self.tls.to_send())

    def shake(self) -> None:
        self.deliver(b"")
        for _ in range(4):
            self.deliver(self.peer.records())
        assert self.tls.secured
        assert self.peer.secured

    def say(self, data: bytes) -> None:
        self.peer.receive(self.tls.encrypt(data))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("step", [0, 1, 7, 16_000])
def test_an_exchange_in_pieces_of_any_size(certificate: Certificate, version: ssl.TLSVersion, step: int) -> None:
    pair = Pair(certificate, ReceiveBuffer(), version=version, step=step)
    pair.shake()
    size = 20_000 if step == 1 else 100_000
    pair.say(b"request")
    pair.deliver(pair.peer.records(PICTURE[:size]))
    pair.say(PICTURE)
    assert pair.plain == PICTURE[:size]
    assert pair.peer.received == b"request" + PICTURE
    assert pair.tls.fault is None


def test_connections_share_buffers_and_nothing_else(certificate: Certificate) -> None:
    buffer, dice = ReceiveBuffer(), random.Random(2)
    pairs = [Pair(certificate, buffer, version=dice.choice(VERSIONS)) for _ in range(5)]
    said = [dice.randbytes(40_000) for _ in pairs]
    for pair in pairs:
        pair.shake()
    streams = [pair.peer.records(data) for pair, data in zip(pairs, said, strict=True)]
    while any(streams):
        number = dice.randrange(len(pairs))
        piece = dice.choice((1, 5, 100, 5000, 17_000))
        pairs[number].deliver(streams[number][:piece])
        pairs[number].say(b"x")
        streams[number] = streams[number][piece:]
    assert [bytes(pair.plain) for pair in pairs] == said


@pytest.mark.parametrize("version", VERSIONS)
def test_the_end_is_told_behind_the_last_bytes(certificate: Certificate, version: ssl.TLSVersion) -> None:
    pair = Pair(certificate, ReceiveBuffer(), version=version)
    pair.shake()
    pair.deliver(pair.peer.records(b"last words", close=True) + b"rubbish")
    assert pair.plain == b"last words"
    assert pair.tls.ended
    assert pair.tls.fault is None


def test_our_end_is_told_to_the_peer_at_any_time(certificate: Certificate) -> None:
    pair = Pair(certificate, ReceiveBuffer(), version=ssl.TLSVersion.TLSv1_3)
    pair.shake()
    pair.peer.receive(pair.tls.close_notify())
    assert pair.peer.ended
    assert pair.tls.encrypt(b"too late") == b""
    Pair(certificate, ReceiveBuffer(), version=ssl.TLSVersion.TLSv1_3).tls.close_notify()  # before it has begun


@pytest.mark.parametrize("version", VERSIONS)
def test_a_spoilt_record_is_a_fault_behind_what_was_whole(certificate: Certificate, version: ssl.TLSVersion) -> None:
    buffer = ReceiveBuffer()
    pair, other = (Pair(certificate, buffer, version=version) for _ in range(2))
    pair.shake()
    other.shake()
    records = pair.peer.records(b"whole") + pair.peer.records(b"spoilt")
    with pytest.raises(ssl.SSLError, match="bad record mac"):  # the peer hears of it
        pair.deliver(records[:-1] + bytes([records[-1] ^ 1]) + b"and more")
    assert pair.plain == b"whole"
    assert pair.tls.fault is not None
    assert pair.tls.encrypt(b"anything") == b""
    other.deliver(other.peer.records(b"unharmed"))
    assert other.plain == b"unharmed"


def test_what_is_no_tls_is_a_fault(certificate: Certificate) -> None:
    tls = Tls(certificate.client_context(), ReceiveBuffer(), host=LOOPBACK)
    tls.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n", memoryview(bytearray(32 * 1024)))
    assert tls.fault is not None


@pytest.mark.parametrize("host", ["localhost", "another.example"])
def test_the_certificate_must_name_the_host(certificate: Certificate, host: str) -> None:
    pair = Pair(certificate, ReceiveBuffer(), version=ssl.TLSVersion.TLSv1_3)
    pair.tls = Tls(certificate.client_context(), pair.buffer, host=host)
    if host == "localhost":
        pair.shake()
        return
    with pytest.raises(ssl.SSLError, match="bad certificate"):
        pair.shake()
    assert isinstance(pair.tls.fault, ssl.SSLCertVerificationError)


class CommandLine:
    """`openssl s_server` and a socket to it, whose bytes go through our side."""

    def __init__(self, process: subprocess.Popen[bytes], tls: Tls, sock: socket.socket) -> None:
        self._process = process
        self._view = memoryview(bytearray(64 * 1024))
        self.tls = tls
        self.sock = sock
        self.plain = b""

    def type(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def step(self) -> None:
        """Take what comes, answer nothing."""
        data = self.sock.recv(64 * 1024)
        assert data, "the connection was closed"
        self.plain += self._view[: self.tls.receive(data, self._view)]

    def flush(self) -> None:
        self.sock.sendall(self.tls.to_send())

    def read_until(self, wanted: bytes) -> None:
        while wanted not in self.plain:
            self.step()
            self.flush()

    def heard(self, wanted: bytes) -> bool:
        """Whether the server's output says so soon."""
        assert self._process.stdout is not None
        output = b""
        while wanted not in output:
            line = self._process.stdout.readline()
            if not line:
                return False
            output += line
        return True


@contextmanager
def s_server(certificate: Certificate, version: ssl.TLSVersion) -> Iterator[CommandLine]:
    """Run it on loopback, and shake hands."""
    port = free_port()
    argv = ["openssl", "s_server", "-accept", f"{LOOPBACK}:{port}", "-cert", certificate.certificate]
    process = subprocess.Popen(
        [*argv, "-key", certificate.key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    sock = None
    try:
        deadline = time.monotonic() + 20
        while sock is None:
            try:
                sock = socket.create_connection((LOOPBACK, port), timeout=20)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        context = certificate.client_context()
        context.maximum_version = version
        line = CommandLine(process, Tls(context, ReceiveBuffer(), host="localhost"), sock)
        line.tls.receive(b"", memoryview(bytearray(0)))
        line.flush()
        while not line.tls.secured:
            line.step()
            line.flush()
        yield line
    finally:
        if sock is not None:
            sock.close()
        process.kill()
        process.communicate()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("command", [b"k", b"K"])
def test_keys_are_updated_in_mid_stream(certificate: Certificate, command: bytes) -> None:
    """RFC 8446 §4.6.3: without and with a request to do the same."""
    with s_server(certificate, ssl.TLSVersion.TLSv1_3) as line:
        line.type(b"before")
        line.read_until(b"before\n")
        line.type(command)
        line.step()  # only then: a command that comes with more in one read is data
        line.flush()
        line.type(b"after")
        line.read_until(b"after\n")
        line.sock.sendall(line.tls.encrypt(b"still here\n"))
        assert line.heard(b"still here\n")
        assert line.tls.fault is None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("too_much", [False, True])
def test_what_is_written_in_a_renegotiation_goes_behind_it(certificate: Certificate, *, too_much: bool) -> None:
    """RFC 5246 §7.4.1.1: TLS 1.2 sends no data between its ClientHello and the server's answer."""
    with s_server(certificate, ssl.TLSVersion.TLSv1_2) as line:
        line.type(b"before")
        line.read_until(b"before\n")
        line.type(b"r")
        line.step()  # HelloRequest
        assert line.tls.encrypt(b"still ") == b""
        if too_much:
            assert line.tls.encrypt(bytes(MAX_HELD)) == b""
            assert line.tls.fault is not None
            return
        assert line.tls.encrypt(b"here\n") == b""
        line.flush()
        reading = threading.Thread(target=line.read_until, args=(b"after\n",))
        reading.start()
        assert line.heard(b"still here\n")
        line.type(b"after")
        reading.join()
        assert line.tls.fault is None
